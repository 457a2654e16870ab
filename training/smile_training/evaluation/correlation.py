"""Correlation of predicted and measured values, feature by feature, and how far one method leads another in it."""

import numpy as np
from numpy.typing import NDArray

from smile_training.evaluation.metrics import Floats
from smile_training.evaluation.paired_interval import INTERVAL, N_DRAWS

_ROUNDING = 1e-6
"""Difference, as a fraction of a value, that may be due to rounding."""


def correlations(measured: Floats, predicted: Floats, weights: Floats | None = None) -> Floats:
    """Return the weighted Pearson correlation of each feature over cells.

    Parameters
    ----------
    measured, predicted
        Values of cells, NaN if missing, each of shape ``(n_cells, n_features)``.
    weights
        Weights of the cells in one or more draws, shape ``(n_draws, n_cells)``; None for one draw of each cell once.

    Returns
    -------
        Shape ``(n_draws, n_features)``; 0 if the predicted values are constant, NaN if the measured ones are.
    """
    weights = np.ones((1, len(measured))) if weights is None else weights
    known = ~(np.isnan(measured) | np.isnan(predicted))
    total = np.maximum(weights @ known, 1e-300)

    def mean(values: Floats) -> Floats:
        result: Floats = (weights @ values) / total
        return result

    x, y = _centered(measured, known), _centered(predicted, known)
    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    varies_x, varies_y = _varies(variance_x, x), _varies(variance_y, y)
    spread = np.sqrt(np.where(varies_x & varies_y, variance_x * variance_y, 1.0))
    return np.where(varies_x, np.where(varies_y, np.clip(covariance / spread, -1.0, 1.0), 0.0), np.nan)


def explained_variance(measured: Floats, predicted: Floats) -> Floats:
    """Return 1 less the squared error of each feature over that of its mean, shape ``(n_features,)``.

    NaN if the measured values are constant.
    """
    known = ~(np.isnan(measured) | np.isnan(predicted))
    centered = _centered(measured, known)
    error = np.where(known, measured - predicted, 0.0)
    of_mean = (centered**2).sum(axis=0)
    return np.where(of_mean > 0, 1 - (error**2).sum(axis=0) / np.where(of_mean > 0, of_mean, 1.0), np.nan)


def correlation_lead(measured: Floats, own: Floats, other: Floats, *, seed: int = 0) -> tuple[float, float] | None:
    """Return the 95% interval of the mean correlation of one method less that of another, by a bootstrap of the cells.

    A draw takes the same cells in all repeats, and the correlation is averaged over repeats and features.

    Parameters
    ----------
    measured
        Measured values, shape ``(n_cells, n_features)``.
    own, other
        Values that the two methods predicted in each repeat, NaN for cells that it did not leave out, each of shape
        ``(n_repeats, n_cells, n_features)``.
    seed
        Seed of the draws.

    Returns
    -------
        The interval; None if no feature varies in a draw.
    """
    rng, n_cells = np.random.default_rng(seed), len(measured)
    drawn = rng.multinomial(n_cells, np.full(n_cells, 1 / n_cells), N_DRAWS).astype(np.float64)  # (n_draws, n_cells)
    lead = np.mean(
        [
            correlations(measured, mine, drawn) - correlations(measured, theirs, drawn)
            for mine, theirs in zip(own, other, strict=True)
        ],
        axis=0,
    )  # (n_draws, n_features)
    varies = ~np.isnan(lead).any(axis=0)
    if not varies.any():
        return None
    low, high = np.quantile(lead[:, varies].mean(axis=1), INTERVAL)
    return float(low), float(high)


def _centered(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return values less the mean of each feature, so that no variance is a difference of large numbers.

    They are 0 if they are missing, or if a feature varies by no more than rounding.
    """
    mean = np.where(known, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
    centered = np.where(known, values - mean, 0.0)
    centered[:, np.abs(centered).max(axis=0, initial=0) <= _ROUNDING * np.abs(mean)] = 0.0
    return centered


def _varies(variance: Floats, centered: Floats) -> NDArray[np.bool_]:
    """Return whether a variance, the difference of two sums over centered values, is more than rounding."""
    largest: Floats = np.square(centered).max(axis=0, initial=0)
    return variance > _ROUNDING**2 * largest
