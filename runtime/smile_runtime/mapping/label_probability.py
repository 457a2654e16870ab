"""Probabilities of all labels of a cell, around the confidence in the nearest one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MIN_DISTANCE = 1e-3


class RunnerUp(NamedTuple):
    """Second most probable label of cells.

    Attributes
    ----------
    label
        Label ids, -1 if there is only one label, shape ``(n,)``.
    margin
        Probability of the nearest label less that of this one, 0 to 1, shape ``(n,)``.
    """

    label: NDArray[np.int64]
    margin: NDArray[np.float32]


def label_probabilities(
    nearest: NDArray[np.integer], confidence: NDArray[np.float32], distance: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the probability of each label, rows summing to 1, shape ``(n, n_labels)``.

    The nearest label has its confidence. The others share the rest in proportion to ``1 / d^4``, with d the distance to
    their nearest point. A vote of neighbors would give most labels zero, and a Gaussian nearly so; of the powers and
    kernels tried on left-out cells of mouse skin that were labeled wrong, this gave their own labels among the highest
    likelihoods, without a width to fit.

    None of the others may exceed the nearest label: what is too much for one goes to the rest. With a confidence below
    chance, ``1 / n_labels``, all labels are therefore equally probable.

    Parameters
    ----------
    nearest
        Nearest label ids, shape ``(n,)``.
    confidence
        Confidence in them, 0 to 1, shape ``(n,)``.
    distance
        Distance to the nearest point of each label, shape ``(n, n_labels)``.
    """
    closeness = np.square(1 / np.maximum(distance.astype(np.float64), _MIN_DISTANCE))
    closeness *= closeness  # no power function, which may round a value differently in another batch
    return divide_rest(nearest, confidence, closeness)


def divide_rest(
    nearest: NDArray[np.integer], confidence: NDArray[np.float32], weight: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return probabilities in which the others share what the nearest label leaves, shape ``(n, n_labels)``.

    Parameters
    ----------
    nearest, confidence
        As in `label_probabilities`, as is what no label may exceed.
    weight
        Weights by which the others share, positive, shape ``(n, n_labels)``.
    """
    rows, n_labels = np.arange(len(weight)), weight.shape[1]
    lead = np.maximum(confidence.astype(np.float64), 1 / n_labels)[:, None]  # (n, 1)
    others = weight.copy()
    others[rows, nearest] = 0.0
    result = _divide(1 - lead, others, lead).astype(np.float32)
    first = lead.astype(np.float32)
    np.minimum(result, np.nextafter(first, np.float32(0)), out=result)  # so that the nearest label is the largest
    result[rows, nearest] = first[:, 0]
    return result


def _divide(rest: NDArray[np.float64], weight: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide the rest of each row, shape ``(n, 1)``, by weights, shape ``(n, m)``, with at most ``most`` for each."""
    full = np.zeros(weight.shape, bool)
    while True:
        free = np.where(full, 0.0, weight)
        left = rest - most * full.sum(axis=1, keepdims=True)
        total = np.maximum(free.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        result = np.where(full, most, np.maximum(left, 0.0) * free / total)
        above = (result > most) & ~full
        if not above.any():
            return result
        full |= above


def find_runner_up(probability: NDArray[np.float32], nearest: NDArray[np.integer]) -> RunnerUp:
    """Return the most probable label of each cell other than the nearest one.

    Parameters
    ----------
    probability
        Probability of each label, shape ``(n, n_labels)``.
    nearest
        Nearest label ids, shape ``(n,)``.
    """
    rows = np.arange(len(probability))
    lead = probability[rows, nearest]
    if probability.shape[1] == 1:
        return RunnerUp(np.full(len(rows), -1), lead.copy())
    others = probability.copy()
    others[rows, nearest] = -1.0
    label = others.argmax(axis=1)
    margin = lead - others[rows, label]
    label[nearest < 0] = -1
    return RunnerUp(label, margin)
