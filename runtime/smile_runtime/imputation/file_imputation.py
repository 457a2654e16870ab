"""Imputation from file to file: streamed, and written completely or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.errors import OutputError
from smile_runtime.imputation.imputer import UNS_KEY, Imputer
from smile_runtime.io import open_hdf5, require_apart, require_free
from smile_runtime.manifest import ImputationRecord, ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import Progress, open_encoder_query, project_stored
from smile_runtime.query import MatrixLocation, require_cell_names
from smile_runtime.results import Projection, unfinished_folder, unfinished_path
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, eq=False, kw_only=True)
class ImputationSummary:
    """What was imputed.

    Attributes
    ----------
    n_cells
        Number of cells.
    n_unknown
        Number of unknown cells, which got no values.
    record
        What the manifest states about the values.
    provenance
        Provenance as ``uns`` stores it.
    """

    n_cells: int
    n_unknown: int
    record: ImputationRecord
    provenance: dict[str, Any]


def impute_file(
    query: Path | str,
    space: Space,
    output: Path | str,
    *,
    modality_to: str,
    modality_from: str | None = None,
    table: str | None = None,
    layer: str | None = None,
    use_raw: bool = False,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    features: str | None = None,
    overlap: bool = False,
    min_matched: float | None = None,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    force: bool = False,
    resume: bool = False,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> ImputationSummary:
    """Write the values of another modality that are expected of the cells of a file.

    Cells are streamed: of all cells, memory holds ``obs`` alone. Until the output is complete, everything written is
    kept in a folder beside it, ``OUTPUT.unfinished``.

    Parameters
    ----------
    query, table
        As in `project_file`.
    space
        Open space.
    output
        ``.h5ad`` file to write, with what `impute` returns.
    modality_to, modality_from, unknown_rate
        As in `impute`.
    layer, use_raw, values, target_sum, features, overlap, min_matched, batch_size
        As in `project`.
    force, resume, progress
        As in `project_file`.

    Returns
    -------
        What was imputed.

    Raises
    ------
    UnknownModalityError
        If the space has no expected values of the modality.
    QueryError, FeatureMatchError, ValueKindError, DependencyError, DeviceError, SpaceError
        As `project_file`.
    OutputError
        If ``output`` is no ``.h5ad`` file, exists, is the query, or cannot be written. Nothing is left half-written.
    """
    query, output = Path(query), Path(output)
    if output.suffix != ".h5ad":
        raise OutputError(f"expected values are written as .h5ad, got {output.name}; choose another name")
    imputer = Imputer.of(space, modality_to, modality_from, unknown_rate)
    options = imputer.options(
        MatrixLocation(layer, use_raw),
        values=values,
        target_sum=target_sum,
        features=features,
        overlap=overlap,
        min_matched=min_matched,
        batch_size=batch_size,
    )
    require_apart(output, query)
    require_apart(unfinished_path(output), query)
    require_free(output, force=force)
    encoder = space.encoder(options.modality)
    with (
        unfinished_folder(output, resume=resume, force=force) as folder,
        open_encoder_query(query, space, encoder, folder, table=table) as stored,
    ):
        require_cell_names(stored)
        with project_stored(stored, space, options, folder, progress) as projection:
            _write(folder / output.name, stored.obs_frame(), imputer, projection)
            unknown = (np.count_nonzero(imputer.are_unknown(each)) for each in projection.results.blocks())
            return ImputationSummary(
                n_cells=len(projection.results),
                n_unknown=int(sum(unknown)),
                record=imputer.record,
                provenance={**imputer.provenance(projection), **stored.table_provenance},
            )


def _write(path: Path, obs: "pd.DataFrame", imputer: Imputer, projection: Projection) -> None:
    from anndata import AnnData
    from anndata.io import write_elem

    without_values = AnnData(obs=obs, var=imputer.var(), uns={UNS_KEY: imputer.provenance(projection)})
    with open_hdf5(path, "w") as file:
        write_elem(file, "/", without_values)
        shape = (len(obs), imputer.n_features)
        rows = min(len(obs), max(1, _CHUNK_BYTES // (4 * imputer.n_features)))
        stored = file.create_dataset("X", shape, np.float32, chunks=(rows, imputer.n_features), compression="gzip")
        stored.attrs["encoding-type"], stored.attrs["encoding-version"] = "array", "0.2.0"
        start = 0
        for block in imputer.blocks(projection):
            stored[start : start + len(block)] = block
            start += len(block)
