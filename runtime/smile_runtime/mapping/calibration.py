"""Confidence: the share of the vote that a label won, as the probability that the label is right."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord


def confidence(share: NDArray[np.float32], calibration: CalibrationRecord | None) -> NDArray[np.float32]:
    """Return calibrated confidences, 0 to 1, shape ``(n,)``; the share itself without a calibration."""
    if calibration is None:
        return np.clip(share, 0.0, 1.0)
    return np.interp(share, calibration.share, calibration.probability).astype(np.float32)
