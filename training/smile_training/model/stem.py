"""The linear stem: principal or LSI components of all cells of a modality, fitted without labels."""

import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.decomposition import PCA, TruncatedSVD

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.recipe import Stem


def fit_stem(transformed: Matrix, preprocessing: Preprocessing, settings: Stem, seed: int) -> NDArray[np.float32]:
    """Fit a stem on transformed, uncentered cells.

    Parameters
    ----------
    transformed
        Cells after `Preprocessing.transform`, shape ``(n_cells, n_features)``; NaN counts as the feature's mean.
    preprocessing
        Preprocessing with the mean and scale of each feature.
    settings
        Kind and number of components.
    seed
        Seed of the solver's starting vector.

    Returns
    -------
        Matrix of shape ``(n_features, n_components)`` that maps centered, scaled features to components, all divided by
        the standard deviation of the first.

    Raises
    ------
    RecipeError
        If there are not more cells and more features than components.
    """
    n_components = settings.n_components + (settings.kind == "lsi")
    if n_components >= min(transformed.shape):
        n_cells, n_features = transformed.shape
        raise RecipeError(
            f"a stem of {settings.n_components} components needs more than {n_components} cells and features, "
            f"the data has {n_cells:,} cells and {n_features:,} features; set stem.n_components below both"
        )
    scaled = _scaled(transformed, preprocessing)
    if settings.kind == "lsi":
        directions = TruncatedSVD(n_components, algorithm="arpack", random_state=seed).fit(scaled).components_[1:].T
    else:
        pca = PCA(n_components, svd_solver="arpack", random_state=seed)  # centers without densifying rows
        directions = pca.fit(scaled).components_.T
    spread = np.std(scaled @ directions[:, :1])
    stem: NDArray[np.float32] = (directions / spread).astype(np.float32)
    return np.ascontiguousarray(stem)


def _scaled(transformed: Matrix, preprocessing: Preprocessing) -> Matrix:
    """Return scaled, uncentered values in float64; a sparse matrix stays sparse."""
    if is_sparse(transformed):
        return scipy.sparse.csr_matrix(transformed.multiply(preprocessing.scale), dtype=np.float64)
    filled = np.where(np.isnan(transformed), preprocessing.mean, transformed.astype(np.float64))
    return filled * preprocessing.scale
