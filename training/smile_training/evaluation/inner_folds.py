"""Folds of the training cells, for choosing the settings of a baseline without the left-out cells."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smile_training.data import split_folds
from smile_training.evaluation.metrics import Ids

N_INNER_FOLDS = 2
MAX_INNER_CELLS = 3_000


def inner_folds(labels: Ids, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the rows to fit on and the rows to measure, of two folds of the labeled training cells.

    Nothing is yielded if every label has one cell. Of more than 3,000 labeled cells that many are drawn.

    Parameters
    ----------
    labels
        Label ids, -1 for unknown, shape ``(n_cells,)``.
    seed
        Seed of the draw and of the folds.
    """
    cells = np.flatnonzero(labels >= 0)
    if len(cells) > MAX_INNER_CELLS:
        cells = np.sort(np.random.default_rng(seed).choice(cells, MAX_INNER_CELLS, replace=False))
    if np.bincount(labels[cells]).max(initial=0) < N_INNER_FOLDS:
        return
    for rows, left_out in split_folds(labels[cells], N_INNER_FOLDS, seed):
        yield cells[rows], cells[left_out]
