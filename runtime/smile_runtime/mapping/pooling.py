"""Pooling of the label probabilities that a cell's modalities give: the logarithmic opinion pool.

See Genest & Zidek 1986 (Statistical Science 1, 114-135): the pooled probability of a label is proportional to the
product of its probabilities, each to the power of its modality's weight. A modality that cannot tell two labels apart
gives both nearly the same probability, and so leaves the choice to the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn, order_by_level

MIN_PROBABILITY = 1e-3
"""Lower bound of the probability of a label by a modality, so that none can rule a label out alone."""


class PooledLabels(NamedTuple):
    """Labels of cells by their pooled probabilities.

    Attributes
    ----------
    label
        Label ids in each column, -1 for none, shape ``(n, n_columns)``.
    probability
        Pooled probability of each label, 0 for none, shape ``(n, n_columns)``.
    """

    label: NDArray[np.int64]
    probability: NDArray[np.float64]


def pool_probabilities(probabilities: Sequence[NDArray[np.floating]], weights: Sequence[float]) -> NDArray[np.float64]:
    """Return the pooled probability of each label, rows summing to 1, shape ``(n, n_labels)``.

    Parameters
    ----------
    probabilities
        Probability of each label by each modality, each of shape ``(n, n_labels)``; those below 0.001 count as 0.001.
    weights
        Weight of each modality, not negative.
    """
    logs = (np.log(np.maximum(each.astype(np.float64), MIN_PROBABILITY)) for each in probabilities)
    pooled = np.exp(sum(weight * log for weight, log in zip(weights, logs, strict=True)))
    result: NDArray[np.float64] = pooled / pooled.sum(axis=1, keepdims=True)
    return result


def pool_labels(pooled: Sequence[NDArray[np.float64]], columns: Sequence[LabelColumn]) -> PooledLabels:
    """Return the most probable label in each column, chosen from coarse to fine so that levels agree.

    A coarser level has no label where labels that lie within none of its own are more probable than each of them, as a
    label that a space was extended by may be.

    Parameters
    ----------
    pooled
        Pooled probability of each label, by column, each of shape ``(n, n_labels)``.
    columns
        Label columns, the primary one first.
    """
    shape = (len(pooled[0]), len(columns))
    label, probability = np.full(shape, -1), np.zeros(shape)
    names = [column.name for column in columns]
    rows = np.arange(shape[0])
    for index in order_by_level(columns):
        column, allowed = columns[index], pooled[index]
        if column.within is not None:
            inside = np.array(column.parents) == label[:, [names.index(column.within)]]  # (n, n_labels)
            allowed = np.where(inside, allowed, 0.0)
        within_none = _probability_within_none(pooled, columns, column.name)
        best = allowed.argmax(axis=1)
        highest = allowed[rows, best]
        has_label = (highest > 0) & ((1 - within_none) * highest >= within_none)
        label[:, index] = np.where(has_label, best, -1)
        probability[:, index] = np.where(has_label, highest, 0.0)
    return PooledLabels(label, probability)


def _probability_within_none(
    pooled: Sequence[NDArray[np.float64]], columns: Sequence[LabelColumn], coarser: str
) -> NDArray[np.float64]:
    """Return the probability that a cell has a finer label that lies within no label of a column, shape ``(n,)``."""
    result = np.zeros(len(pooled[0]))
    for column, probabilities in zip(columns, pooled, strict=True):
        if column.within == coarser:
            result = np.maximum(result, probabilities[:, np.array(column.parents) < 0].sum(axis=1))
    return result
