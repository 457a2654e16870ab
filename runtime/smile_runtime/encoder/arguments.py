"""Validation of the arguments of `project` and `Encoder.encode`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.errors import QueryError
from smile_runtime.io import counted


def require_positive(**numbers: object) -> None:
    """Raise unless all numbers, passed by name, are integers of at least 1."""
    for name, number in numbers.items():
        if not isinstance(number, int | np.integer) or isinstance(number, bool):
            raise QueryError(f"{name} is {number!r}, it must be a whole number, at least 1")
        if number < 1:
            raise QueryError(f"{name} is {number}, it must be at least 1")


def validate_size_factor(size_factor: ArrayLike | None, n: int) -> NDArray[np.float32]:
    """Return size factors of ``n`` cells, shape ``(n, 1)``, ones by default; raise unless all are finite."""
    factor = np.ones(n, np.float32) if size_factor is None else np.asarray(size_factor, np.float32)
    if factor.shape not in ((n,), (n, 1)) or not np.isfinite(factor).all():
        raise QueryError(f"size_factor has shape {factor.shape} for {n} rows; pass one finite number per row")
    return factor.reshape(n, 1)


def validate_measured(measured: ArrayLike | None, matrix: Matrix) -> NDArray[np.bool_] | None:
    """Return the mask of measured features, shape ``(n_features,)``; raise if it is invalid or contradicts CSR rows."""
    if measured is None:
        return None
    mask, n_features = np.asarray(measured), matrix.shape[1]
    if mask.shape != (n_features,) or mask.dtype != bool:
        raise QueryError(
            f"measured has type {mask.dtype} and shape {mask.shape}; pass True or False for each of the "
            f"{n_features:,} features"
        )
    if is_sparse(matrix) and not mask.all() and (n := np.count_nonzero(matrix.data[~mask[matrix.indices]])):
        raise QueryError(
            f"{counted(int(n), 'value', 'belong')} to features that `measured` marks as missing; leave these columns "
            "empty"
        )
    return mask
