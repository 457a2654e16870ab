"""The strongest features of single cells, and their table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.explanation.feature_effects import FeatureEffects
from smile_runtime.mapping import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

N_DRIVERS = 5
"""Number of features that are kept for each cell."""


class CellDrivers:
    """The strongest features of the explained cells of a query.

    Parameters
    ----------
    labels
        Names of the labels.
    features
        Names of the features.
    """

    def __init__(self, labels: Sequence[str], features: Sequence[str]) -> None:
        self._labels, self._features = labels, features
        self._runner_up: dict[int, str] = {}
        self._drivers: dict[int, str] = {}

    def add(self, cells: NDArray[np.intp], effects: FeatureEffects) -> None:
        """Add cells, whose indices in the query have shape ``(n,)``, with the effects on them."""
        found, strengths = strongest_features(effects, len(cells))
        for cell, runner_up, each, strength in zip(cells, effects.runners_up, found, strengths, strict=True):
            texts = [f"{self._features[i]} {value:.4g}" for i, value in zip(each, strength, strict=True) if i >= 0]
            self._runner_up[int(cell)], self._drivers[int(cell)] = self._labels[runner_up], ", ".join(texts)

    def table(
        self, obs_names: Sequence[str], labels: NDArray[np.int64], confidence: NDArray[np.float32]
    ) -> "pd.DataFrame":
        """Return the table of all cells.

        Parameters
        ----------
        obs_names
            Names of the cells.
        labels
            Label id of each cell, -1 for unknown, shape ``(n,)``.
        confidence
            Confidence in the label, NaN for unknown, shape ``(n,)``.
        """
        import pandas as pd

        names = np.array([*self._labels, UNKNOWN], dtype=object)
        n = range(len(labels))
        return pd.DataFrame(
            {
                "label": names[labels],
                "confidence": confidence,
                "runner_up": [self._runner_up.get(cell, "") for cell in n],
                "drivers": [self._drivers.get(cell, "") for cell in n],
            },
            index=pd.Index(np.array(obs_names, dtype=object)),
        )


def strongest_features(effects: FeatureEffects, n_cells: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the features with the largest positive effects on each cell's margin, strongest first.

    Returns
    -------
        Indices of the features, -1 if fewer are positive, and their effects on the margin, both of shape
        ``(n_cells, N_DRIVERS)``.
    """
    features, strengths = np.full((n_cells, N_DRIVERS), -1), np.zeros((n_cells, N_DRIVERS), np.float32)
    order = np.lexsort((effects.features, -effects.margin_effects, effects.cells))
    order = order[effects.margin_effects[order] > 0]
    cells = effects.cells[order]
    rank = np.arange(len(cells)) - np.searchsorted(cells, cells)
    kept = rank < N_DRIVERS
    features[cells[kept], rank[kept]] = effects.features[order[kept]]
    strengths[cells[kept], rank[kept]] = effects.margin_effects[order[kept]]
    return features, strengths
