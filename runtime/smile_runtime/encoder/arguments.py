"""What `project` and `Encoder.encode` are given, brought into one form or refused."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.errors import QueryError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def require_positive(**numbers: object) -> None:
    """Refuse numbers, by their names, that are not whole or not at least 1."""
    for name, number in numbers.items():
        if not isinstance(number, int | np.integer) or isinstance(number, bool):
            raise QueryError(f"{name} is {number!r}, it must be a whole number, at least 1")
        if number < 1:
            raise QueryError(f"{name} is {number}, it must be at least 1")


def checked_factor(size_factor: ArrayLike | None, n: int) -> NDArray[np.float32]:
    """Return size factors, shape ``(n, 1)``, or refuse them."""
    factor = np.ones(n, np.float32) if size_factor is None else np.asarray(size_factor, np.float32)
    if factor.shape not in ((n,), (n, 1)) or not np.isfinite(factor).all():
        raise QueryError(f"size_factor has shape {factor.shape} for {n} rows; give one finite number for each row")
    return factor.reshape(n, 1)


def checked_mask(measured: ArrayLike, n_features: int) -> NDArray[np.bool_]:
    """Return which features were measured, shape ``(n_features,)``, or refuse it."""
    mask = np.asarray(measured)
    if mask.shape != (n_features,) or mask.dtype != bool:
        raise QueryError(
            f"measured is of type {mask.dtype} and shape {mask.shape}; give True or False for each of the "
            f"{n_features} features"
        )
    return mask


def require_empty(matrix: "csr_matrix", measured: NDArray[np.bool_]) -> None:
    """Refuse sparse rows that hold values of features that were not measured."""
    if not measured.all() and (n := np.count_nonzero(matrix.data[~measured[matrix.indices]])):
        raise QueryError(f"{n} values are of features that `measured` says were not; leave these columns empty")
