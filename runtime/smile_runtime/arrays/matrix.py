"""Where dense, sparse and backed matrices differ: in this module, so that nothing else need ask."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.stored_matrix import open_stored_matrix

CHUNK = 4096
"""Rows that are looked at together; bounds the memory that a pass over a matrix takes."""

Matrix = Any
"""Rows of values that can be sliced: ndarray, scipy sparse, or a backed matrix of anndata."""


def is_sparse(matrix: Matrix) -> bool:
    """Say whether a matrix is one of scipy's sparse ones."""
    from scipy import sparse  # at the first matrix, not at `import smile_runtime`

    return sparse.issparse(matrix)


def sliceable(matrix: Matrix) -> Matrix:
    """Return a matrix whose rows can be sliced, a slice of a sparse one being CSR."""
    if is_sparse(matrix):
        return matrix.tocsr()
    if hasattr(matrix, "group"):  # a sparse matrix in a file, as anndata has it
        return open_stored_matrix(matrix.group)
    if type(matrix).__module__.partition(".")[0] == "dask":
        return DaskRows(matrix)
    return matrix if hasattr(matrix, "shape") else np.asarray(matrix)


class DaskRows:
    """A Dask array whose rows are computed when they are sliced.

    Parameters
    ----------
    array
        The array, of dense or sparse blocks.
    """

    def __init__(self, array: Any) -> None:  # noqa: ANN401 (Dask is not loaded here)
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows: slice) -> Matrix:
        return sliceable(self.array[rows].compute())


def row_chunks(matrix: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Yield where each chunk of rows stands, and the rows themselves."""
    for start in range(0, matrix.shape[0], CHUNK):
        rows = slice(start, min(start + CHUNK, matrix.shape[0]))
        yield rows, matrix[rows]


def row_bytes(matrix: Matrix) -> float:
    """Return what a row takes in memory, in the mean."""
    if is_sparse(matrix):
        return float((matrix.data.nbytes + matrix.indices.nbytes) / max(1, matrix.shape[0]))
    stated = getattr(matrix, "row_bytes", None)  # of a matrix in a file
    return float(matrix.shape[1] * matrix.dtype.itemsize if stated is None else stated)


def dense(rows: Matrix) -> NDArray[Any]:
    """Return rows as ndarray."""
    return rows.toarray() if is_sparse(rows) else np.asarray(rows)


def stored_values(rows: Matrix) -> NDArray[Any]:
    """Return the values that rows hold: all of a dense matrix, the stored ones of a sparse one."""
    values: NDArray[Any] = rows.data if is_sparse(rows) else np.asarray(rows)
    return values


def row_sums(rows: Matrix) -> NDArray[np.float64]:
    """Return the sum of each row, shape ``(n,)``, added up in float64."""
    if not is_sparse(rows):
        dense_sums: NDArray[np.float64] = rows @ np.ones(rows.shape[1])
        return dense_sums
    sums = np.zeros(rows.shape[0])
    held = np.diff(rows.indptr) > 0
    if held.any():  # a sparse matrix's own sum adds up in its own type
        values = rows.data[: rows.indptr[-1]]
        sums[held] = np.add.reduceat(values, rows.indptr[:-1][held], dtype=np.float64)
    return sums


def mapped(rows: Matrix, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Matrix:
    """Return rows with a function of all values, under which zero stays zero; a sparse matrix stays sparse."""
    if not is_sparse(rows):
        return function(np.asarray(rows))
    return type(rows)((function(rows.data), rows.indices, rows.indptr), shape=rows.shape)


def expm1(rows: Matrix) -> Matrix:
    """Return ``exp(value) - 1``, in float32 at least; a sparse matrix stays sparse."""
    return mapped(rows, lambda values: np.expm1(values, dtype=np.promote_types(values.dtype, np.float32)))
