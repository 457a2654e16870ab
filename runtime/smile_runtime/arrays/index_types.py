"""Types of the indices of sparse matrices."""

from typing import TYPE_CHECKING

from smile_runtime.arrays.number_types import computable

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def computable_sparse(matrix: "csr_matrix") -> "csr_matrix":
    """Return a CSR or CSC matrix of types that scipy computes with; copied only if it has others.

    anndata reads indices and pointers of different types from files, for which functions of scipy fail.
    """
    data, types = computable(matrix.data), {matrix.indices.dtype, matrix.indptr.dtype}
    if data is matrix.data and len(types) == 1 and types.pop() in ("int32", "int64"):
        return matrix
    result: csr_matrix = type(matrix)((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    return result
