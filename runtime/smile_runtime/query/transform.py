"""Transforms of counts, and how they are undone."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, map_values, row_sums, stored_values

MAX_LOG_VALUE = 20.0  # log1p of a count of 485 million; larger values are not logarithms
MAX_AMOUNT = math.expm1(MAX_LOG_VALUE)
MAX_SHOWN_COUNT = 1e4
MAX_NEWTON_STEPS = 100
NEWTON_TOLERANCE = 1e-12

Form = Literal["log", "double log", "arcsinh", "square root", "clr", "scale"]


@dataclass(frozen=True)
class Transform:
    """A transform of counts, or of counts scaled by cell, whose inverse needs each cell alone.

    Attributes
    ----------
    form
        ``log(1 + x)``; the same taken twice; ``arcsinh(x / factor)``; the square root; the centered log ratio
        ``log(1 + x / g)`` with ``g`` the exponential of the cell's mean of ``log(1 + x)`` (Stoeckius et al. 2017); or
        a mere scale of each cell, which is left as it is.
    base
        Base of the logarithm, or the factor of ``arcsinh``; unused by the other forms.
    """

    form: Form = "log"
    base: float = math.e

    def __str__(self) -> str:
        names = {
            "log": f"log{self.base:.4g}(1 + x)" if self.base != math.e else "ln(1 + x)",
            "double log": "ln(1 + ln(1 + x))",
            "arcsinh": "arcsinh(x)" if self.base == 1 else f"arcsinh(x / {self.base:.4g})",
            "square root": "sqrt(x)",
            "clr": "the centered log ratio ln(1 + x / g)",
            "scale": "x, scaled by cell",
        }
        return names[self.form]

    @property
    def is_logarithm(self) -> bool:
        """Whether this is a logarithm, once or twice."""
        return self.form in ("log", "double log")

    @property
    def max_value(self) -> float:
        """Largest transformed value of a possible amount."""
        limits = {
            "log": MAX_LOG_VALUE / math.log(self.base) if self.form == "log" else 0.0,
            "double log": math.log1p(MAX_LOG_VALUE),
            "arcsinh": math.asinh(MAX_AMOUNT / self.base),
            "square root": math.sqrt(MAX_AMOUNT),
            "clr": MAX_LOG_VALUE,
            "scale": math.inf,
        }
        return limits[self.form]

    def undo(self, rows: Matrix) -> Matrix:
        """Return the values before the transform, at least in float32; a sparse matrix stays sparse."""
        if self.form == "clr":
            return _undo_clr(rows)
        return map_values(rows, lambda values: self.undo_values(at_least_float32(values)))

    def undo_values(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the inverse of single values; for the centered log ratio, up to a factor of the cell."""
        inverse: NDArray[Any]
        match self.form:
            case "double log":
                inverse = np.expm1(np.expm1(values))
            case "arcsinh":
                inverse = np.sinh(values) * self.base
            case "square root":
                inverse = values * values
            case "scale":
                inverse = values
            case "log" | "clr":
                inverse = np.expm1(values if self.base == math.e else values * math.log(self.base))
        return inverse


NATURAL_LOG = Transform()


def at_least_float32(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as floats of at least 32 bits."""
    return values.astype(np.promote_types(values.dtype, np.float32), copy=False)


def _undo_clr(rows: Matrix) -> Matrix:
    """Solve ``log g = mean(log(1 + g r))``, where ``r = exp(value) - 1`` are a cell's counts divided by ``g``.

    The right side grows more slowly than the left, so Newton's method from below finds the only solution.
    """
    ratios = map_values(rows, lambda values: np.expm1(values, dtype=np.float64))
    log_g, n_features = np.zeros(rows.shape[0]), max(1, rows.shape[1])
    for _ in range(MAX_NEWTON_STEPS):
        scaled = _scale_rows(ratios, np.exp(log_g))
        excess = row_sums(map_values(scaled, np.log1p)) / n_features - log_g
        slope = row_sums(map_values(scaled, lambda values: values / (1 + values))) / n_features - 1
        step = np.divide(excess, slope, out=np.zeros_like(excess), where=slope < -1e-9)
        log_g = np.clip(log_g - step, 0, MAX_LOG_VALUE)
        if np.all(np.abs(step) <= NEWTON_TOLERANCE * np.maximum(1, log_g)):
            break
    return _scale_rows(ratios, np.exp(log_g))


def _scale_rows(rows: Matrix, factor: NDArray[np.float64]) -> Matrix:
    from scipy.sparse import diags, issparse

    return (diags(factor) @ rows).tocsr() if issparse(rows) else rows * factor[:, None]


def hold_counts(rows: Matrix) -> bool:
    """Return whether values are whole numbers, up to rounding in float32, which shows only in those that are not large.

    Rows of zeros hold counts.
    """
    values = stored_values(rows)
    values = values[values > 0]
    small = values[values <= MAX_SHOWN_COUNT]
    near = np.abs(small - np.rint(small)) <= 1e-3 + 1e-5 * small
    return bool(near.all() and 2 * len(small) >= len(values))
