"""The first linear map of an encoder, for sparse rows.

In a sparse row only the values that it holds meet their weights. Centring, which would fill it, comes behind them::

    sum of (t - mean) * weight  =  t @ weight - center,    center = sum of mean * weight

each sum over the measured features. The difference of large sums loses digits: both are added up in float64.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.encoder.crossover import is_wide
from smile_runtime.encoder.numba_kernel import Kernel, compiled_kernel
from smile_runtime.encoder.preprocessing import SMALLEST_SHARE
from smile_runtime.errors import IntegrityError
from smile_runtime.features import FeatureTable

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_LINE = 16  # float32 numbers in a cache line


class Product(Protocol):
    """Sparse rows times weights."""

    name: str

    def __call__(
        self, rows: "csr_matrix", center: NDArray[np.float64], factor: float, result: NDArray[np.float32]
    ) -> None:
        """Write ``(rows @ weight - center) * factor`` into ``result``, shape ``(n, width)``."""
        ...


class ScipyProduct:
    """The product by scipy, in float64."""

    name = "scipy"

    def __init__(self, weight: NDArray[np.float32]) -> None:
        self._weight = weight.astype(np.float64)

    def __call__(
        self, rows: "csr_matrix", center: NDArray[np.float64], factor: float, result: NDArray[np.float32]
    ) -> None:
        """Multiply, as `Product`."""
        sums: NDArray[np.float64] = rows.astype(np.float64) @ self._weight  # (n, width)
        sums -= center
        np.multiply(sums, factor, out=result, casting="same_kind")


class CompiledProduct:
    """The product by a compiled kernel; `smile_runtime.encoder.numba_kernel` has it."""

    name = "numba"

    def __init__(self, weight: NDArray[np.float32], kernel: Kernel) -> None:
        self._weight, self._kernel = weight, kernel

    def __call__(
        self, rows: "csr_matrix", center: NDArray[np.float64], factor: float, result: NDArray[np.float32]
    ) -> None:
        """Multiply, as `Product`."""
        self._kernel(rows.indptr, rows.indices, rows.data, self._weight, center, factor, result)


class FirstLayer:
    """The first linear map of an encoder.

    Parameters
    ----------
    weight
        Shape ``(n_features, width)``, the scale folded in.
    mean
        What each feature is centered at, shape ``(n_features,)``.
    share
        Share of each feature in what the encoder looks at, shape ``(n_features,)``.
    """

    def __init__(self, weight: NDArray[np.float32], mean: NDArray[np.float64], share: NDArray[np.float64]) -> None:
        self.n_features, self.width = weight.shape
        self._lines = cache_lines(weight)
        self._weight = self._lines[:, : self.width]
        self._mean, self._share = mean, share
        self._behind: tuple[NDArray[np.bool_], NDArray[np.float64], float] | None = None
        kernel = compiled_kernel() if is_wide(self.width) else None  # numba where it pays and is there, else scipy
        self.product: Product = ScipyProduct(self._weight) if kernel is None else CompiledProduct(self._lines, kernel)

    def __call__(self, rows: "csr_matrix", measured: NDArray[np.bool_], result: NDArray[np.float32]) -> None:
        """Write what goes into the trunk.

        Parameters
        ----------
        rows
            Transformed values, float32 CSR, shape ``(n, n_features)``.
        measured
            Which features were measured, shape ``(n_features,)``.
        result
            Where it is written, float32, shape ``(n, width)``.
        """
        center, factor = self._constants(measured)
        self.product(rows, center, factor, result)

    def _constants(self, measured: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        """Return what is the same for all rows, computed anew only where other features were measured than before."""
        behind = self._behind
        if behind is None or not np.array_equal(behind[0], measured):
            mean = np.where(measured, self._mean, 0.0)
            center = np.einsum("f,fw->w", mean, self._weight, dtype=np.float64)
            share = max(1.0 - self._share[~measured].sum(), SMALLEST_SHARE)
            behind = self._behind = measured.copy(), center, 1.0 / share
        return behind[1:]


def cache_lines(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a copy of weights in which each row starts a cache line, filled up with zeros: it is read faster."""
    n_rows, width = weight.shape
    length = -(-width // _LINE) * _LINE
    memory = np.zeros(n_rows * length + _LINE, np.float32)
    start = -memory.ctypes.data % (4 * _LINE) // 4
    lines = memory[start : start + n_rows * length].reshape(n_rows, length)
    lines[:, :width] = weight
    return lines


def write_first_layer(path: Path, weight: NDArray[np.float32]) -> None:
    """Write the weights of a first linear map, shape ``(n_features, width)``: a feature's weights side by side."""
    path.write_bytes(save({"weight": np.ascontiguousarray(weight)}))


def read_first_layer(path: Path, features: FeatureTable, width: int) -> FirstLayer:
    """Read the first linear map of an encoder.

    Raises
    ------
    IntegrityError
        If the file holds no weights, or those of another shape than ``(n_features, width)``, or not float32.
    """
    try:
        weight = load_file(path)["weight"]
    except (SafetensorError, KeyError) as error:
        raise IntegrityError(f"{path} holds no first layer: {error}; pull or build the space again") from error
    if weight.shape != (len(features), width) or weight.dtype != np.float32:
        raise IntegrityError(
            f"{path} holds weights of shape {weight.shape} and type {weight.dtype}, {(len(features), width)} and "
            "float32 are needed; pull or build the space again"
        )
    mean = features.mean.astype(np.float32).astype(np.float64)  # as the graph has it
    return FirstLayer(weight, mean, features.weight)
