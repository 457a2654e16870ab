"""Cross-validation folds: each cell is left out once per repeat, with labels spread evenly."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from smile_runtime.errors import RecipeError
from smile_training.data.dataset import Dataset


def require_folds(labels: NDArray[np.int64], n_folds: int) -> None:
    """Validate that at least one label can be spread over all folds.

    Raises
    ------
    RecipeError
        If no label has as many cells as there are folds.
    """
    most = int(np.bincount(labels[labels >= 0]).max(initial=0))
    if most < n_folds:
        raise RecipeError(
            f"the most frequent label has {most} cells, too few for reference.folds = {n_folds}; "
            "merge labels, set reference.folds lower, or leave out data.label_key"
        )


def split_folds(
    labels: NDArray[np.int64], n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield training rows and left-out rows with labels spread evenly; unlabeled cells are never left out."""
    require_folds(labels, n_folds)
    labeled = np.flatnonzero(labels >= 0)
    unlabeled = np.flatnonzero(labels < 0)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # a label with fewer cells than folds is sometimes left out entirely
        for train, left_out in splitter.split(labeled, labels[labeled]):
            yield np.sort(np.concatenate([labeled[train], unlabeled])), labeled[left_out]


@dataclass(frozen=True, eq=False)
class Split:
    """Training and left-out cells of one fold."""

    train: Dataset
    left_out: Dataset
