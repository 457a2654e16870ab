"""Screen of the features of one modality: changes of the distance to another modality, alone and in groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.explanation.feature_groups import kruskal_statistic, top_features
from smile_runtime.explanation.pair_distances import PairDistances
from smile_runtime.projection import Progress

if TYPE_CHECKING:
    import pandas as pd

KEY_FRACTION = 0.05
"""Fraction of the detected features that are key features."""
N_RANDOM_GROUPS = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class ModalityScreen:
    """Changes of the distance between modalities without each feature of one of them.

    Attributes
    ----------
    distances
        Distances of the cells to their embedding in the other modality.
    chooses
        Whether each cell belongs to the half that groups are chosen on, shape ``(n,)``; they are measured on the other.
    labels
        Names of the labels.
    total
        Sum of the changes over the label's cells in the half that groups are measured on and in the other half, shape
        ``(2, n_labels, n_features)``.
    n_present
        Number of the label's cells in which a feature is not zero, in both halves, shape ``(2, n_labels, n_features)``.
    """

    distances: PairDistances
    chooses: NDArray[np.bool_]
    labels: Sequence[str]
    total: NDArray[np.float64]
    n_present: NDArray[np.int64]

    @property
    def table(self) -> "pd.DataFrame":
        """Table of features by label, whose columns `PairScreening` describes."""
        import pandas as pd

        cell_labels, n_labels = self.distances.pairs.labels, len(self.labels)
        n_cells = np.bincount(cell_labels, minlength=n_labels)
        distance = np.bincount(cell_labels, self.distances.complete, n_labels) / np.maximum(n_cells, 1)
        n_present = self.n_present.sum(axis=0)
        label, feature = np.nonzero(n_present)
        change = self.total.sum(axis=0)[label, feature] / n_cells[label]
        order = np.lexsort((feature, -change, label))
        label, feature, change = label[order], feature[order], change[order]
        return pd.DataFrame(
            {
                "label": np.array(self.labels, dtype=object)[label],
                "modality": self.distances.encoder.modality,
                "feature": np.array(self.distances.encoder.features.ids, dtype=object)[feature],
                "change": change,
                "rank": np.arange(len(label)) - np.searchsorted(label, label) + 1,
                "fraction": n_present[label, feature] / n_cells[label],
                "distance": distance[label],
                "n_cells": n_cells[label],
            }
        )

    def compare_groups(self, seed: int) -> list[dict[str, Any]]:
        """Remove the key features, as many differential ones, and as many random ones, a row each."""
        candidates = np.flatnonzero(self.n_present[1].sum(axis=0))
        n, rng = int(np.ceil(KEY_FRACTION * len(candidates))), np.random.default_rng(seed)
        pairs, encoder = self.distances.pairs.select(np.flatnonzero(self.chooses)), self.distances.encoder
        differential = kruskal_statistic(encoder, pairs.values(encoder.modality, slice(None)), pairs.labels, candidates)
        changes = {
            "key": [self._change_without(top_features(self.total[1].sum(axis=0), candidates, n))],
            "differential": [self._change_without(top_features(differential, candidates, n))],
            "random": [self._change_without(rng.choice(candidates, n, replace=False)) for _ in range(N_RANDOM_GROUPS)],
        }
        distance = float(self.distances.complete[~self.chooses].mean())
        return [
            {
                "modality": encoder.modality,
                "group": group,
                "n_features": n,
                "n_cells": int(np.count_nonzero(~self.chooses)),
                "distance": distance,
                "without": distance + float(np.mean(each)),
                "change": float(np.mean(each)),
                "sd": float(np.std(each, ddof=1)) if len(each) > 1 else np.nan,
            }
            for group, each in changes.items()
        ]

    def _change_without(self, features: NDArray[np.intp]) -> float:
        """Return the mean change of the distance without a group of features, over the cells that are measured."""
        measured = ~self.chooses
        return float((self.distances.without(features, measured) - self.distances.complete[measured]).mean())


def screen_modality(
    distances: PairDistances, chooses: NDArray[np.bool_], labels: Sequence[str], progress: Progress, n_total: int
) -> ModalityScreen:
    """Set each feature of each cell to zero, one at a time, and sum what it does by half and label.

    Parameters
    ----------
    distances
        Distances of the cells to their embedding in the other modality.
    chooses
        Whether each cell belongs to the half that groups are chosen on, shape ``(n,)``.
    labels
        Names of the labels.
    progress, n_total
        Called with the number of cells just screened and this number.
    """
    shape = (2, len(labels), len(distances.encoder.features))
    total, n_present = np.zeros(shape), np.zeros(shape, np.int64)
    halves, cell_labels = chooses.astype(np.intp), distances.pairs.labels
    for found in distances.changes():
        where = halves[found.cells], cell_labels[found.cells], found.features
        np.add.at(total, where, found.changes)
        np.add.at(n_present, where, 1)
        progress(found.n_cells, n_total)
    return ModalityScreen(distances=distances, chooses=chooses, labels=labels, total=total, n_present=n_present)


def choose_half(labels: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Return a random half of the cells of each label, a mask of shape ``(n,)``."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    result = np.zeros(len(labels), bool)
    result[order[::2]] = True
    return result
