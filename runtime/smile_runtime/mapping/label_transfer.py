"""Label transfer: a weighted vote of a cell's nearest neighbors in the reference, and of the means of labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn, is_finer_level, order_by_level, undetermined_labels
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors
from smile_runtime.mapping.reference import Reference

_MIN_KERNEL_WIDTH = 1e-3
_MEAN_WIDTH = 0.45
_MIN_MEAN_DISTANCE = 1e-6


@dataclass(frozen=True, eq=False)
class LabelTransfer:
    """Labels that query cells receive in one label column.

    Attributes
    ----------
    label
        Label ids, indices into the column's list of labels, shape ``(n,)``; -1 if points without a label won.
    share
        Fraction of the votes for that label, 0 to 1, shape ``(n,)``. Where some of the votes for the coarser label say
        nothing about this level, its share times the fraction of the others.
    """

    label: NDArray[np.int64]
    share: NDArray[np.float32]


def neighbor_weights(neighbors: NearestNeighbors, reference: Reference) -> NDArray[np.float32]:
    """Return the weight of each neighbor, shape ``(n, k)``, rows summing to 1.

    The weight is the square root of the number of cells that the point stands for, times a Gaussian of its distance.
    With the number itself, frequent types would outvote rare ones far beyond their own cells. The width of the Gaussian
    is the distance of the nearest neighbor, so weights hardly depend on the local density or on k.
    """
    width = np.maximum(neighbors.distances[:, :1], _MIN_KERNEL_WIDTH)
    weights = np.sqrt(reference.weight[neighbors.indices]) * np.exp(-np.square(neighbors.distances / width))
    result: NDArray[np.float32] = weights / weights.sum(axis=1, keepdims=True)
    return result


def transfer_labels(
    neighbors: NearestNeighbors, reference: Reference, mean_distances: Sequence[NDArray[np.float64]]
) -> list[LabelTransfer]:
    """Label cells by a vote of their neighbors, and of the means of labels, in every label column.

    The farther a cell lies from the points of the reference, the less its nearest ones say about it. The share of the
    votes that goes to the means is therefore the cube of the distance to the nearest point divided by the distance to
    the nearest mean; it is split among the means by a Gaussian of their distance. In a level coarser than the primary
    one, the votes of the means of its finer labels are summed.

    Levels of a hierarchy are decided from coarse to fine: only labels within the coarser winner can win, so the levels
    never contradict one another. Points without a label in a column vote there for none. In a column finer than the
    primary one, points of which nothing finer is known do not compete with those that have finer labels, and means vote
    only where no neighbor has the coarser label.

    Parameters
    ----------
    neighbors
        Nearest reference points of each cell.
    reference
        Reference with the labels of these points.
    mean_distances
        Distances to the mean of each label, by label column (`LabelMeans.distances`); those that are infinite do not
        vote.

    Returns
    -------
        One result for each label column of the reference, in their order; empty for a reference without labels.
    """
    weights = neighbor_weights(neighbors, reference)
    columns = reference.label_columns
    undetermined = undetermined_labels(columns)
    of_means = _votes_of_means(neighbors.distances[:, 0], columns, mean_distances)
    won: dict[str, LabelTransfer] = {}
    for index in order_by_level(columns):
        column = columns[index]
        votes = _votes(weights, reference.label[neighbors.indices, index], len(column.labels))
        is_finer = is_finer_level(column, columns)
        if not is_finer:
            votes = (1 - of_means[index].sum(axis=1, keepdims=True)) * votes + of_means[index]
        if column.within is None:
            won[column.name] = _winners(votes)
            continue
        coarser = won[column.within]
        inside = np.array([*column.parents, -1]) == coarser.label[:, None]  # (n, n_labels + 1)
        votes = np.where(inside, votes, 0)
        if is_finer:
            votes = np.where(votes.any(axis=1, keepdims=True), votes, np.where(inside, of_means[index], 0))
            won[column.name] = _finer_winners(votes, np.array([*undetermined[index], False]), coarser)
        else:
            won[column.name] = _winners(votes)
    return [won[column.name] for column in columns]


def are_undetermined(label: NDArray[np.integer], columns: Sequence[LabelColumn]) -> NDArray[np.bool_]:
    """Return whether labels say nothing about their level, because only that of the parent is known.

    Parameters
    ----------
    label
        Label ids in each column, -1 for none, shape ``(n, n_columns)``.
    columns
        Label columns.

    Returns
    -------
        Shape ``(n, n_columns)``; False for no label.
    """
    result = np.zeros(label.shape, bool)
    for index, undetermined in enumerate(undetermined_labels(columns)):
        result[:, index] = np.array([*undetermined, False])[label[:, index]]
    return result


def _winners(votes: NDArray[np.float32]) -> LabelTransfer:
    """Return the labels with the most votes; the last column of ``votes`` is for none."""
    winner = votes.argmax(axis=1)
    label = np.where(winner < votes.shape[1] - 1, winner, -1)
    return LabelTransfer(label, votes[np.arange(len(votes)), winner])


def _finer_winners(
    votes: NDArray[np.float32], undetermined: NDArray[np.bool_], coarser: LabelTransfer
) -> LabelTransfer:
    """Return the labels with the most votes among those that say something about this level, if there are any.

    The share is that of the coarser label, divided among the votes that say something.
    """
    telling = np.where(undetermined, 0, votes)
    total = telling.sum(axis=1)
    told = total > 0
    won = _winners(np.where(told[:, None], telling, votes))
    share = np.where(told, coarser.share * (won.share / np.where(told, total, 1)), coarser.share)
    return LabelTransfer(won.label, share.astype(np.float32))


def _votes(weights: NDArray[np.float32], labels: NDArray[np.int64], n_labels: int) -> NDArray[np.float32]:
    """Return the sum of neighbor weights for each label and, last, for none (-1), shape ``(n, n_labels + 1)``."""
    votes = np.zeros((len(weights), n_labels + 1), np.float32)
    np.add.at(votes, (np.arange(len(weights))[:, None], labels), weights)
    return votes


def _votes_of_means(
    nearest: NDArray[np.float32], columns: Sequence[LabelColumn], distances: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float32]]:
    """Return the votes of means for each label of each column and, last, for none, shape ``(n, n_labels + 1)``.

    They sum to the share of the means or, in levels finer than the primary one, to 1.
    """
    votes = []
    for column, distance in zip(columns, distances, strict=True):
        share = 1.0 if is_finer_level(column, columns) else _share_of_means(nearest, distance)
        votes.append(np.pad(share * _shared_by_distance(distance), ((0, 0), (0, 1))).astype(np.float32))
    index_of = {column.name: index for index, column in enumerate(columns)}
    finer = 0
    while columns and (within := columns[finer].within) is not None:  # a coarser level sums what its labels have
        coarser = index_of[within]
        votes[coarser][:] = 0
        np.add.at(votes[coarser].T, [*columns[finer].parents, -1], votes[finer].T)
        finer = coarser
    return votes


def _share_of_means(nearest: NDArray[np.float32], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the means among all votes, shape ``(n, 1)``."""
    closest = np.maximum(distance.min(axis=1, keepdims=True), _MIN_MEAN_DISTANCE)
    share: NDArray[np.float64] = np.minimum(nearest[:, None] / closest, 1) ** 3
    return share


def _shared_by_distance(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return votes by a Gaussian of the distance to means, rows summing to 1, or to 0 if there is no mean."""
    closest = distance.min(axis=1, keepdims=True)
    weights = np.exp((np.where(np.isfinite(closest), closest, 0) ** 2 - distance**2) / _MEAN_WIDTH**2)
    total = weights.sum(axis=1, keepdims=True)
    votes: NDArray[np.float64] = weights / np.where(total > 0, total, 1)
    return votes
