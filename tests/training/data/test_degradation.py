"""Degradation of cells to resemble queries."""

import numpy as np
import scipy.sparse

from smile_training.data.cells import Cells
from smile_training.data.degradation import N_DRAWS, degrade_cells


def make_cells(raw: np.ndarray | scipy.sparse.csr_matrix, size_factor: float = 2.0) -> Cells:
    n, n_features = raw.shape
    return Cells(
        raw=raw,
        size_factor=np.full((n, 1), size_factor, np.float32),
        features=tuple(f"g{number}" for number in range(n_features)),
        names=np.array([f"c{number}" for number in range(n)], dtype=object),
        batches=np.zeros(n, np.int64),
        batch_names=("",),
        columns=(),
    )


def test_cells_are_yielded_as_measured_then_with_fewer_features_and_counts() -> None:
    counts = np.random.default_rng(0).poisson(0.8, (50, 4000)).astype(np.float32)
    unit = np.linspace(0.3, 3, 50, dtype=np.float32)[:, None]  # value of one count in each normalized cell
    cells = make_cells(scipy.sparse.csr_matrix(counts * unit))
    first, *worse = degrade_cells(cells, seed=0)
    assert first is cells
    assert len(worse) == N_DRAWS
    for each in worse:
        hidden = np.isnan(each.raw)
        assert (hidden == hidden[0]).all()  # the same features in all cells, as in a query
        assert 0.05 < 1 - hidden[0].mean() < 1
        depth = cells.size_factor[0, 0] / each.size_factor[0, 0]
        assert 0.1 <= depth < 1
        kept = (each.raw / unit)[:, ~hidden[0]]
        np.testing.assert_allclose(kept, np.rint(kept), atol=1e-3)
        assert abs(kept.sum() / counts[:, ~hidden[0]].sum() - depth) < 0.02


def test_values_other_than_counts_are_not_thinned() -> None:
    values = np.random.default_rng(0).lognormal(size=(30, 100)).astype(np.float32)
    for matrix in (scipy.sparse.csr_matrix(values), values):
        _, *worse = degrade_cells(make_cells(matrix), seed=1)
        for each in worse:
            measured = ~np.isnan(each.raw)
            np.testing.assert_array_equal(each.raw[measured], values[measured])
            assert (each.size_factor == 2).all()


def test_at_most_2000_cells_are_used() -> None:
    cells = make_cells(scipy.sparse.csr_matrix(np.ones((2_100, 3), np.float32)))
    assert {len(each) for each in degrade_cells(cells, seed=0)} == {2_000}
