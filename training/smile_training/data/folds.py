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
    """Raise unless a label can be spread over all folds; label ids have shape ``(n_cells,)``, -1 for no label.

    Raises
    ------
    RecipeError
        If no label has as many cells as there are folds.
    """
    n_largest = int(np.bincount(labels[labels >= 0]).max(initial=0))
    if n_largest < n_folds:
        raise RecipeError(
            f"the most frequent label has {n_largest:,} cells, too few for reference.folds = {n_folds}; "
            "merge labels, lower reference.folds, or remove data.label_key"
        )


def split_folds(
    labels: NDArray[np.int64], n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield each fold's training rows and left-out rows, stratified by label; unlabeled cells are never left out."""
    require_folds(labels, n_folds)
    labeled = np.flatnonzero(labels >= 0)
    unlabeled = np.flatnonzero(labels < 0)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some folds lack a label with fewer cells than folds
        for train, left_out in splitter.split(labeled, labels[labeled]):
            yield np.sort(np.concatenate([labeled[train], unlabeled])), labeled[left_out]


def batch_folds(
    batches: NDArray[np.int64], n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield training rows and left-out rows, with whole batches left out; nothing for a single batch.

    Parameters
    ----------
    batches
        Batch ids, shape ``(n_cells,)``.
    n_folds
        Maximum number of folds, over which more batches are spread.
    seed
        Seed of the order of batches.
    """
    ids = np.random.default_rng(seed).permutation(np.unique(batches))
    if len(ids) < 2:
        return
    for left_out in np.array_split(ids, min(n_folds, len(ids))):
        out = np.isin(batches, left_out)
        yield np.flatnonzero(~out), np.flatnonzero(out)


@dataclass(frozen=True, eq=False)
class Fold:
    """Training and left-out cells of one fold."""

    train: Dataset
    left_out: Dataset
