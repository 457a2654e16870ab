"""Projection: from query cells to embedding, label, confidence and position on the map."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from smile_runtime.annotation import Projection, require_free, require_key, write_fields
from smile_runtime.calibration import confidence
from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder
from smile_runtime.errors import QueryError
from smile_runtime.labels import neighbour_weights, transfer_labels
from smile_runtime.matching import FeatureMatch, match_query, require_summable
from smile_runtime.matrix import CHUNK
from smile_runtime.neighbours import nearest_neighbours
from smile_runtime.query import QueryValues, read_values, select_matrix
from smile_runtime.session import installed_packages
from smile_runtime.similarity import UNKNOWN, UNKNOWN_RATE, mean_distance, require_rate, similarity
from smile_runtime.space import Space
from smile_runtime.values import ValueKind

if TYPE_CHECKING:
    from anndata import AnnData


def project(
    adata: "AnnData",
    space: Space,
    *,
    modality: str | None = None,
    layer: str | None = None,
    values: ValueKind | None = None,
    features: str | None = None,
    overlap: bool = False,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    key_added: str = "smile",
    overwrite: bool = False,
    copy: bool = False,
    progress: Callable[[int], object] = lambda _n_cells: None,
) -> "AnnData | None":
    """Project cells into a space and write what comes out into their AnnData.

    Parameters
    ----------
    adata
        Query cells, shape ``(n_obs, n_vars)``, raw counts or log-normalised values; symbols, Ensembl ids or coordinates
        of the features in ``var_names`` or a column of ``var``.
    space
        An open space.
    modality
        Which encoder; None for the only one.
    layer
        Where the values are; None for ``X``.
    values
        What they are; None: recognised.
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
        Called with the number of cells each time some are done.

    Returns
    -------
        None, or the copy. These fields are written:

        ``obsm["X_smile"]``
            Embedding, float32, shape ``(n_obs, n_latent)``, L2-normalised.
        ``obs["smile_label"]``
            Transferred label, categorical, ``unknown`` where nothing similar is in the reference (where that has
            labels).
        ``obs["smile_confidence"]``
            Probability that the label of its neighbours is right, for a cell of a known type, float32, 0 to 1
            (likewise).
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
    require_key(key_added)
    require_rate(unknown_rate)
    if not overwrite:
        require_free(adata, key_added)
    if copy and adata.isbacked:
        raise QueryError("a backed AnnData cannot be copied in memory; leave out copy, or give adata.to_memory()")
    encoder = space.encoder(modality)
    matrix = select_matrix(adata, layer)
    match = match_query(adata, encoder, space.manifest.organism, features=features, overlap=overlap)
    query = read_values(matrix, encoder.preprocessing.target_sum, values, encoder.record.preprocessing.values)
    require_summable(match, query.kind)
    projection = project_values(
        query, match, space, encoder, unknown_rate=unknown_rate, batch_size=batch_size, progress=progress
    )
    target = adata.copy() if copy else adata
    write_fields(target, projection, key_added)
    return target if copy else None


def project_values(
    query: QueryValues,
    match: FeatureMatch,
    space: Space,
    encoder: Encoder,
    *,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: Callable[[int], object] = lambda _n_cells: None,
) -> Projection:
    """Project values whose kind and features are known; a part of `project`."""
    size_factor = encoder.preprocessing.size_factors(query.totals)
    embedding = np.empty((len(query), encoder.record.n_latent), np.float32)
    for start in range(0, len(query), CHUNK):
        rows = query.raw(start, start + CHUNK, match, len(encoder.features))
        embedding[start : start + CHUNK] = encoder.encode(
            rows, size_factor[start : start + CHUNK], batch_size=batch_size
        )
        progress(len(rows))

    record = space.manifest.reference
    reference = space.reference.of(encoder.record.voters)
    neighbours = nearest_neighbours(embedding, reference.embedding, record.n_neighbors)
    position = np.einsum("nk,nkc->nc", neighbour_weights(neighbours, reference), reference.map[neighbours.indices])
    label = score = usual = None
    if encoder.record.similarity is not None:
        usual = similarity(mean_distance(neighbours), encoder.record.similarity)
    if reference.labels:
        transfer = transfer_labels(neighbours, reference)
        label = np.array(reference.labels, dtype=object)[transfer.label]
        score = confidence(transfer.share, encoder.record.calibration)
        if usual is not None:
            label[usual < unknown_rate] = UNKNOWN
    provenance = {**_provenance(query, match, space, encoder), "unknown_rate": unknown_rate}
    return Projection(embedding, label, score, usual, position.astype(np.float32), provenance)


def _provenance(query: QueryValues, match: FeatureMatch, space: Space, encoder: Encoder) -> dict[str, Any]:
    import platform
    from importlib import metadata

    versions = {name: metadata.version(name) for name in ("smile-zoo", "numpy", "anndata")}
    return {
        "space": space.name,
        "revision": space.revision,
        "manifest_sha256": space.manifest_sha256,
        "modality": encoder.modality,
        "values": query.kind,
        "n_features_matched": match.n_matched,
        "weight_matched": match.weight,
        "features_missing": np.array(match.missing, dtype=object),
        "features": match.report.as_uns(),
        "provider": encoder.provider,
        "precision": encoder.precision,
        "versions": {**versions, **installed_packages(), "python": platform.python_version()},
    }
