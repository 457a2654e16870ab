"""Operations on dense, sparse and backed matrices, so that no other module needs to distinguish them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.index_types import computable_sparse
from smile_runtime.arrays.number_types import computable
from smile_runtime.arrays.stored_matrix import open_stored_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from typing_extensions import TypeIs

Matrix: TypeAlias = "NDArray[Any] | csr_matrix"
"""A matrix in memory, dense or CSR."""

CHUNK_ROWS = 4096
"""Rows processed together; bounds the memory of a pass over a matrix."""


class Rows(Protocol):
    """A matrix whose rows can be sliced: an ndarray, a scipy CSR matrix, or a matrix in a file or in Dask.

    Slices of rows are in memory: an ndarray or a CSR matrix.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __getitem__(self, rows: slice, /) -> "Matrix": ...


def is_sparse(matrix: object) -> "TypeIs[csr_matrix]":
    """Return whether a matrix is a scipy sparse one."""
    from scipy import sparse  # imported with the first matrix, not with smile_runtime

    return sparse.issparse(matrix)


def sliceable(matrix: Any) -> Rows:  # noqa: ANN401 (whatever AnnData holds)
    """Return a matrix in a form whose rows can be sliced; slices of sparse matrices are CSR."""
    if hasattr(matrix, "group"):  # anndata's sparse matrix in a file
        return open_stored_matrix(matrix.group)
    if type(matrix).__module__.partition(".")[0] == "dask":
        return DaskRows(matrix)
    return as_matrix(matrix)


def as_matrix(matrix: Any) -> Matrix:  # noqa: ANN401 (whatever numpy and scipy take)
    """Return a matrix in memory, of types to compute with: CSR if it is sparse, otherwise an ndarray."""
    if not is_sparse(matrix):
        return computable(np.asarray(matrix))
    stored: Any = matrix  # of any sparse format
    return computable_sparse(stored if stored.format == "csc" else stored.tocsr()).tocsr()


class DaskRows:
    """A Dask array whose rows are computed when sliced.

    Parameters
    ----------
    array
        Dask array with dense or sparse blocks, shape ``(n, n_vars)``.
    """

    def __init__(self, array: Any) -> None:  # noqa: ANN401 (Dask is not loaded here)
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows: slice, /) -> Matrix:
        return as_matrix(self.array[rows].compute())


def row_chunks(matrix: Rows) -> Iterator[Matrix]:
    """Yield the rows in chunks, each in memory."""
    for start in range(0, matrix.shape[0], CHUNK_ROWS):
        yield matrix[start : min(start + CHUNK_ROWS, matrix.shape[0])]


def row_bytes(matrix: Rows) -> float:
    """Return the mean memory of a row in bytes."""
    if is_sparse(matrix):
        return float((matrix.data.nbytes + matrix.indices.nbytes) / max(1, matrix.shape[0]))
    stated = getattr(matrix, "row_bytes", None)  # set by matrices in files
    return float(matrix.shape[1] * matrix.dtype.itemsize if stated is None else stated)


def dense(rows: Matrix) -> NDArray[Any]:
    """Return rows as an ndarray, shape ``(n, n_vars)``."""
    return rows.toarray() if is_sparse(rows) else np.asarray(rows)


def measured_sparse(rows: Matrix) -> "csr_matrix":
    """Return rows as CSR without stored zeros, shape ``(n, n_vars)``; values not measured (NaN) are dropped."""
    from scipy.sparse import csr_matrix

    if not is_sparse(rows):
        return csr_matrix(np.nan_to_num(np.asarray(rows)))
    if (rows.data != 0).all():
        return rows
    result = rows.copy()
    result.eliminate_zeros()
    return result


def stored_values(rows: Matrix) -> NDArray[Any]:
    """Return all values of a dense matrix, or the stored values of a sparse one."""
    values: NDArray[Any] = rows.data if is_sparse(rows) else np.asarray(rows)
    return values


def row_sums(rows: Matrix) -> NDArray[np.float64]:
    """Return the sum of each row, computed in float64, shape ``(n,)``."""
    if not is_sparse(rows):
        dense_sums: NDArray[np.float64] = np.asarray(rows) @ np.ones(rows.shape[1])
        return dense_sums
    sums = np.zeros(rows.shape[0])
    held = np.diff(rows.indptr) > 0
    if held.any():  # a sparse matrix's own sum uses the type of its values
        values = rows.data[: rows.indptr[-1]]
        sums[held] = np.add.reduceat(values, rows.indptr[:-1][held], dtype=np.float64)
    return sums


def map_values(rows: Matrix, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Matrix:
    """Apply a function that maps zero to zero to all values; a sparse matrix stays sparse."""
    if not is_sparse(rows):
        return function(np.asarray(rows))
    result: Matrix = type(rows)((function(rows.data), rows.indices, rows.indptr), shape=rows.shape)
    return result


def expm1(rows: Matrix) -> Matrix:
    """Return ``exp(value) - 1``, at least in float32; a sparse matrix stays sparse."""
    return map_values(rows, lambda values: np.expm1(values, dtype=np.promote_types(values.dtype, np.float32)))
