"""From raw values to encoder input: one record, fitted in training, applied everywhere.

The same algebra stands here in numpy and, for every language, in the exported graph::

    t = log1p(X * size_factor)          per-cell scale, then log
    x = (t - mean) * scale              per-feature centring and scale, never clipped
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Scaling = Literal["sd", "sqrt_sd", "none"]
"""What a centred feature is divided by: its standard deviation (z-score), the root of it, or one."""


def size_factors(totals: NDArray[np.float64], target_sum: float | None) -> NDArray[np.float32]:
    """Return what brings each cell's total, shape ``(n,)``, to ``target_sum``: a factor a cell, shape ``(n, 1)``.

    A cell without counts gets 1: its values stay zero. Without a ``target_sum`` every cell gets 1.
    """
    if target_sum is None:
        return np.ones((len(totals), 1), np.float32)
    factors = np.divide(target_sum, totals, out=np.ones(len(totals)), where=totals > 0)
    return factors[:, None].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """How one modality's raw values become encoder input, with the fitted statistics.

    Attributes
    ----------
    target_sum
        The total that each cell is scaled to over all of its features; None for no per-cell scale.
    log1p
        Whether ``log(1 + value)`` is taken after the per-cell scale.
    scaling
        What centred features are divided by.
    mean
        Mean of each feature over the reference cells after the log, shape ``(n_features,)``, float64.
    std
        Standard deviation (ddof 0) likewise, shape ``(n_features,)``, float64.
    """

    target_sum: float | None
    log1p: bool
    scaling: Scaling
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @property
    def scale(self) -> NDArray[np.float64]:
        """What centred features are multiplied by, shape ``(n_features,)``; 1 for a constant feature."""
        spread = {"sd": self.std, "sqrt_sd": np.sqrt(self.std), "none": np.ones_like(self.std)}[self.scaling]
        return 1.0 / np.where(spread > 0, spread, 1.0)

    def size_factors(self, totals: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return each cell's scale, shape ``(n, 1)``, from its total over all features, shape ``(n,)``."""
        return size_factors(totals, self.target_sum)

    def centred(self, logged: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return centred, scaled features, shape ``(n, n_features)``, from dense values after the log."""
        result: NDArray[np.float32] = (logged - self.mean.astype(np.float32)) * self.scale.astype(np.float32)
        return result
