"""Imputation of missing features from the measured ones.

A missing feature is imputed by its reference mean, which is zero once features are centered. To compensate, the
measured features are divided by the measured fraction of the encoder's feature weight. Sparse rows are imputed here,
dense rows by the same formula in the exported graph.
"""

import numpy as np
from numpy.typing import NDArray

MIN_MEASURED_FRACTION = 0.02
"""Smallest fraction to divide by, which limits how much a few measured features are scaled up."""


def impute_missing(
    weight: NDArray[np.float32],
    measured: NDArray[np.bool_],
    *,
    mean: NDArray[np.float64],
    feature_weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Return center and factor of a linear layer, ``(rows @ weight - center) * factor``, that impute missing features.

    Parameters
    ----------
    weight
        Weights of the layer, shape ``(n_features, width)``.
    measured
        Whether each feature was measured, shape ``(n_features,)``.
    mean
        Reference mean of each feature, shape ``(n_features,)``.
    feature_weight
        Fraction of the encoder's feature weight on each feature, shape ``(n_features,)``; sums to 1.

    Returns
    -------
        The center, shape ``(width,)``, and the factor.
    """
    center = np.einsum("f,fw->w", np.where(measured, mean, 0.0), weight, dtype=np.float64)
    fraction = max(1.0 - feature_weight[~measured].sum(), MIN_MEASURED_FRACTION)
    return center, 1.0 / fraction
