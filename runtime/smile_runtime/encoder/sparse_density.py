"""The density below which sparse rows are encoded faster as they are than made dense.

All densities are break-even points measured on one thread by ``python benchmarks/sparse_rows.py --crossover``.
"""

from typing import TYPE_CHECKING

from smile_runtime.encoder.numba_kernel import compiled_kernel

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MAX_SCIPY_WIDTH = 256  # up to this width scipy is fast enough that numba is not worth its import time
_MAX_CACHED_BYTES = 24_000_000  # weights up to this size stay in the processor's cache


def needs_compiled_kernel(width: int) -> bool:
    """Return whether a first layer is wide enough to benefit from compiled code."""
    return width > _MAX_SCIPY_WIDTH


def is_sparse_enough(matrix: "csr_matrix", width: int) -> bool:
    """Return whether CSR rows, shape ``(n, n_features)``, are faster through a sparse first layer of that width."""
    n, n_features = matrix.shape
    return bool(matrix.nnz < break_even_density(n_features, width) * n * n_features)


def break_even_density(n_features: int, width: int) -> float:
    """Return the fraction of nonzero values, 0 to 1, at which sparse and dense rows are equally fast."""
    if not needs_compiled_kernel(width):
        return 0.25
    cached = 4 * n_features * width <= _MAX_CACHED_BYTES
    if compiled_kernel() is None:
        return 0.04 if cached else 0.01
    return 0.2 if cached else 0.1
