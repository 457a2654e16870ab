"""Groups of features whose removal is compared: key, differential and random ones."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import is_sparse, measured_sparse
from smile_runtime.encoder import Encoder
from smile_runtime.explanation.feature_effects import CellValues

_COLUMNS_PER_BLOCK = 512


def top_features(scores: NDArray[np.float64], candidates: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Return the ``n`` candidates with the largest scores, shape ``(n_features,)``, the largest first."""
    return candidates[np.argsort(-scores[candidates], kind="stable")[:n]]


def kruskal_statistic(
    encoder: Encoder, values: CellValues, labels: NDArray[np.int64], candidates: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return how much a feature differs between labels, by Kruskal and Wallis' H, shape ``(n_features,)``.

    It is the rank test of Wilcoxon for more than two labels, on values as the encoder takes them, before centering.
    Features that are no candidates, or have one value only, get 0.

    Parameters
    ----------
    encoder
        Encoder of the cells.
    values
        Values of the cells.
    labels
        Label of each cell, shape ``(n,)``.
    candidates
        Indices of features, shape ``(n_candidates,)``.
    """
    from scipy.stats import kruskal

    raw = values.raw if is_sparse(values.raw) else np.nan_to_num(values.raw)
    transformed = encoder.preprocessing.transform(measured_sparse(raw), values.size_factor, values.measured)
    columns = transformed.tocsc()  # type: ignore[union-attr]
    result = np.zeros(raw.shape[1])
    for start in range(0, len(candidates), _COLUMNS_PER_BLOCK):
        block = candidates[start : start + _COLUMNS_PER_BLOCK]
        dense = columns[:, block].toarray()  # (n, n_block)
        varied = np.ptp(dense, axis=0) > 0
        groups = [dense[labels == label][:, varied] for label in np.unique(labels)]
        if varied.any() and len(groups) > 1:
            result[block[varied]] = kruskal(*groups, axis=0).statistic
    return result
