"""Confusion of the types: which labels left-out cells of each type received."""

from dataclasses import dataclass

import numpy as np

from smile_training.data import Dataset
from smile_training.evaluation import metrics


@dataclass(frozen=True)
class Confusion:
    """How often left-out cells of each type received each label of the primary column.

    Attributes
    ----------
    cells
        Which left-out cells: ``"left-out cells"`` or ``"left-out batches"``.
    labels
        Types that occur among these cells or their labels.
    counts
        Number of cells of each type (rows) with each label (columns), over all repeats, in the order of ``labels``.
    """

    cells: str
    labels: list[str]
    counts: list[list[int]]


def confuse(cells: str, dataset: Dataset, true: metrics.Ids, predicted: metrics.Ids) -> Confusion | None:
    """Count the labels of left-out cells by type; None if no cell of a known type has a label.

    Parameters
    ----------
    cells
        Which left-out cells these are.
    dataset
        Dataset with the names of the labels.
    true
        Label ids, -1 for unknown, shape ``(n_cells,)``.
    predicted
        Label ids that they received, -1 for cells that were not left out, shape ``(n_repeats, n_cells)``.
    """
    n = len(dataset.label_names)
    counts = np.zeros((n, n), np.int64)
    for row in predicted:
        both = (row >= 0) & (true >= 0)
        np.add.at(counts, (true[both], row[both]), 1)
    found = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    if not len(found):
        return None
    return Confusion(cells, [dataset.label_names[each] for each in found], counts[np.ix_(found, found)].tolist())
