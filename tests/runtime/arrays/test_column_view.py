"""Columns selected from matrices in memory, in files and in Dask."""

from pathlib import Path

import anndata
import dask.array
import h5py
import numpy as np
import pytest
import scipy

from smile_runtime.arrays import DaskRows, Rows, dense, is_sparse, open_stored_matrix, row_sums, select_columns

COLUMNS = np.array([1, 2, 5, 9, 3])


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).poisson(0.7, (30, 12)).astype(np.float32)


@pytest.fixture(params=["ndarray", "csr", "dense file", "csr file", "csc file", "dask", "sparse dask"])
def matrix(request: pytest.FixtureRequest, values: np.ndarray, tmp_path: Path) -> Rows:
    """The values in every form that a matrix may have."""
    csr = scipy.sparse.csr_matrix(values)
    if "dask" in request.param:
        array = dask.array.from_array(values, chunks=(8, 5))
        return DaskRows(
            array.rechunk({1: -1}).map_blocks(scipy.sparse.csr_matrix) if "sparse" in request.param else array
        )
    stored = {"dense file": values, "csr file": csr, "csc file": csr.tocsc()}
    if request.param not in stored:
        return csr if request.param == "csr" else values
    anndata.AnnData(stored[request.param]).write_h5ad(tmp_path / "cells.h5ad")
    return open_stored_matrix(h5py.File(tmp_path / "cells.h5ad")["X"])


def test_rows_have_the_selected_columns_in_the_given_order(matrix: Rows, values: np.ndarray):
    view = select_columns(matrix, COLUMNS)
    assert view.shape == (30, 5)
    np.testing.assert_array_equal(dense(view[4:21]), values[4:21, COLUMNS])
    assert is_sparse(view[4:21]) == is_sparse(matrix[4:21])


def test_sums_are_those_of_the_selected_columns_alone(matrix: Rows, values: np.ndarray):
    rows = select_columns(matrix, COLUMNS)[0:30]
    alone = scipy.sparse.csr_matrix(values[:, COLUMNS]) if is_sparse(rows) else np.ascontiguousarray(values[:, COLUMNS])
    assert row_sums(rows).tobytes() == row_sums(alone).tobytes()


def test_a_view_states_the_memory_and_the_chunks_that_reading_costs(values: np.ndarray, tmp_path: Path):
    with h5py.File(tmp_path / "values.h5", "w") as file:
        file.create_dataset("X", data=values, chunks=(10, 12))
        view = select_columns(open_stored_matrix(file["X"]), COLUMNS)
        assert (view.row_bytes, view.chunk_rows) == (48.0, 10)


def test_all_columns_in_order_are_the_matrix_itself(matrix: Rows):
    assert select_columns(matrix, np.arange(12)) is matrix
