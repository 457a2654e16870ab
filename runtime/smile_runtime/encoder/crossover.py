"""When sparse rows are faster as they are than made dense: measured, and written down in this place alone.

The densities are those at which both take the same time, on one thread; below them sparse rows win. Measured by
``python benchmarks/sparse_rows.py --crossover``.
"""

from typing import TYPE_CHECKING

from smile_runtime.encoder.numba_kernel import compiled_kernel

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_NARROW = 256  # up to this width scipy does well, and numba is not worth its import
_CACHED = 24_000_000  # bytes of weights that stay in a processor's cache


def is_wide(width: int) -> bool:
    """Say whether a first layer is one for compiled code."""
    return width > _NARROW


def is_thin(matrix: "csr_matrix", width: int) -> bool:
    """Say whether CSR rows, shape ``(n, n_features)``, should go through a first layer of a width as they are."""
    n, n_features = matrix.shape
    return bool(matrix.nnz < crossover(n_features, width) * n * n_features)


def crossover(n_features: int, width: int) -> float:
    """Return the density below which sparse rows are faster as they are."""
    if not is_wide(width):
        return 0.25
    cached = 4 * n_features * width <= _CACHED
    if compiled_kernel() is None:
        return 0.04 if cached else 0.01
    return 0.2 if cached else 0.1
