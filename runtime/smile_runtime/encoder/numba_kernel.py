"""The numba kernel for sparse rows times wide weights, compiled on first use and kept in the user's cache."""

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Kernel = Callable[..., None]
"""`_add_rows`, compiled."""


@cache
def compiled_kernel() -> Kernel | None:
    """Return the compiled kernel; None if numba is missing or broken."""
    try:
        import numba
    except ImportError as error:  # also raised by numba if numpy is too new for it
        logger.info("without numba (%s) wide encoders are slower; install it: pip install 'smile-zoo[fast]'", error)
        return None
    return _compiled(numba)


def _compiled(numba: ModuleType) -> Kernel:
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "reassoc"}}
    before = numba.config.CACHE_DIR
    try:
        numba.config.CACHE_DIR = before or str(_cache_folder())  # njit reads it when caching is enabled
        kernel: Kernel = numba.njit(_add_rows, cache=True, **options)
    except RuntimeError:  # no folder is writable
        kernel = numba.njit(_add_rows, **options)
    finally:
        numba.config.CACHE_DIR = before
    return kernel


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "smile-zoo" / "compiled"


def _add_rows(
    indptr: NDArray[np.integer],
    indices: NDArray[np.integer],
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    center: NDArray[np.float64],
    factor: float,
    result: NDArray[np.float32],
) -> None:
    """Write ``(rows @ weight - center) * factor`` into ``result``, shape ``(n, width)``.

    The weighted values of eight features at a time are summed in float32, and these sums in float64. Rows of the
    weights may be longer than ``width``.
    """
    width = result.shape[1]
    total = np.empty(width, np.float64)
    value, feature = np.empty(8, np.float32), np.empty(8, np.int64)
    for row in range(len(result)):
        for j in range(width):
            total[j] = -center[j]
        stop = indptr[row + 1]
        for start in range(indptr[row], stop, 8):
            for k in range(8):  # the last group is padded with zeros
                held = start + k < stop
                value[k] = values[start + k] if held else np.float32(0.0)
                feature[k] = indices[start + k] if held else feature[0]
            v0, v1, v2, v3 = value[0], value[1], value[2], value[3]
            v4, v5, v6, v7 = value[4], value[5], value[6], value[7]
            w0, w1, w2, w3 = weight[feature[0]], weight[feature[1]], weight[feature[2]], weight[feature[3]]
            w4, w5, w6, w7 = weight[feature[4]], weight[feature[5]], weight[feature[6]], weight[feature[7]]
            for j in range(width):
                low = v0 * w0[j] + v1 * w1[j] + v2 * w2[j] + v3 * w3[j]
                total[j] += low + (v4 * w4[j] + v5 * w5[j] + v6 * w6[j] + v7 * w7[j])
        for j in range(width):
            result[row, j] = total[j] * factor
