"""The linear stem: PCA or LSI (latent semantic indexing) of all cells of a modality."""

import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.decomposition import PCA, TruncatedSVD

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.recipe import Stem


def fit_stem(transformed: Matrix, preprocessing: Preprocessing, settings: Stem, *, seed: int) -> NDArray[np.float32]:
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
        Directions, float32, shape ``(n_features, n_components)``, that map centered, scaled features to components. All
        are divided by the standard deviation of the first component.

    Raises
    ------
    RecipeError
        If the cells or the features do not outnumber the components.
    """
    n_components = settings.n_components + (settings.kind == "lsi")
    if n_components >= min(transformed.shape):
        n_cells, n_features = transformed.shape
        raise RecipeError(
            f"a stem of {settings.n_components} components needs more than {n_components} cells and features, "
            f"the data has {n_cells:,} cells and {n_features:,} features; lower stem.n_components"
        )
    scaled = _scaled(transformed, preprocessing)  # (n_cells, n_features)
    if settings.kind == "lsi":
        directions = TruncatedSVD(n_components, algorithm="arpack", random_state=seed).fit(scaled).components_[1:].T
    else:
        pca = PCA(n_components, svd_solver="arpack", random_state=seed)  # arpack centers without making rows dense
        directions = pca.fit(scaled).components_.T
    spread = np.std(scaled @ directions[:, :1])  # of (n_cells, 1)
    stem: NDArray[np.float32] = (directions / spread).astype(np.float32)
    return np.ascontiguousarray(stem)


def _scaled(transformed: Matrix, preprocessing: Preprocessing) -> Matrix:
    """Return scaled, uncentered values, float64, ``(n_cells, n_features)``; a sparse matrix stays sparse."""
    if is_sparse(transformed):
        return scipy.sparse.csr_matrix(transformed.multiply(preprocessing.scale), dtype=np.float64)
    filled = np.where(np.isnan(transformed), preprocessing.mean, transformed.astype(np.float64))
    return filled * preprocessing.scale
