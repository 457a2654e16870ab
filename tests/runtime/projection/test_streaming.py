"""How many rows are read together, and in which parts they are projected."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy

from smile_runtime.projection.streaming import read_chunks, rows_per_read


@dataclass
class Stored:
    """A dense matrix in a file, which notes what is read of it."""

    values: np.ndarray
    chunk_rows: int

    def __post_init__(self) -> None:
        self.shape, self.dtype, self.read = self.values.shape, self.values.dtype, []

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.read.append((rows.start, rows.stop))
        return self.values[rows]


def stored(n_rows: int, n_columns: int, chunk_rows: int) -> Stored:
    return Stored(np.arange(n_rows * n_columns, dtype=np.float32).reshape(n_rows, n_columns), chunk_rows)


@pytest.mark.parametrize(
    ("shape", "chunk_rows", "rows"),
    [
        ((9000, 1000), 1, 3000),  # 12 MB
        ((9000, 1000), 700, 2800),  # whole chunks
        ((9000, 1000), 5000, 5000),  # what is stored together anyway
        ((9000, 10), 1, 4096),
        ((2, 10_000_000), 1, 64),
    ],
)
def test_rows_of_12_mb_or_one_chunk_are_read_together(shape, chunk_rows, rows):
    matrix = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), shape, (0, 0))
    assert rows_per_read(Stored(matrix, chunk_rows)) == rows


def test_a_sparse_row_counts_as_what_it_holds():
    matrix = scipy.sparse.random_array((8000, 5000), density=0.1, format="csr", dtype=np.float32)  # 500 * 8 bytes
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    assert rows_per_read(matrix) == 3000


def test_a_large_chunk_is_read_once_and_projected_in_parts():
    matrix = stored(9000, 1000, 5000)
    parts = list(read_chunks(matrix, 2, rows_per_read(matrix)))
    assert matrix.read == [(2, 5002), (5002, 9000)]
    assert [len(part) for part in parts] == [3000, 2000, 3000, 998]
    np.testing.assert_array_equal(np.concatenate(parts), matrix.values[2:])


def test_rows_come_in_parts_as_they_are_asked_for():
    matrix = stored(30, 4, 1)
    parts = read_chunks(matrix, 7, 10)
    assert matrix.read == []
    np.testing.assert_array_equal(next(parts), matrix.values[7:17])
    assert matrix.read == [(7, 17)]
    assert [len(part) for part in parts] == [10, 3]
