"""Samples of a query's cells."""

import anndata
import numpy as np
import pytest
import scipy

from smile_runtime.query import AnnDataQuery, MatrixLocation, SampledQuery, open_query
from smile_runtime.query.sampled_query import draw_rows


@pytest.mark.parametrize(("n_rows", "n_drawn", "block"), [(1000, 100, 1), (1013, 100, 50), (7, 7, 50), (120, 100, 50)])
def test_drawn_rows_differ_and_are_sorted(n_rows: int, n_drawn: int, block: int) -> None:
    for seed in range(20):
        rows = draw_rows(n_rows, n_drawn, block=block, seed=seed)
        assert len(np.unique(rows)) == len(rows) == n_drawn
        assert 0 <= rows.min() <= rows.max() < n_rows
        assert (np.diff(rows) > 0).all()


def test_rows_stored_together_are_drawn_in_blocks() -> None:
    rows = draw_rows(10_000, 500, block=50, seed=0)
    assert len(np.unique(rows // 50)) == 10
    assert not np.array_equal(rows, draw_rows(10_000, 500, block=50, seed=1))


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix])
def test_sample_holds_the_drawn_rows(kind, counts: anndata.AnnData) -> None:
    X = counts.X.toarray()
    counts.X = kind(X)
    sample = SampledQuery(AnnDataQuery(counts), 10)
    values = sample.values(MatrixLocation())[:]
    values = values.toarray() if scipy.sparse.issparse(values) else values
    assert sample.n_obs == 10
    np.testing.assert_array_equal(values, X[draw_rows(30, 10, block=1, seed=0)])


def test_only_rows_of_the_sample_are_read_from_a_file(counts: anndata.AnnData, tmp_path, monkeypatch) -> None:
    counts.write_h5ad(tmp_path / "query.h5ad")
    with open_query(tmp_path / "query.h5ad", "rna") as query:
        matrix = query.values(MatrixLocation())
        read, slices = type(matrix).__getitem__, []
        monkeypatch.setattr(type(matrix), "__getitem__", lambda self, rows: slices.append(rows) or read(self, rows))
        sample = SampledQuery(query, 5).values(MatrixLocation())
    assert sample.shape[0] == sum(each.stop - each.start for each in slices) == 5
