"""The result of an explanation, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.explanation.label_effects import LabelEffects

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
    """Features that carry the labels of cells.

    Attributes
    ----------
    labels
        One row for each label and each feature that any of its cells has, the largest ``specific_effect`` first:

        ``label``, ``feature``
            Names of the two.
        ``effect``
            Mean decrease of the cosine similarity to the label's center when the feature of a cell is set to zero;
            positive if the feature carries the label.
        ``specific_effect``
            ``effect`` minus the largest effect of the feature on another label, in that label's own cells.
        ``share``
            ``effect`` over the sum of the label's positive effects.
        ``fraction``
            Fraction of the label's cells in which the feature is not zero; NaN for average cells.
        ``mean``
            Mean value of the feature, as the encoder takes it, before centering.
        ``n_cells``, ``n_labeled``
            Number of cells that were explained, and that have the label.
    cells
        One row for each cell of the query, in its order, indexed by its names; None unless requested:

        ``label``
            Label of the cell, or ``unknown``.
        ``confidence``
            Confidence in the label, as in a projection; NaN for an unknown cell.
        ``runner_up``
            Most similar other label; empty if the cell was not explained.
        ``drivers``
            Up to five features that carry the label rather than the other label, each with its effect, as in
            ``CD8B 0.0312, CD8A 0.0254``: the decrease of the margin between the two similarities when the feature is
            set to zero. Empty if the cell was not explained.
    programs
        The strongest features of each dimension of the embedding, the largest ``effect`` first; None unless requested:

        ``dimension``
            Index of the dimension; the same in all modalities of the space.
        ``label``, ``activity``
            Label whose center has the largest coordinate in the dimension, and that coordinate.
        ``modality``, ``feature``
            Modality and name of the feature.
        ``effect``
            Mean decrease of the coordinate when the feature of a cell is set to zero; every label counts alike.
        ``share``
            ``effect`` over the sum of the positive effects of all features on the dimension.
    tree
        Hierarchy of the labels by the cosine distance of their centers, in Newick format.
    provenance
        Space, modality, label column, sampling, and for a query that of its projection, with the numbers of its cells
        (``n_cells``), of unknown ones (``n_unknown``) and of those that were explained (``n_explained``).
    """

    labels: "pd.DataFrame"
    cells: "pd.DataFrame | None"
    programs: "pd.DataFrame | None"
    tree: str
    provenance: dict[str, Any]


def label_table(
    effects: LabelEffects,
    labels: Sequence[str],
    features: Sequence[str],
    *,
    n_labeled: NDArray[np.int64],
    average: bool,
) -> "pd.DataFrame":
    """Return the table of labels.

    Parameters
    ----------
    effects
        Effects on the labels.
    labels, features
        Names of labels and features.
    n_labeled
        Number of cells of each label, shape ``(n_labels,)``.
    average
        Whether each label was explained by one average cell, so that all labels are compared.
    """
    import pandas as pd

    specific = effects.specific_effect(1) if average else effects.specific_effect()
    present = effects.fraction > 0
    label, feature = np.nonzero(present)
    frame = pd.DataFrame(
        {
            "label": np.array(labels, dtype=object)[label],
            "feature": np.array(features, dtype=object)[feature],
            "effect": effects.effect[present],
            "specific_effect": specific[present],
            "share": effects.share[present],
            "fraction": np.nan if average else effects.fraction[present],
            "mean": effects.value[present],
            "n_cells": effects.n_cells[label],
            "n_labeled": n_labeled[label],
        }
    )
    order = np.lexsort((feature, -specific[present], label))
    return frame.iloc[order].reset_index(drop=True)
