"""The linear stem: PCA or LSI (latent semantic indexing) of all cells of a modality, and directions of labels."""

import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.decomposition import PCA, TruncatedSVD

from smile_runtime.arrays import Matrix, dense, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.model.cell_blocks import BLOCK_CELLS, project_rows
from smile_training.model.discriminants import fit_discriminants
from smile_training.recipe import Stem

GRAM_CELLS = 4096
MAX_GRAM_FEATURES = 4000
"""Number of features up to which their Gram matrix, 128 MB, takes less time than a solver's many passes."""


def fit_stem(
    transformed: Matrix,
    preprocessing: Preprocessing,
    settings: Stem,
    *,
    seed: int,
    labels: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Fit a stem on transformed, uncentered cells.

    Parameters
    ----------
    transformed
        Cells after `Preprocessing.transform`, shape ``(n_cells, n_features)``; NaN counts as the feature's mean.
    preprocessing
        Preprocessing with the mean and scale of each feature.
    settings
        Kind and number of components, and whether discriminants follow them.
    seed
        Seed of the solver's starting vector.
    labels
        Label ids for the discriminants, -1 for none, shape ``(n_cells,)``.

    Returns
    -------
        Directions, float32, shape ``(n_features, n_components)``, that map centered, scaled features to components. All
        are divided by the standard deviation of the first component. Those of `fit_discriminants` come last.

    Raises
    ------
    RecipeError
        If the cells or the features do not outnumber the components, or discriminants lack labels.
    """
    n_components = settings.n_components + (settings.kind == "lsi")
    if n_components >= min(transformed.shape):
        n_cells, n_features = transformed.shape
        raise RecipeError(
            f"a stem of {settings.n_components} components needs more than {n_components:,} cells and features, "
            f"the data has {n_cells:,} cells and {n_features:,} features; lower stem.n_components"
        )
    if transformed.shape[0] > BLOCK_CELLS and transformed.shape[1] <= MAX_GRAM_FEATURES:
        directions, spread = _from_gram(transformed, preprocessing, settings)
    else:
        directions, spread = _from_cells(_scaled(transformed, preprocessing), settings, seed)
    directions = directions / spread
    if settings.discriminants is True:
        if labels is None or not (labels >= 0).any():
            raise RecipeError(
                "stem.discriminants needs labeled cells, and there are none; name a column that labels some of them as "
                "data.label_key, or leave stem.discriminants out"
            )
        scaled = _scaled(transformed, preprocessing)
        discriminants = fit_discriminants(scaled, labels, spread, kind=settings.kind)
        directions = np.hstack([directions, discriminants])
    stem: NDArray[np.float32] = directions.astype(np.float32)
    return np.ascontiguousarray(stem)


def project_stem(transformed: Matrix, preprocessing: Preprocessing, stem: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return components of cells, shape ``(n_cells, n_components)``; uncentered if sparse, which changes no distance.

    Parameters
    ----------
    transformed
        Cells after all steps before centering, shape ``(n_cells, n_features)``.
    preprocessing
        Preprocessing with the mean and scale of each feature.
    stem
        Directions, shape ``(n_features, n_components)``.
    """
    if is_sparse(transformed):
        return project_rows(transformed, preprocessing.scale[:, None] * stem)
    return np.asarray(np.nan_to_num(preprocessing.centered(transformed)) @ stem, dtype=np.float32)


def _from_cells(scaled: Matrix, settings: Stem, seed: int) -> tuple[NDArray[np.float64], float]:
    """Return directions, shape ``(n_features, n_components)``, and the standard deviation of the first component."""
    if settings.kind == "lsi":
        svd = TruncatedSVD(settings.n_components + 1, algorithm="arpack", random_state=seed).fit(scaled)
        directions = svd.components_[1:].T
    else:
        pca = PCA(settings.n_components, svd_solver="arpack", random_state=seed)  # centers without making rows dense
        directions = pca.fit(scaled).components_.T
    return directions, float(np.std(scaled @ directions[:, :1]))  # of (n_cells, 1)


def _from_gram(transformed: Matrix, preprocessing: Preprocessing, settings: Stem) -> tuple[NDArray[np.float64], float]:
    """Return what `_from_cells` does, from the Gram matrix of the features: one pass, some of the rows dense at a time.

    Directions are the Gram matrix's eigenvectors; each one's largest weight is positive.
    """
    n_cells, n_features = transformed.shape
    gram, mean = np.zeros((n_features, n_features)), np.zeros(n_features)
    for start in range(0, n_cells, GRAM_CELLS):
        centered = preprocessing.centered(dense(transformed[start : start + GRAM_CELLS]))  # (n, n_features)
        if not is_sparse(transformed):
            np.nan_to_num(centered, copy=False)
        gram += centered.T @ centered
        mean += centered.sum(axis=0, dtype=np.float64)
    mean /= n_cells  # almost zero, unless the preprocessing was fitted on other cells
    covariance = gram / n_cells - np.outer(mean, mean)
    offset = mean + preprocessing.mean * preprocessing.scale if settings.kind == "lsi" else np.zeros(n_features)
    n_first = settings.kind == "lsi"
    chosen = [n_features - settings.n_components - n_first, n_features - 1]
    _, vectors = scipy.linalg.eigh(covariance + np.outer(offset, offset), subset_by_index=chosen)
    directions = vectors[:, ::-1][:, n_first:]  # (n_features, n_components), largest eigenvalue first
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(settings.n_components)])
    return directions, float(np.sqrt(directions[:, 0] @ covariance @ directions[:, 0]))


def _scaled(transformed: Matrix, preprocessing: Preprocessing) -> Matrix:
    """Return scaled, uncentered values, float64, ``(n_cells, n_features)``; a sparse matrix stays sparse."""
    if is_sparse(transformed):
        return scipy.sparse.csr_matrix(transformed.multiply(preprocessing.scale), dtype=np.float64)
    filled = np.where(np.isnan(transformed), preprocessing.mean, transformed.astype(np.float64))
    return filled * preprocessing.scale
