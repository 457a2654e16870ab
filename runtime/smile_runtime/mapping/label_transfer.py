"""Label transfer: what the reference around a cell says it is, and how far that can be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping.nearest_neighbors import NearestNeighbors
from smile_runtime.mapping.reference import Reference

_SMALLEST_DISTANCE = 1e-3


@dataclass(frozen=True, eq=False)
class LabelTransfer:
    """The labels of one column that query cells receive.

    Attributes
    ----------
    label
        Label ids, places in the column's list of names, shape ``(n,)``.
    share
        Share of the vote that the label won, 0 to 1, shape ``(n,)``.
    """

    label: NDArray[np.int64]
    share: NDArray[np.float32]


def neighbor_weights(neighbors: NearestNeighbors, reference: Reference) -> NDArray[np.float32]:
    """Return each neighbor's say, shape ``(n, k)``, rows summing to 1.

    The cells that it stands for times a Gaussian of its distance, as wide as the nearest neighbor is far: so the say
    falls off as fast in dense regions as in sparse ones, and hardly depends on k.
    """
    width = np.maximum(neighbors.distances[:, :1], _SMALLEST_DISTANCE)
    weights = reference.weight[neighbors.indices] * np.exp(-np.square(neighbors.distances / width))
    result: NDArray[np.float32] = weights / weights.sum(axis=1, keepdims=True)
    return result


def transfer_labels(neighbors: NearestNeighbors, reference: Reference) -> list[LabelTransfer]:
    """Let each cell's neighbors vote on its label in every column.

    Levels of a hierarchy are decided from coarse to fine: a finer label is the one with most votes of those within the
    coarser one that won, so that levels never contradict one another.

    Parameters
    ----------
    neighbors
        The cells' neighbors in the reference.
    reference
        Says which labels they have.

    Returns
    -------
        What won in each of the reference's label columns, in their order; empty for a reference without labels.
    """
    weights = neighbor_weights(neighbors, reference)
    won: dict[str, LabelTransfer] = {}
    for place in reversed(range(len(reference.label_columns))):  # a coarser column stands after the finer one
        column = reference.label_columns[place]
        votes = _votes(weights, reference.label[neighbors.indices, place], len(column.labels))
        allowed = votes
        if column.within is not None:
            outside = np.array(column.parents) != won[column.within].label[:, None]  # (n, n_labels)
            allowed = np.where(outside, -1, votes)
        winner = allowed.argmax(axis=1)
        won[column.name] = LabelTransfer(winner, votes[np.arange(len(votes)), winner])
    return [won[column.name] for column in reference.label_columns]


def _votes(weights: NDArray[np.float32], labels: NDArray[np.int64], n_labels: int) -> NDArray[np.float32]:
    """Return the sum of the weights of each label's neighbors, shape ``(n, n_labels)``."""
    votes = np.zeros((len(weights), n_labels), np.float32)
    np.add.at(votes, (np.arange(len(weights))[:, None], labels), weights)
    return votes
