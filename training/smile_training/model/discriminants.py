"""Discriminants: directions that separate the cells of each label from all others."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix

STRENGTH = {"pca": 200.0, "lsi": 30.0}
"""Weight of the mean loss of a cell beside the penalty, half the sum of the squared weights, by kind of stem. A larger
one separates the cells that the directions are fitted to better than other cells, and the encoder would learn from
that."""
MAX_ITERATIONS = 300


def fit_discriminants(
    scaled: Matrix, labels: NDArray[np.int64], spread: float, *, kind: Literal["pca", "lsi"] = "pca"
) -> NDArray[np.float64]:
    """Return the weights of each label in a multinomial logistic regression with a strong penalty.

    Parameters
    ----------
    scaled
        Scaled values, shape ``(n_cells, n_features)``; they need not be centered.
    labels
        Label ids, shape ``(n_cells,)``; cells without a label, -1, are left out.
    spread
        Standard deviation of the first component of the values, the unit of the penalty.
    kind
        Kind of the components.

    Returns
    -------
        Directions, shape ``(n_features, n_labels)``, whose sum is 0. Labels without cells have none, nor has a single
        label. Along the widest of them, labeled cells have a standard deviation of 1.
    """
    from sklearn.linear_model import LogisticRegression

    known = np.flatnonzero(labels >= 0)
    values = scaled[known]
    if len(np.unique(labels[known])) < 2:
        return np.empty((scaled.shape[1], 0))
    strength = STRENGTH[kind] / (len(known) * spread**2)
    weights = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS).fit(values, labels[known]).coef_
    if len(weights) == 1:  # of two labels, scikit-learn states the second alone
        weights = np.concatenate([-weights, weights])
    centered = (weights - weights.mean(axis=0)).T  # (n_features, n_labels)
    directions: NDArray[np.float64] = centered / np.std(values @ centered, axis=0).max()
    return directions
