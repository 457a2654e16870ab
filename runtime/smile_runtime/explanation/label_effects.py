"""Effects of features averaged over the cells of each label."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.explanation.feature_effects import FeatureEffects

MIN_COMPARED_CELLS = 5
"""Cells that a label needs for its effects to be compared with those on other labels."""


class LabelEffects:
    """Mean effects of features on labels, accumulated over cells.

    Parameters
    ----------
    n_labels, n_features
        Numbers of labels and features.

    Attributes
    ----------
    n_cells
        Number of cells of each label, shape ``(n_labels,)``.
    """

    def __init__(self, n_labels: int, n_features: int) -> None:
        self.n_cells = np.zeros(n_labels, np.int64)
        self._effect = np.zeros((n_labels, n_features))
        self._value = np.zeros((n_labels, n_features))
        self._n_present = np.zeros((n_labels, n_features), np.int64)

    def add(self, labels: NDArray[np.int64], effects: FeatureEffects) -> None:
        """Add cells, whose labels have shape ``(n,)``, with the effects on them."""
        np.add.at(self.n_cells, labels, 1)
        where = labels[effects.cells], effects.features
        np.add.at(self._effect, where, effects.effects)
        np.add.at(self._value, where, effects.values)
        np.add.at(self._n_present, where, 1)

    @property
    def effect(self) -> NDArray[np.float64]:
        """Mean effect of each feature on the similarity to each label, shape ``(n_labels, n_features)``."""
        return self._effect / np.maximum(self.n_cells, 1)[:, None]

    @property
    def value(self) -> NDArray[np.float64]:
        """Mean value of each feature before centering in each label's cells, shape ``(n_labels, n_features)``."""
        return self._value / np.maximum(self.n_cells, 1)[:, None]

    @property
    def fraction(self) -> NDArray[np.float64]:
        """Fraction of each label's cells in which a feature is not zero, shape ``(n_labels, n_features)``."""
        return self._n_present / np.maximum(self.n_cells, 1)[:, None]

    @property
    def share(self) -> NDArray[np.float64]:
        """Effect of each feature over the sum of the label's positive effects, shape ``(n_labels, n_features)``."""
        effect = self.effect
        total = np.maximum(effect, 0).sum(axis=1, keepdims=True)
        result: NDArray[np.float64] = np.divide(effect, total, out=np.zeros_like(effect), where=total > 0)
        return result

    def specific_effect(self, min_cells: int = MIN_COMPARED_CELLS) -> NDArray[np.float64]:
        """Return the effect on each label minus the largest one on another label, shape ``(n_labels, n_features)``.

        Effects on the other labels are those in their own cells; labels of fewer than ``min_cells`` cells are not
        compared with. Without another label, it is the effect itself.
        """
        effect = self.effect
        compared = np.flatnonzero(self.n_cells >= min_cells)
        result = effect.copy()
        for label in range(len(effect)):
            others = compared[compared != label]
            if len(others):
                result[label] -= effect[others].max(axis=0)
        return result
