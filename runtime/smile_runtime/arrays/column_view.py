"""Some columns of a matrix, selected from each slice of rows as it is read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.matrix import DaskRows, Matrix, Rows, is_sparse, row_bytes


def select_columns(matrix: Rows, columns: NDArray[np.intp]) -> Rows:
    """Return the columns of a matrix, in the given order, without reading or copying the matrix.

    Parameters
    ----------
    matrix
        Matrix in memory, in a file or in Dask, shape ``(n, n_vars)``.
    columns
        Indices of the columns, shape ``(n_columns,)``.

    Returns
    -------
        Shape ``(n, n_columns)``. A Dask array stays one; all columns in their own order are the matrix itself.
    """
    if np.array_equal(columns, np.arange(matrix.shape[1])):
        return matrix
    if isinstance(matrix, DaskRows):
        return DaskRows(_select_from_dask(matrix.array, columns))
    return ColumnView(matrix, columns)


class ColumnView:
    """Columns of a matrix whose rows can be sliced.

    Parameters
    ----------
    matrix
        Matrix in memory or in a file, shape ``(n, n_vars)``.
    columns
        Indices of the columns, shape ``(n_columns,)``.
    """

    def __init__(self, matrix: Rows, columns: NDArray[np.intp]) -> None:
        self._matrix, self._columns = matrix, columns
        self.shape: tuple[int, ...] = (matrix.shape[0], len(columns))
        self.dtype = matrix.dtype

    @property
    def row_bytes(self) -> float:
        """Memory of a row in bytes, with the columns that are not selected: they are read too."""
        return row_bytes(self._matrix)

    @property
    def chunk_rows(self) -> int:
        """Number of rows stored together, which cost no more to read than one of them."""
        return int(getattr(self._matrix, "chunk_rows", 1))

    def __getitem__(self, rows: slice, /) -> Matrix:
        return _take_columns(self._matrix[rows], self._columns)


def _take_columns(rows: Matrix, columns: NDArray[np.intp]) -> Matrix:
    selected: Matrix = rows[:, columns] if is_sparse(rows) else np.take(rows, columns, axis=1)  # C order
    return selected


def _select_from_dask(array: Any, columns: NDArray[np.intp]) -> Any:  # noqa: ANN401 (Dask is not loaded here)
    array = array.rechunk({1: -1})
    return array.map_blocks(_take_columns, columns, dtype=array.dtype, chunks=(array.chunks[0], (len(columns),)))
