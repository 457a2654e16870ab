"""The first linear layer of an encoder, for sparse rows.

Only the stored values of a sparse row are multiplied by weights. Centering would fill the row, so it is applied to the
product instead::

    sum of (t - mean) * weight  =  t @ weight - center,    center = sum of mean * weight

with both sums over the measured features, accumulated in float64 because their difference cancels digits.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from smile_runtime.encoder.imputation import impute_missing
from smile_runtime.encoder.numba_kernel import Kernel, compiled_kernel
from smile_runtime.encoder.sparse_density import needs_compiled_kernel
from smile_runtime.errors import IntegrityError
from smile_runtime.features import FeatureTable
from smile_runtime.io import Readable, read_tensors, require_finite

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_FLOATS_PER_CACHE_LINE = 16


class Product(Protocol):
    """Product of sparse rows and weights."""

    name: str

    def __call__(
        self, rows: "csr_matrix", center: NDArray[np.float64], factor: float, *, out: NDArray[np.float32]
    ) -> None:
        """Write ``(rows @ weight - center) * factor`` into ``out``, shape ``(n, width)``."""
        ...


class ScipyProduct:
    """Product computed by scipy, in float64."""

    name = "scipy"

    def __init__(self, weight: NDArray[np.float32]) -> None:
        self._weight = weight.astype(np.float64)

    def __call__(
        self, rows: "csr_matrix", center: NDArray[np.float64], factor: float, *, out: NDArray[np.float32]
    ) -> None:
        """Multiply, as `Product`."""
        sums: NDArray[np.float64] = rows.astype(np.float64) @ self._weight  # (n, width)
        sums -= center
        np.multiply(sums, factor, out=out, casting="same_kind")


class CompiledProduct:
    """Product computed by the kernel of `smile_runtime.encoder.numba_kernel`."""

    name = "numba"

    def __init__(self, weight: NDArray[np.float32], kernel: Kernel) -> None:
        self._weight, self._kernel = weight, kernel

    def __call__(
        self, rows: "csr_matrix", center: NDArray[np.float64], factor: float, *, out: NDArray[np.float32]
    ) -> None:
        """Multiply, as `Product`."""
        self._kernel(rows.indptr, rows.indices, rows.data, self._weight, center, factor, out)


class FirstLayer:
    """The first linear layer of an encoder.

    Parameters
    ----------
    weight
        Weights that include the scale of each feature, shape ``(n_features, width)``.
    mean
        Reference mean of each feature, shape ``(n_features,)``.
    feature_weight
        Fraction of the encoder's feature weight on each feature, shape ``(n_features,)``; sums to 1.
    """

    def __init__(
        self, weight: NDArray[np.float32], mean: NDArray[np.float64], feature_weight: NDArray[np.float64]
    ) -> None:
        self.n_features, self.width = weight.shape
        self._lines = align_to_cache_lines(weight)
        self._weight = self._lines[:, : self.width]
        self._mean, self._feature_weight = mean, feature_weight
        self._cached_constants: tuple[NDArray[np.bool_], NDArray[np.float64], float] | None = None
        kernel = compiled_kernel() if needs_compiled_kernel(self.width) else None
        self.product: Product = ScipyProduct(self._weight) if kernel is None else CompiledProduct(self._lines, kernel)

    def __call__(self, rows: "csr_matrix", measured: NDArray[np.bool_], out: NDArray[np.float32]) -> None:
        """Write the input of the trunk.

        Parameters
        ----------
        rows
            Transformed values, float32 CSR, shape ``(n, n_features)``.
        measured
            Whether each feature was measured, shape ``(n_features,)``.
        out
            Array to write the input of the trunk into, float32, shape ``(n, width)``.
        """
        center, factor = self._constants(measured)
        self.product(rows, center, factor, out=out)

    def without(
        self,
        first: NDArray[np.float32],
        features: NDArray[np.integer],
        values: NDArray[np.float32],
        *,
        measured: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Return the input of the trunk after one feature of each row has been set to zero.

        Parameters
        ----------
        first
            Input of the trunk with the features, shape ``(n, width)``.
        features
            Index of the feature to set to zero in each row, shape ``(n,)``.
        values
            Transformed value of that feature, shape ``(n,)``.
        measured
            Whether each feature was measured, shape ``(n_features,)``.
        """
        _, factor = self._constants(measured)
        removed = self._weight[features]  # (n, width)
        removed *= (values * np.float32(factor))[:, None]
        result: NDArray[np.float32] = first - removed
        return result

    def _constants(self, measured: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        """Return the constants of all rows; they are recomputed only if other features were measured than before."""
        cached = self._cached_constants
        if cached is None or not np.array_equal(cached[0], measured):
            constants = impute_missing(self._weight, measured, mean=self._mean, feature_weight=self._feature_weight)
            cached = self._cached_constants = measured.copy(), *constants
        return cached[1:]


def align_to_cache_lines(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a copy whose rows start at cache lines, zero-padded to ``(n_features, n * 16)``, for faster reads."""
    n_rows, width = weight.shape
    length = -(-width // _FLOATS_PER_CACHE_LINE) * _FLOATS_PER_CACHE_LINE
    memory = np.zeros(n_rows * length + _FLOATS_PER_CACHE_LINE, np.float32)
    start = -memory.ctypes.data % (4 * _FLOATS_PER_CACHE_LINE) // 4
    lines = memory[start : start + n_rows * length].reshape(n_rows, length)
    lines[:, :width] = weight
    return lines


def write_first_layer(path: Path, weight: NDArray[np.float32]) -> None:
    """Write the weights of a first layer, shape ``(n_features, width)``, in row-major order."""
    path.write_bytes(save({"weight": np.ascontiguousarray(weight)}))


def read_first_layer(file: Readable, features: FeatureTable, width: int) -> FirstLayer:
    """Read the first layer of an encoder.

    Raises
    ------
    IntegrityError
        If the file has no weights, or they are not finite, float32, and of shape ``(n_features, width)``.
    """
    weight = read_tensors(file, {"weight": np.float32}, "first layer")["weight"]
    if weight.shape != (len(features), width):
        raise IntegrityError(
            f"{file} holds weights of shape {weight.shape}, but {(len(features), width)} is needed; pull or build the "
            "space again"
        )
    require_finite(file, weight=weight)
    mean = features.mean.astype(np.float32).astype(np.float64)  # rounded as in the graph
    return FirstLayer(weight, mean, features.weight)
