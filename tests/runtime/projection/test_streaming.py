"""Number of rows that are read together, and chunks in which they are projected."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy

from smile_runtime.projection.streaming import read_chunks, rows_per_read


@dataclass
class Stored:
    """A dense stored matrix that records which rows are read."""

    values: np.ndarray
    chunk_rows: int

    def __post_init__(self) -> None:
        self.shape, self.dtype, self.reads = self.values.shape, self.values.dtype, []

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.reads.append((rows.start, rows.stop))
        return self.values[rows]


def stored(n_rows: int, n_columns: int, chunk_rows: int) -> Stored:
    return Stored(np.arange(n_rows * n_columns, dtype=np.float32).reshape(n_rows, n_columns), chunk_rows)


@pytest.mark.parametrize(
    ("shape", "chunk_rows", "rows"),
    [
        ((9000, 1000), 1, 3000),  # 12 MB
        ((9000, 1000), 700, 2800),  # whole chunks
        ((9000, 1000), 5000, 5000),  # a larger stored chunk
        ((9000, 10), 1, 4096),
        ((2, 10_000_000), 1, 64),
    ],
)
def test_rows_of_12_mb_or_one_stored_chunk_are_read_together(shape, chunk_rows, rows):
    matrix = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), shape, (0, 0))
    assert rows_per_read(Stored(matrix, chunk_rows)) == rows


def test_size_of_a_sparse_row_is_that_of_its_nonzeros():
    matrix = scipy.sparse.random_array((8000, 5000), density=0.1, format="csr", dtype=np.float32)  # 500 * 8 bytes
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    assert rows_per_read(matrix) == 3000


def test_large_stored_chunk_is_read_once_and_split():
    matrix = stored(9000, 1000, 5000)
    chunks = list(read_chunks(matrix, 2, rows_per_read(matrix)))
    assert matrix.reads == [(2, 5002), (5002, 9000)]
    assert [len(chunk) for chunk in chunks] == [3000, 2000, 3000, 998]
    np.testing.assert_array_equal(np.concatenate(chunks), matrix.values[2:])


def test_rows_are_read_lazily():
    matrix = stored(30, 4, 1)
    chunks = read_chunks(matrix, 7, 10)
    assert matrix.reads == []
    np.testing.assert_array_equal(next(chunks), matrix.values[7:17])
    assert matrix.reads == [(7, 17)]
    assert [len(chunk) for chunk in chunks] == [10, 3]
