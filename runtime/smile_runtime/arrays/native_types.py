"""Types that numpy and scipy compute with, whatever types a matrix has in a file."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_INDEX_TYPES = ("int32", "int64")
_WITHOUT_SCIPY = {"float16": "float32", "float128": "float64"}  # types that scipy's sparse matrices lack


def native_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which values are computed with: in the machine's byte order, and known to scipy."""
    return np.dtype(_WITHOUT_SCIPY.get(dtype.name, dtype.newbyteorder("=")))


def as_native(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in their native type."""
    return values.astype(native_type(values.dtype), copy=False)


def as_native_sparse(matrix: "csr_matrix") -> "csr_matrix":
    """Return a CSR or CSC matrix with native values, and with indices and pointers of one type.

    anndata reads matrices of other types, for which functions of scipy fail.
    """
    types = {matrix.indices.dtype, matrix.indptr.dtype}
    if len(types) == 1 and types.pop() in _INDEX_TYPES and matrix.dtype == native_type(matrix.dtype):
        return matrix
    result: csr_matrix = type(matrix)((as_native(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
    return result
