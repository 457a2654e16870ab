"""The linear stem: principal components of all cells of a modality, fitted without labels."""

import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from smile_runtime.errors import RecipeError
from smile_runtime.preprocessing import Preprocessing


def fit_stem(
    logged: scipy.sparse.csr_matrix, preprocessing: Preprocessing, n_components: int, seed: int
) -> NDArray[np.float32]:
    """Fit a stem on cells whose values are logged but not yet centred.

    Parameters
    ----------
    logged
        Values after per-cell scale and log, shape ``(n_cells, n_features)``.
    preprocessing
        Gives the per-feature scale.
    n_components
        Number of principal components.
    seed
        Seed of the solver's starting vector.

    Returns
    -------
        Shape ``(n_features, n_components)``: centred, scaled features times this are the components, divided by the
        standard deviation of the first one.

    Raises
    ------
    RecipeError
        If there are not more cells and features than components.
    """
    if n_components >= min(logged.shape):
        raise RecipeError(
            f"a stem of {n_components} components needs more than {n_components} cells and features, the data has "
            f"{logged.shape[0]:,} cells and {logged.shape[1]:,} features; set stem.n_components below both"
        )
    scaled = scipy.sparse.csr_matrix(logged.multiply(preprocessing.scale), dtype=np.float64)
    pca = PCA(n_components, svd_solver="arpack", random_state=seed).fit(scaled)  # centres without making rows dense
    stem: NDArray[np.float32] = (pca.components_.T / np.sqrt(pca.explained_variance_[0])).astype(np.float32)
    return np.ascontiguousarray(stem)
