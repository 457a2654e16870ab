"""Calibration of confidence and similarity on cells that no encoder was trained on."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from smile_runtime.manifest import CalibrationRecord, SimilarityRecord
from smile_runtime.mapping import calibrate_confidence

N_CALIBRATION_BINS = 10
N_DISTANCE_QUANTILES = 201


def calibrate(right: NDArray[np.bool_], share: NDArray[np.float32]) -> CalibrationRecord:
    """Fit the probability of a correct label to the share of the vote, by isotonic regression.

    The expected calibration error (Guo et al. 2017, ten equal bins) is measured on each half of the cells with a fit on
    the other half.

    Parameters
    ----------
    right
        Whether each transferred label is correct, shape ``(n_repeats, n_cells)``.
    share
        Share of the vote that the label won, shape ``(n_repeats, n_cells)``.
    """
    half = np.arange(right.shape[1]) % 2 == 0
    fitted = np.empty(right.shape, np.float32)
    for part in (half, ~half):
        record = _isotonic(share[:, part], right[:, part])
        fitted[:, ~part] = calibrate_confidence(share[:, ~part], record)
    error = _expected_calibration_error(fitted.ravel(), right.ravel())
    return _isotonic(share, right, error)


def calibrate_similarity(distances: Sequence[NDArray[np.float32]], n_cells: int) -> SimilarityRecord:
    """Summarize how far known-type cells lie from the reference.

    Parameters
    ----------
    distances
        Mean distances of left-out cells to the nearest points, one array per degradation, each of shape ``(n,)``.
    n_cells
        Number of cells.
    """
    quantiles = np.quantile(np.concatenate(distances), np.linspace(0, 1, N_DISTANCE_QUANTILES))
    return SimilarityRecord(distance=[float(f"{value:.6g}") for value in quantiles], n_cells=n_cells)


def _isotonic(share: NDArray[np.float32], right: NDArray[np.bool_], error: float = float("nan")) -> CalibrationRecord:
    fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(share.ravel(), right.ravel().astype(float))
    return CalibrationRecord(
        share=[float(value) for value in fit.X_thresholds_],
        probability=[float(value) for value in fit.y_thresholds_],
        expected_calibration_error=error,
        n_cells=int(share.shape[1]),
    )


def _expected_calibration_error(probability: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((probability * N_CALIBRATION_BINS).astype(int), N_CALIBRATION_BINS - 1)
    gaps = [
        abs(probability[bins == each].mean() - right[bins == each].mean()) * np.mean(bins == each)
        for each in np.unique(bins)
    ]
    return float(np.sum(gaps))
