"""Label transfer: a weighted vote of a cell's nearest neighbors in the reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn, is_finer_level, order_by_level, undetermined_labels
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors
from smile_runtime.mapping.reference import Reference

_MIN_KERNEL_WIDTH = 1e-3


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


def transfer_labels(neighbors: NearestNeighbors, reference: Reference) -> list[LabelTransfer]:
    """Label cells by a vote of their neighbors in every label column.

    Levels of a hierarchy are decided from coarse to fine: only labels within the coarser winner can win, so the levels
    never contradict one another. Points without a label in a column vote there for none. In a column finer than the
    primary one, points of which nothing finer is known do not compete with those that have finer labels.

    Parameters
    ----------
    neighbors
        Nearest reference points of each cell.
    reference
        Reference with the labels of these points.

    Returns
    -------
        One result for each label column of the reference, in their order; empty for a reference without labels.
    """
    weights = neighbor_weights(neighbors, reference)
    columns = reference.label_columns
    undetermined = undetermined_labels(columns)
    won: dict[str, LabelTransfer] = {}
    for index in order_by_level(columns):
        column = columns[index]
        votes = _votes(weights, reference.label[neighbors.indices, index], len(column.labels))
        if column.within is None:
            won[column.name] = _winners(votes)
            continue
        coarser = won[column.within]
        inside = np.array([*column.parents, -1]) == coarser.label[:, None]  # (n, n_labels + 1)
        votes = np.where(inside, votes, 0)
        won[column.name] = (
            _finer_winners(votes, np.array([*undetermined[index], False]), coarser)
            if is_finer_level(column, columns)
            else _winners(votes)
        )
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
