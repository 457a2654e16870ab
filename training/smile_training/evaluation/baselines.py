"""Baselines: well-known methods on the same cells.

Values are scaled, dense or CSR, and need not be centered: each method finds its own center or intercept. All fit
on training cells alone, except Harmony.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

from smile_runtime.errors import DependencyError
from smile_training.evaluation.metrics import Floats, Ids

Values = Floats | scipy.sparse.csr_matrix

RIDGE_FRACTION = 1e-6  # of the first component's variance, so that an empty component is not amplified


def pca(train: Values, left_out: Values, n_components: int = 30, seed: int = 0) -> tuple[Floats, Floats]:
    """Project on the principal components of the training cells.

    Parameters
    ----------
    train
        Values of training cells, shape ``(n_train, n_features)``.
    left_out
        Values of left-out cells, shape ``(n_left_out, n_features)``.
    n_components
        How many components; no more than the training cells have.
    seed
        Seed of the solver's start.

    Returns
    -------
        Components of training cells, shape ``(n_train, n_components)``, and of left-out cells, shape
        ``(n_left_out, n_components)``.
    """
    from sklearn.decomposition import PCA

    n_cells, n_features = train.shape
    n_components = min(n_components, n_cells - 1, n_features)
    every = n_components == n_features  # the iterative solver finds all but one
    if every and scipy.sparse.issparse(train):
        train = train.toarray()
    model = PCA(n_components, svd_solver="full" if every else "arpack", random_state=seed).fit(train)
    return model.transform(train), model.transform(left_out)


def harmony(embedding: Floats, batches: Ids, seed: int = 0) -> NDArray[np.float64]:
    """Mix batches by Harmony (Korsunsky et al. 2019), run until it settles.

    It has no projection of further cells: training and left-out cells go in together.

    Parameters
    ----------
    embedding
        Principal components, shape ``(n_cells, n_components)``.
    batches
        Batch ids, shape ``(n_cells,)``.
    seed
        Seed of its clusters.

    Returns
    -------
        Corrected components, shape ``(n_cells, n_components)``; those given where there is one batch.

    Raises
    ------
    DependencyError
        If harmonypy is not installed.
    """
    if len(np.unique(batches)) < 2:
        return embedding.astype(np.float64)
    try:
        from harmonypy import run_harmony
    except ImportError as error:
        raise DependencyError("Harmony needs harmonypy; install it with: pip install 'smile-zoo[harmony]'") from error
    result = run_harmony(
        embedding.T,  # components in rows: as many cells as components would be taken for that anyway
        {"batch": batches},
        "batch",
        nclust=int(np.clip(round(len(embedding) / 30), 1, 100)),  # its default, but never 0
        max_iter_harmony=50,
        epsilon_harmony=1e-4,  # by default it may stop after one iteration
        verbose=False,
        random_state=seed,
        ncores=1,
    )
    return np.array(result.Z_corr, np.float64)


def cca(
    train_a: Values, train_b: Values, left_out_a: Values, left_out_b: Values, n_components: int = 30
) -> tuple[Floats, Floats, Floats, Floats]:
    """Align two modalities by canonical correlation analysis of their principal components (Hotelling 1936).

    Each variate is multiplied by its squared correlation, the share of its variance that the partner explains. On
    left-out cells of the SNARE-seq mixture FOSCTTM is 0.16 with it, 0.17 with the correlation and 0.38 with neither:
    unweighted, the many variates that hardly correlate drown the few that do.

    Parameters
    ----------
    train_a, train_b
        Values of paired training cells, in the same order, shapes ``(n_train, n_features_a)`` and
        ``(n_train, n_features_b)``.
    left_out_a, left_out_b
        Values of left-out cells, likewise; they need not be paired.
    n_components
        How many principal components of each side, and at most as many variates.

    Returns
    -------
        Weighted variates, shape ``(n, n_variates)``, of the training cells of a and b and the left-out cells of a
        and b, in that order.
    """
    a, a_left = _whitened(*pca(train_a, left_out_a, n_components))
    b, b_left = _whitened(*pca(train_b, left_out_b, n_components))
    rotation_a, correlation, rotation_b = np.linalg.svd(a.T @ b / len(a), full_matrices=False)
    to_a, to_b = rotation_a * correlation**2, rotation_b.T * correlation**2  # (n_components, n_variates)
    return a @ to_a, b @ to_b, a_left @ to_a, b_left @ to_b


def _whitened(train: Floats, left_out: Floats) -> tuple[Floats, Floats]:
    """Return components with variance 1 over training cells, where they have mean 0 and do not correlate."""
    variance = train.var(axis=0)
    spread = np.sqrt(variance + RIDGE_FRACTION * variance.max())
    return train / spread, left_out / spread


def nearest_neighbor_labels(train: Floats, labels: Ids, left_out: Floats, k: int = 15) -> Ids:
    """Return the most frequent label among each left-out cell's nearest training cells.

    Parameters
    ----------
    train
        Embedding of training cells, shape ``(n_train, n_latent)``.
    labels
        Their label ids, -1 for unknown, shape ``(n_train,)``. Cells without a label have no vote.
    left_out
        Embedding of left-out cells, shape ``(n_left_out, n_latent)``.
    k
        How many neighbors vote; no more than there are.

    Returns
    -------
        Label ids, shape ``(n_left_out,)``.
    """
    from sklearn.neighbors import KNeighborsClassifier

    known = np.flatnonzero(labels >= 0)
    model = KNeighborsClassifier(min(k, len(known))).fit(train[known], labels[known])
    return np.asarray(model.predict(left_out), np.int64)


def logistic_regression(train: Values, labels: Ids, left_out: Values) -> Ids:
    """Return the labels of left-out cells by logistic regression on all features.

    Parameters
    ----------
    train
        Z-scores of training cells, shape ``(n_train, n_features)``.
    labels
        Their label ids, -1 for unknown, shape ``(n_train,)``. Cells without a label teach nothing.
    left_out
        Z-scores of left-out cells, shape ``(n_left_out, n_features)``.

    Returns
    -------
        Label ids, shape ``(n_left_out,)``.
    """
    from sklearn.linear_model import LogisticRegression

    known = np.flatnonzero(labels >= 0)
    if len(np.unique(labels[known])) == 1:
        return np.full(left_out.shape[0], labels[known][0])  # nothing to tell apart, which it refuses
    model = LogisticRegression(C=0.01, max_iter=1000).fit(train[known], labels[known])
    return np.asarray(model.predict(left_out), np.int64)
