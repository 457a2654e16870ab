"""Projection: from query cells to embedding, label, confidence and position on the map."""

from typing import TYPE_CHECKING

import numpy as np

from smile_runtime.arrays import DaskRows
from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection.checks import require_cells
from smile_runtime.projection.dask import project_dask
from smile_runtime.projection.preparation import Options, Prepared, prepare
from smile_runtime.projection.provenance import provenance
from smile_runtime.projection.streaming import Progress, project_rows, rows_at_once
from smile_runtime.query import AnnDataQuery, MatrixLocation, warn_of_empty
from smile_runtime.results import MemoryResults, Projection, Results, write_fields
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


def project(
    adata: "AnnData",
    space: Space,
    *,
    modality: str | None = None,
    layer: str | None = None,
    use_raw: bool = False,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    features: str | None = None,
    overlap: bool = False,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    key_added: str = "smile",
    overwrite: bool = False,
    copy: bool = False,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> "AnnData | None":
    """Project cells into a space and write what comes out into their AnnData.

    Parameters
    ----------
    adata
        Query cells, shape ``(n_obs, n_vars)``, raw counts or log-normalized values; in memory, backed or as Dask
        arrays. Symbols, Ensembl ids or coordinates of the features are in ``var_names`` or a column of ``var``.
    space
        An open space.
    modality
        Which encoder; None for the only one.
    layer
        Where the values are; None for ``X``.
    use_raw
        Whether the values are those of ``raw``, which may have more features.
    values
        What they are; None: recognized.
    target_sum
        What log-normalized cells were scaled to before the logarithm; None: what each adds up to, or the encoder's own
        where features were taken away since.
    features
        Where the ids of the features are: ``var_names`` or a column of ``var``; None: where they fit best.
    overlap
        Whether a peak or bin of the query goes to the one of the space that it overlaps most, rather than to the same
        one alone.
    unknown_rate
        Cells whose similarity is below this get the label ``unknown``: about this share of the cells of known types.
    batch_size
        Cells that run through the encoder together; changes speed, not results.
    key_added
        Stem of the names of the fields that are written.
    overwrite
        Whether fields of these names may be replaced.
    copy
        Whether to write into a copy and return it.
    progress
        Called with the number of cells done now, and of all cells, each time some are done.

    Returns
    -------
        None, or the copy. These fields are written:

        ``obsm["X_smile"]``
            Embedding, float32, shape ``(n_obs, n_latent)``, L2-normalized.
        ``obs["smile_label"]``
            Transferred label, categorical, ``unknown`` where nothing similar is in the reference (where that has
            labels).
        ``obs["smile_confidence"]``
            Probability that the label of its neighbors is right, for a cell of a known type, float32, 0 to 1
            (likewise).
        ``obs["smile_label_<column>"]``, ``obs["smile_confidence_<column>"]``
            The same of each further label column of the reference: coarser levels, which never contradict the label,
            and others.
        ``obs["smile_similarity"]``
            Share of cells of known types that are farther from the reference, float32, 0 to 1 (where that was
            measured).
        ``obsm["X_smile_map"]``
            Position on the reference map, float32, shape ``(n_obs, 2)``.
        ``uns["smile"]``
            Provenance: space, manifest sha256, modality, features, kind of values, provider, versions.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be projected.
    UnknownModalityError
        If the space has no such encoder.
    DependencyError, DeviceError
        If ONNX Runtime, or the device, does not work.
    SpaceError
        If this ONNX Runtime cannot run the encoder.
    """
    place = MatrixLocation(layer, use_raw)
    options = Options(
        modality, place, values, target_sum, features, overlap, unknown_rate, batch_size, key_added, overwrite
    )
    options.check()
    require_cells(adata, copy=copy)
    prepared = prepare(AnnDataQuery(adata), space, options)
    results = MemoryResults(prepared.reading)
    if isinstance(prepared.matrix, DaskRows):
        project_dask(prepared.matrix.array, prepared.projector, space, results, progress)
    else:
        project_rows(prepared.matrix, prepared.projector, results, progress, rows_at_once(prepared.matrix))
    target = adata.copy() if copy else adata
    write_fields(target, finish(space, prepared, results), key_added)
    return target if copy else None


def finish(space: Space, prepared: Prepared, results: Results) -> Projection:
    """Return a projection that is done, and say what is odd about it."""
    n_empty = sum(int(np.count_nonzero(records["total"] == 0)) for records in results.blocks())
    warn_of_empty(n_empty, len(results), results.reading.kind)
    prepared.projector.reader.warn_of_assumption(results.reading)
    mapper = prepared.projector.mapper
    return Projection(
        results,
        mapper.columns,
        mapper.record.similarity is not None,
        provenance(space, prepared.projector, results.reading),
    )
