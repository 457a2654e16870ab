"""Confidence of a transferred label: its vote share, calibrated to the probability that the label is right."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord


def calibrate_confidence(share: NDArray[np.float32], calibration: CalibrationRecord | None) -> NDArray[np.float32]:
    """Return the confidence for each vote share, 0 to 1, shape ``(n,)``; without calibration, the share itself."""
    if calibration is None:
        return np.clip(share, 0.0, 1.0)
    return np.interp(share, calibration.share, calibration.probability).astype(np.float32)
