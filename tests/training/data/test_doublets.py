"""Doublets are sums of counts of two cells of different types."""

from dataclasses import replace

import numpy as np
import scipy

from smile_runtime.manifest import LabelColumn
from smile_training.data.cells import Cells
from smile_training.data.doublets import mix_pairs
from smile_training.data.label_columns import Labels


def cells_of(counts: np.ndarray, labels: list[int], *, normalized: bool = False) -> Cells:
    total = counts.sum(axis=1, keepdims=True)
    raw, factor = (counts * (1e4 / total), np.ones_like(total)) if normalized else (counts, 1e4 / total)
    ids = np.array(labels)
    return Cells(
        raw=scipy.sparse.csr_matrix(raw, dtype=np.float32),
        size_factor=factor.astype(np.float32),
        features=tuple(f"G{column}" for column in range(counts.shape[1])),
        names=np.array([f"c{row}" for row in range(len(counts))], dtype=object),
        batches=np.zeros(len(counts), np.int64),
        batch_names=("all",),
        columns=(Labels(LabelColumn(name="type", labels=["A", "B"]), ids),),
    )


COUNTS = np.array([[1, 0, 9], [1, 29, 0]], float)


def test_a_doublet_is_the_sum_of_two_cells_of_different_types():
    mixed = mix_pairs(cells_of(COUNTS, [0, 1]), 5, seed=0)
    assert mixed is not None
    np.testing.assert_allclose(mixed.raw.toarray(), np.tile([2, 29, 9], (len(mixed), 1)))
    np.testing.assert_allclose(mixed.size_factor, 1e4 / 40, rtol=1e-5)


def test_normalized_cells_are_summed_as_counts():
    of_counts = mix_pairs(cells_of(COUNTS, [0, 1]), 5, seed=0)
    of_normalized = mix_pairs(cells_of(COUNTS, [0, 1], normalized=True), 5, seed=0)
    assert of_counts is not None
    assert of_normalized is not None
    for mixed in (of_counts, of_normalized):
        scaled = mixed.raw.multiply(mixed.size_factor).toarray()
        np.testing.assert_allclose(scaled, np.tile(np.array([2, 29, 9]) * 250, (len(mixed), 1)), rtol=1e-4)


def test_there_are_no_doublets_of_one_type_or_of_two_batches():
    assert mix_pairs(cells_of(COUNTS, [0, 0]), 5, seed=0) is None
    assert mix_pairs(replace(cells_of(COUNTS, [0, 1]), batches=np.array([0, 1])), 5, seed=0) is None


def test_cells_that_are_not_scaled_keep_their_size_factor():
    mixed = mix_pairs(replace(cells_of(COUNTS, [0, 1]), size_factor=np.ones((2, 1), np.float32)), 5, 0, scaled=False)
    assert mixed is not None
    np.testing.assert_array_equal(mixed.size_factor, 1)
