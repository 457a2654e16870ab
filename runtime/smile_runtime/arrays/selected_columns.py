"""Some columns of a matrix whose rows can be sliced."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.matrix import DaskRows, Matrix, Rows, row_bytes


class SelectedColumns:
    """A matrix without some of its columns, which are dropped from each slice of rows.

    Parameters
    ----------
    matrix
        Whole matrix, shape ``(n, n_vars)``.
    columns
        Whether to keep each column, shape ``(n_vars,)``.
    """

    def __init__(self, matrix: Rows, columns: NDArray[np.bool_]) -> None:
        self._matrix, self._columns = matrix, np.flatnonzero(columns)
        self.shape = (matrix.shape[0], len(self._columns))
        self.dtype: np.dtype[Any] = matrix.dtype
        self.row_bytes = row_bytes(matrix)
        self.chunk_rows = int(getattr(matrix, "chunk_rows", 1))

    def __getitem__(self, rows: slice, /) -> Matrix:
        selected: Matrix = self._matrix[rows][:, self._columns]
        return selected


def select_columns(matrix: Rows, columns: NDArray[np.bool_]) -> Rows:
    """Return a matrix without some of its columns; a Dask array stays one."""
    if columns.all():
        return matrix
    return DaskRows(matrix.array[:, columns]) if isinstance(matrix, DaskRows) else SelectedColumns(matrix, columns)
