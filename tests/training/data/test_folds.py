"""Folds: each labeled cell is left out once, stratified by label."""

import numpy as np
import pytest

from smile_runtime.errors import RecipeError
from smile_training.data.folds import split_folds

LABELS = np.array([0] * 20 + [1] * 13 + [-1] * 7 + [2] * 5)


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_each_labeled_cell_is_left_out_once_and_unlabeled_cells_never(n_folds: int) -> None:
    folds = list(split_folds(LABELS, n_folds, seed=0))
    assert len(folds) == n_folds
    left_out = np.concatenate([rows for _, rows in folds])
    np.testing.assert_array_equal(np.sort(left_out), np.flatnonzero(LABELS >= 0))
    for train, test in folds:
        assert set(train) & set(test) == set()
        assert set(train) | set(test) == set(range(45))
        assert set(np.unique(LABELS[train])) == {-1, 0, 1, 2}
        counts = np.bincount(LABELS[test], minlength=3)
        assert np.abs(counts - np.array([20, 13, 5]) / n_folds).max() <= 1


def test_folds_depend_on_the_seed_alone() -> None:
    first, again, other = ([rows.tolist() for _, rows in split_folds(LABELS, 3, seed)] for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_label_with_fewer_cells_than_folds_is_allowed() -> None:
    labels = np.array([0] * 9 + [1] * 2)
    left_out = np.concatenate([rows for _, rows in split_folds(labels, 3, seed=0)])
    assert sorted(left_out) == list(range(11))


def test_labels_that_are_all_too_rare_for_the_folds_are_rejected() -> None:
    with pytest.raises(RecipeError, match="folds"):
        list(split_folds(np.array([0, 0, 1, 1, -1]), 3, seed=0))
