"""Projection of cells in arrays, without AnnData."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn, ValueKind
from smile_runtime.mapping import UNKNOWN_RATE, Records
from smile_runtime.projection.finish import finish_projection
from smile_runtime.projection.preparation import ProjectionOptions, prepare
from smile_runtime.projection.streaming import project_rows, rows_per_read
from smile_runtime.query import ArrayQuery
from smile_runtime.results import (
    Batches,
    ClusterLabel,
    MemoryResults,
    Projection,
    fields_on_request,
    label_names,
    make_clusters,
)
from smile_runtime.space import Space


@dataclass(frozen=True, eq=False, kw_only=True)
class ColumnLabels:
    """Labels of the cells in one label column of the reference.

    Attributes
    ----------
    labels
        Transferred label, or ``unknown``, shape ``(n,)``.
    nearest_labels
        Label with the most votes, also for unknown cells, shape ``(n,)``.
    confidence
        Probability that the nearest label is right for a cell of a known type, shape ``(n,)``.
    """

    labels: NDArray[np.object_]
    nearest_labels: NDArray[np.object_]
    confidence: NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayProjection:
    """Results of a projection of arrays; those that the space does not provide are None.

    Attributes
    ----------
    embedding
        L2-normalized embedding, float32, shape ``(n, n_latent)``.
    map
        Position on the reference map, float32, shape ``(n, 2)``.
    similarity
        Share of known-type cells that are less like the reference, shape ``(n,)``.
    columns
        Labels by label column, the primary one first.
    provenance
        Space, manifest sha256, modality, features, kind of values, provider, versions.
    probabilities
        Probability of each primary label, named in ``provenance["probability_labels"]``, shape ``(n, n_labels)``.
    runner_up
        Primary label with the second highest probability, shape ``(n,)``.
    margin
        Difference of the two highest probabilities, shape ``(n,)``.
    sets
        Labels that the cell has with the probability asked for, joined by ``|``, shape ``(n,)``.
    guaranteed_labels
        Finest label that those in the set share, ``unknown`` or empty if there is none, shape ``(n,)``.
    clusters
        Labels of the clusters.
    """

    embedding: NDArray[np.float32]
    map: NDArray[np.float32]
    similarity: NDArray[np.float32] | None
    columns: dict[str, ColumnLabels]
    provenance: dict[str, Any]
    probabilities: NDArray[np.float32] | None = None
    runner_up: NDArray[np.object_] | None = None
    margin: NDArray[np.float32] | None = None
    sets: NDArray[np.object_] | None = None
    guaranteed_labels: NDArray[np.object_] | None = None
    clusters: Sequence[ClusterLabel] | None = None

    @property
    def labels(self) -> NDArray[np.object_] | None:
        """Primary label of each cell, or ``unknown``, shape ``(n,)``."""
        return None if self._primary is None else self._primary.labels

    @property
    def nearest_labels(self) -> NDArray[np.object_] | None:
        """Nearest primary label, also of unknown cells, shape ``(n,)``."""
        return None if self._primary is None else self._primary.nearest_labels

    @property
    def confidence(self) -> NDArray[np.float32] | None:
        """Confidence in the nearest primary label, shape ``(n,)``."""
        return None if self._primary is None else self._primary.confidence

    @property
    def _primary(self) -> ColumnLabels | None:
        return next(iter(self.columns.values()), None)


def project_arrays(
    X: object,
    feature_names: ArrayLike,
    space: Space,
    *,
    modality: str | None = None,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    overlap: bool = False,
    min_matched: float | None = None,
    unknown_rate: float = UNKNOWN_RATE,
    probabilities: bool = False,
    coverage: float | None = None,
    clusters: ArrayLike | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> ArrayProjection:
    """Project cells in arrays into a space; needs no AnnData, and gives the same results as `project`.

    Parameters
    ----------
    X
        Raw counts or log-normalized values, ndarray or scipy sparse matrix, shape ``(n, n_features)``.
    feature_names
        Symbols, ids or coordinates of the columns, shape ``(n_features,)``, in any order.
    space
        Open space.
    modality, values, target_sum, overlap, min_matched, unknown_rate, probabilities, coverage, batch_size
        As in `project`.
    clusters
        Cluster of each cell, shape ``(n,)``; None to label no clusters.

    Returns
    -------
        Embedding, labels, confidence, similarity and map position of each cell, in the row order of ``X``.

    Raises
    ------
    SmileError
        As `project`.
    """
    options = ProjectionOptions(
        modality=modality,
        values=values,
        target_sum=target_sum,
        overlap=overlap,
        min_matched=min_matched,
        unknown_rate=unknown_rate,
        probabilities=probabilities,
        coverage=coverage,
        clusters=None if clusters is None else "clusters",
        batch_size=batch_size,
    )
    query = ArrayQuery.of(X, feature_names)
    groups = None if clusters is None else _clusters(clusters, query.n_obs)
    prepared = prepare(query, space, options)
    results = MemoryResults(prepared.interpretation)
    n_read = rows_per_read(prepared.matrix)
    project_rows(prepared.matrix, prepared.projector, results, progress=lambda _n, _total: None, n_read=n_read)
    return _array_projection(finish_projection(space, prepared, results, options, groups))


def _clusters(clusters: ArrayLike, n_obs: int) -> Batches:
    import pandas as pd

    names = np.asarray(clusters)
    if names.shape != (n_obs,):
        raise QueryError(f"X has {n_obs:,} cells, clusters has shape {names.shape}; pass one cluster per cell")
    return make_clusters(pd.Series(names), "clusters")


def _array_projection(projection: Projection) -> ArrayProjection:
    records = np.concatenate(list(projection.results.blocks()))
    further = {key: field(records) for key, field in fields_on_request(projection, "").items()}
    return ArrayProjection(
        embedding=records["embedding"].copy(),
        map=records["map"].copy(),
        similarity=records["similarity"].copy() if projection.has_similarity else None,
        columns={each.name: _labels(records, index, each) for index, each in enumerate(projection.columns)},
        provenance=projection.provenance,
        probabilities=records["probability"].copy() if projection.probabilities else None,
        runner_up=further.get("_runner_up"),
        margin=further.get("_margin"),
        sets=further.get("_set"),
        clusters=projection.clusters,
        guaranteed_labels=further.get("_label_guaranteed"),
    )


def _labels(records: Records, index: int, column: LabelColumn) -> ColumnLabels:
    return ColumnLabels(
        labels=label_names(records["label"][:, index], column),
        nearest_labels=label_names(records["nearest"][:, index], column),
        confidence=records["confidence"][:, index].copy(),
    )
