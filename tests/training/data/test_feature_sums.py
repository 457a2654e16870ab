"""Sums over cells, added up in chunks."""

import numpy as np
import pytest
import scipy

from smile_training.data.feature_sums import FeatureSums, stack_batches

FEATURES = ("a", "b", "c", "d", "e")


@pytest.fixture
def values() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random((40, 5)) * (rng.random((40, 5)) < 0.5)).astype(np.float32)


BATCHES = np.arange(40) % 3


def add_up(values: np.ndarray, n_rows: int, *, sparse: bool = True) -> FeatureSums:
    sums = FeatureSums.zeros(4, FEATURES)
    for start in range(0, len(values), n_rows):
        rows = values[start : start + n_rows]
        sums.add(scipy.sparse.csr_matrix(rows) if sparse else rows, BATCHES[start : start + n_rows])
    return sums


@pytest.mark.parametrize("sparse", [True, False])
def test_sums_are_those_of_each_batch(values: np.ndarray, sparse: bool) -> None:
    sums = add_up(values, 40, sparse=sparse)
    assert sums.n_cells.tolist() == [14, 13, 13, 0]
    for batch in range(4):
        rows = values[batch == BATCHES].astype(np.float64)
        assert sums.n_detected[batch].tolist() == (rows > 0).sum(axis=0).tolist()
        np.testing.assert_allclose(sums.total[batch], rows.sum(axis=0))
        np.testing.assert_allclose(sums.square[batch], (rows**2).sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 7, 40])
def test_chunks_change_no_bit(values: np.ndarray, n_rows: int) -> None:
    whole, sums = add_up(values, 40), add_up(values, n_rows)
    np.testing.assert_array_equal(sums.total, whole.total)
    np.testing.assert_array_equal(sums.square, whole.square)


def test_features_beside_others_count_as_many_cells(values: np.ndarray) -> None:
    sums, half = add_up(values, 40), add_up(values[:18], 18)
    both = half.with_features(np.array([3, 0])).beside(sums.with_features(np.array([1])))
    assert both.features == ("d", "a", "b")
    assert both.n_cells.tolist() == [6, 6, 6, 0]
    np.testing.assert_array_equal(both.total[:, :2], half.total[:, [3, 0]])
    np.testing.assert_allclose(both.total[0, 2] / 6, sums.total[0, 1] / 14)
    np.testing.assert_allclose(both.square[1, 2] / 6, sums.square[1, 1] / 13)


def test_batches_of_several_files_are_stacked_in_order(values: np.ndarray) -> None:
    first, second = add_up(values, 40), add_up(values[::-1], 40)
    order = np.array([4, 0, 1, 5, 2, 6, 3, 7])
    stacked = stack_batches([first, second], order)
    np.testing.assert_array_equal(stacked.total[[0, 1, 3]], [second.total[0], first.total[0], second.total[1]])
    assert stacked.n_cells.tolist() == [14, 14, 13, 13, 13, 13, 0, 0]
