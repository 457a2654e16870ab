"""Left-out cells as a projection sees them: their labels, votes and measures."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import (
    LabelMeans,
    LabelProfiles,
    Measures,
    Reference,
    are_undetermined,
    find_nearest_neighbors,
    label_distances,
    mean_distance,
    measure,
    transfer_labels,
)
from smile_training.data import Cells
from smile_training.model import CellEncoder
from smile_training.reference import measured_sets


@dataclass(frozen=True, eq=False, kw_only=True)
class QueriedCells:
    """Cells that were mapped onto a reference.

    Attributes
    ----------
    names
        Names of the cells, shape ``(n,)``.
    label
        Transferred label ids in every column, shape ``(n, n_columns)``.
    share
        Share of the vote that each label won, shape ``(n, n_columns)``.
    right
        Whether each label is right, shape ``(n, n_columns)``.
    labeled
        Whether a cell has a label of its own that says something about the level, shape ``(n, n_columns)``.
    determined
        Whether the transferred label says something about the level, shape ``(n, n_columns)``; otherwise its confidence
        is that of the coarser label.
    known
        Whether a cell's own label is one of the reference, shape ``(n,)``.
    distance
        Mean distance to the nearest points, shape ``(n,)``.
    measures
        Measures of the cells; None without profiles.
    own
        Primary label ids of the cells' own labels, -1 for none, shape ``(n,)``.
    label_distance
        Distance to the nearest point of each primary label, shape ``(n, n_labels)``.
    detected
        Number of the encoder's features that each cell detects, shape ``(n,)``.
    further_distances
        Distance to the nearest point of each label in every further column, each of shape ``(n, n_labels)``; empty
        unless they were asked for.
    """

    names: NDArray[np.object_]
    label: NDArray[np.int64]
    share: NDArray[np.float32]
    right: NDArray[np.bool_]
    labeled: NDArray[np.bool_]
    determined: NDArray[np.bool_]
    known: NDArray[np.bool_]
    distance: NDArray[np.float32]
    measures: Measures | None
    own: NDArray[np.int64]
    label_distance: NDArray[np.float32]
    detected: NDArray[np.int64]
    further_distances: tuple[NDArray[np.float32], ...] = ()

    def subset(self, rows: NDArray[np.bool_]) -> "QueriedCells":
        """Return some of the cells, given by a mask of shape ``(n,)``."""
        others = ("measures", "further_distances")
        arrays = {each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name not in others}
        measures = None if self.measures is None else self.measures.subset(np.flatnonzero(rows))
        further = tuple(distance[rows] for distance in self.further_distances)
        return QueriedCells(**arrays, measures=measures, further_distances=further)


def query_cells(
    cells: Cells,
    encoder: CellEncoder,
    reference: Reference,
    profiles: LabelProfiles | None,
    n_neighbors: int,
    *,
    further_distances: bool = False,
) -> QueriedCells:
    """Map cells onto a reference, as a projection does.

    Parameters
    ----------
    cells
        Cells of one modality.
    encoder
        Its encoder.
    reference
        Points that label the cells.
    profiles
        Profiles of the labels in the encoder's features; None to measure nothing but distances.
    n_neighbors
        Number of nearest points.
    further_distances
        Whether to measure the distance to the labels of all columns, not only of the primary one.
    """
    aligned = encoder.align_features(cells)
    embedding, components = encoder.embed_with_components(aligned)
    neighbors = find_nearest_neighbors(embedding, reference.embedding, n_neighbors)
    distance = mean_distance(neighbors)
    transfers = transfer_labels(neighbors, reference, LabelMeans.of(reference).distances(embedding))
    empty = np.zeros((len(cells), 0))
    label = np.stack([each.label for each in transfers], axis=1) if transfers else empty.astype(np.int64)
    true = cells.label_ids
    return QueriedCells(
        names=cells.names,
        label=label,
        share=np.stack([each.share for each in transfers], axis=1) if transfers else empty.astype(np.float32),
        right=label == true,
        labeled=(true >= 0) & ~are_undetermined(true, reference.label_columns),
        determined=~are_undetermined(label, reference.label_columns),
        known=np.isin(true[:, 0], reference.label[:, 0]) if transfers else np.ones(len(cells), bool),
        distance=distance,
        measures=None if profiles is None else _measure(aligned, encoder, components, profiles, distance),
        own=true[:, 0] if transfers else np.full(len(cells), -1),
        label_distance=label_distances(embedding, reference) if transfers else empty.astype(np.float32),
        detected=np.asarray((aligned.raw > 0).sum(axis=1)).ravel(),
        further_distances=tuple(
            label_distances(embedding, reference, column)
            for column in range(1, len(reference.label_columns) if further_distances else 1)
        ),
    )


def _measure(
    cells: Cells,
    encoder: CellEncoder,
    components: NDArray[np.float32] | None,
    profiles: LabelProfiles,
    distance: NDArray[np.float32],
) -> Measures:
    """Measure cells, those with the same measured features together."""
    parts, order = [], []
    for each in measured_sets(cells, encoder, components):
        parts.append(measure(distance[each.rows], each.values, profiles.select_features(each.measured), each.weight))
        order.append(each.rows)
    return joined(parts).subset(np.argsort(np.concatenate(order)))


def joined(parts: Sequence[Measures]) -> Measures:
    """Return the measures of several sets of cells as one; without deviations, if a set has none."""
    deviations = [part.deviation for part in parts if part.deviation is not None]
    return Measures(
        log_distance=np.concatenate([part.log_distance for part in parts]),
        surprise=np.concatenate([part.surprise for part in parts]),
        deviation=np.concatenate(deviations) if len(deviations) == len(parts) else None,
        log_detected=np.concatenate([part.log_detected for part in parts]),
        log_measured=np.concatenate([part.log_measured for part in parts]),
    )
