"""Programs: the dimensions of a space, and the features that drive each of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Removals
from smile_runtime.explanation.label_centers import LabelCenters

if TYPE_CHECKING:
    import pandas as pd

N_TOP_FEATURES = 20
"""Number of features that are listed for each dimension."""


def dimension_effects(
    removals: Removals, embedding: NDArray[np.float32], weights: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Add the weighted decrease of each dimension without a feature to ``out``, shape ``(n_features, n_latent)``.

    Parameters
    ----------
    removals
        Cells that were embedded again without a feature.
    embedding
        Embedding of the cells with all features, shape ``(n_cells, n_latent)``.
    weights
        Weight of each cell, shape ``(n_cells,)``.
    out
        Sums so far.
    """
    decrease = (embedding[removals.cells] - removals.embedding) * weights[removals.cells, None]  # (n, n_latent)
    order = np.argsort(removals.features, kind="stable")
    features, starts = np.unique(removals.features[order], return_index=True)
    out[features] += np.add.reduceat(decrease[order], starts, axis=0)


def program_table(
    effects: NDArray[np.float64], centers: LabelCenters, labels: Sequence[str], features: Sequence[str], modality: str
) -> "pd.DataFrame":
    """Return the table of programs, whose columns `Explanation` describes.

    Parameters
    ----------
    effects
        Mean effect of each feature on each dimension, shape ``(n_features, n_latent)``.
    centers
        Centers of the labels.
    labels, features
        Names of labels and features.
    modality
        Modality of the features.
    """
    import pandas as pd

    top = np.argsort(-effects, axis=0, kind="stable")[:N_TOP_FEATURES]  # (n_top, n_latent)
    positive = np.maximum(effects, 0)
    share = np.divide(positive, positive.sum(axis=0), out=np.zeros_like(positive), where=positive > 0)
    label = centers.embedding.argmax(axis=0)  # (n_latent,)
    dimension, feature = np.repeat(np.arange(effects.shape[1]), len(top)), top.T.ravel()
    frame = pd.DataFrame(
        {
            "dimension": dimension,
            "label": np.array(labels, dtype=object)[label[dimension]],
            "activity": centers.embedding[label[dimension], dimension],
            "modality": modality,
            "feature": np.array(features, dtype=object)[feature],
            "effect": effects[feature, dimension],
            "share": share[feature, dimension],
        }
    )
    return frame[frame["effect"] > 0].reset_index(drop=True)
