"""Types of numbers that scipy computes with."""

from typing import TypeVar

import numpy as np

Values = TypeVar("Values")
"""An ndarray or a scipy matrix."""


def computable(values: Values) -> Values:
    """Return values in native byte order, and floats as float32 or float64; copied only if they have another type."""
    stored: np.dtype = values.dtype  # type: ignore[attr-defined]
    wanted = stored.newbyteorder("=")
    if stored.kind == "f" and stored.itemsize not in (4, 8):
        wanted = np.dtype(np.float32 if stored.itemsize < 4 else np.float64)
    return values if wanted == stored else values.astype(wanted)  # type: ignore[attr-defined]
