"""Label transfer: what the reference around a cell says it is, and how far that can be trusted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.neighbours import Neighbours
from smile_runtime.reference import Reference

_SMALLEST_DISTANCE = 1e-3


@dataclass(frozen=True, eq=False)
class LabelTransfer:
    """The labels that query cells receive.

    Attributes
    ----------
    label
        Label ids, places in the reference's list of names, shape ``(n,)``.
    share
        Share of the vote that the label won, 0 to 1, shape ``(n,)``.
    """

    label: NDArray[np.int64]
    share: NDArray[np.float32]


def neighbour_weights(neighbours: Neighbours, reference: Reference) -> NDArray[np.float32]:
    """Return each neighbour's say, shape ``(n, k)``, rows summing to 1.

    The cells that it stands for times a Gaussian of its distance, as wide as the nearest neighbour is far: so the say
    falls off as fast in dense regions as in sparse ones, and hardly depends on k.
    """
    width = np.maximum(neighbours.distances[:, :1], _SMALLEST_DISTANCE)
    weights = reference.weight[neighbours.indices] * np.exp(-np.square(neighbours.distances / width))
    result: NDArray[np.float32] = weights / weights.sum(axis=1, keepdims=True)
    return result


def transfer_labels(neighbours: Neighbours, reference: Reference) -> LabelTransfer:
    """Let each cell's neighbours vote on its label.

    Parameters
    ----------
    neighbours
        The cells' neighbours in the reference.
    reference
        A reference with labels.
    """
    weights = neighbour_weights(neighbours, reference)
    votes = np.zeros((len(weights), len(reference.labels)), np.float32)
    np.add.at(votes, (np.arange(len(weights))[:, None], reference.label[neighbours.indices]), weights)
    winner = votes.argmax(axis=1)
    return LabelTransfer(winner, votes[np.arange(len(votes)), winner])
