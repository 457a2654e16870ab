"""Baselines: well-known methods on the same cells.

Values are scaled, dense or CSR, and need not be centered: each method finds its own center or intercept. All fit
on training cells alone. What they choose, they choose by cross-validation within the training cells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from smile_training.evaluation.inner_folds import inner_folds
from smile_training.evaluation.metrics import Floats, Ids

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Values = Floats | scipy.sparse.csr_matrix
Reduce = Callable[[Values, Values, int, int], tuple[Floats, Floats]]
"""Reduces training and left-out cells to components: `pca` or `lsi`, by number of components and seed."""
Project = Callable[[Values], Floats]
"""Projects cells on components that were fitted before."""

COMPONENT_NUMBERS = (20, 30, 50)
DEFAULT_COMPONENTS = 50
INVERSE_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
MAX_ITERATIONS = 10_000


def pca(
    train: Values, left_out: Values, n_components: int = DEFAULT_COMPONENTS, seed: int = 0
) -> tuple[Floats, Floats]:
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
    project = fit_pca(train, n_components, seed)
    return project(train), project(left_out)


def fit_pca(train: Values, n_components: int = DEFAULT_COMPONENTS, seed: int = 0) -> Project:
    """Return the projection of `pca` as a function of the cells' values."""
    from sklearn.decomposition import PCA

    n_cells, n_features = train.shape
    n_components = min(n_components, n_cells - 1, n_features)
    every = n_components == n_features  # the iterative solver finds all but one
    if every and scipy.sparse.issparse(train):
        train = train.toarray()
    model = PCA(n_components, svd_solver="full" if every else "arpack", random_state=seed).fit(train)
    return lambda values: np.asarray(model.transform(values))


def lsi(
    train: Values, left_out: Values, n_components: int = DEFAULT_COMPONENTS, seed: int = 0
) -> tuple[Floats, Floats]:
    """Project on the latent semantic indexing of the training cells, for peaks and bins.

    Truncated SVD of TF-IDF values without its first component, which reflects depth, and with rows of length 1. One
    fold of mouse cortex H3K27ac: accuracy of label transfer 0.589 with 30 components, 0.500 without the length.

    Parameters
    ----------
    train
        TF-IDF values of training cells, shape ``(n_train, n_features)``.
    left_out
        TF-IDF values of left-out cells, shape ``(n_left_out, n_features)``.
    n_components
        How many components; no more than the training cells have.
    seed
        Seed of the solver's start.

    Returns
    -------
        Components of training cells, shape ``(n_train, n_components)``, and of left-out cells, shape
        ``(n_left_out, n_components)``.
    """
    project = fit_lsi(train, n_components, seed)
    return project(train), project(left_out)


def fit_lsi(train: Values, n_components: int = DEFAULT_COMPONENTS, seed: int = 0) -> Project:
    """Return the projection of `lsi` as a function of the cells' values."""
    from sklearn.decomposition import TruncatedSVD

    n_components = min(n_components, min(train.shape) - 2)
    model = TruncatedSVD(n_components + 1, algorithm="arpack", random_state=seed).fit(train)
    return lambda values: unit_rows(model.transform(values)[:, 1:])


def unit_rows(values: Floats) -> Floats:
    """Return rows of length 1, shape ``(n, n_columns)``; an empty row stays empty."""
    length = np.linalg.norm(values, axis=1, keepdims=True)  # (n, 1)
    return values / np.where(length > 0, length, 1.0)


def choose_n_components(train: Values, labels: Ids, reduce: Reduce, seed: int) -> int:
    """Choose 20, 30 or 50 components by the accuracy of 15 nearest neighbors in inner folds; 50 without labels.

    No number suits all data: in one fold, accuracy was 0.883 with 30 and 0.863 with 50 on pbmc, 0.878 and 0.881 on
    mouse cortex Paired-Tag.

    Parameters
    ----------
    train
        Values of training cells, shape ``(n_train, n_features)``.
    labels
        Their label ids, -1 for unknown, shape ``(n_train,)``.
    reduce
        Reduction to components, the largest first.
    seed
        Seed of the inner folds and of the reduction.
    """
    n_right = np.zeros(len(COMPONENT_NUMBERS))
    for rows, measured in inner_folds(labels, seed):
        components, projected = reduce(train[rows], train[measured], DEFAULT_COMPONENTS, seed)
        for index, n in enumerate(COMPONENT_NUMBERS):
            known, others = components[:, :n], projected[:, :n]
            if reduce is lsi:
                known, others = unit_rows(known), unit_rows(others)
            predicted = nearest_neighbor_labels(known, labels[rows], others)
            n_right[index] += np.count_nonzero(predicted == labels[measured])
    return COMPONENT_NUMBERS[len(COMPONENT_NUMBERS) - 1 - int(np.argmax(n_right[::-1]))]  # of equal ones, the most


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


def logistic_regression(train: Values, labels: Ids, left_out: Values, seed: int = 0) -> Ids:
    """Return the labels of left-out cells by logistic regression on all features, run until it converges.

    The penalty is chosen in inner folds among C = 0.01 to 1000: on values / sqrt(sd), C between 0.01 and 1 did best
    (one fold of pbmc: 0.927 with 0.01; mouse cortex Paired-Tag: 0.895 with 0.1; z-scores at most 0.907 and 0.808), on
    TF-IDF values of H3K27ac 10 or more (0.145 with 0.1, 0.370 with 1, 0.543 with 10).

    Parameters
    ----------
    train
        Scaled values of training cells, shape ``(n_train, n_features)``.
    labels
        Their label ids, -1 for unknown, shape ``(n_train,)``. Cells without a label teach nothing.
    left_out
        Scaled values of left-out cells, shape ``(n_left_out, n_features)``.
    seed
        Seed of the inner folds.

    Returns
    -------
        Label ids, shape ``(n_left_out,)``.
    """
    return fit_logistic_regression(train, labels, choose_inverse_penalty(train, labels, seed))(left_out)


def choose_inverse_penalty(train: Values, labels: Ids, seed: int) -> float:
    """Choose C of `logistic_regression` by the accuracy in inner folds."""
    n_right = np.zeros(len(INVERSE_PENALTIES))
    for rows, measured in inner_folds(labels, seed):
        for index, c in enumerate(INVERSE_PENALTIES):
            predicted = fit_logistic_regression(train[rows], labels[rows], c)(train[measured])
            n_right[index] += np.count_nonzero(predicted == labels[measured])
    return INVERSE_PENALTIES[int(np.argmax(n_right))]


@dataclass(frozen=True, eq=False)
class LogisticLabels:
    """Fitted logistic regression: a call returns the label ids of cells from their scaled values.

    Attributes
    ----------
    model
        Fitted model; None if there is nothing to tell apart, which scikit-learn refuses.
    labels
        Label ids that it knows, ascending, shape ``(n_known,)``.
    """

    model: "LogisticRegression | None"
    labels: Ids

    def __call__(self, values: Values) -> Ids:
        """Return label ids, shape ``(n,)``."""
        if self.model is None:
            return np.full(values.shape[0], self.labels[0])
        return np.asarray(self.model.predict(values), np.int64)

    def probabilities(self, values: Values, n_labels: int) -> Floats:
        """Return the probability of each label, shape ``(n, n_labels)``; 0 for labels that it does not know."""
        result = np.zeros((values.shape[0], n_labels))
        result[:, self.labels] = 1.0 if self.model is None else self.model.predict_proba(values)
        return result


def fit_logistic_regression(train: Values, labels: Ids, c: float) -> LogisticLabels:
    """Return the prediction of `logistic_regression` as a function of the left-out cells' values."""
    from sklearn.linear_model import LogisticRegression

    known = np.flatnonzero(labels >= 0)
    train, labels = train[known], labels[known]
    found = np.unique(labels)
    if len(found) == 1:
        return LogisticLabels(None, found)
    return LogisticLabels(LogisticRegression(C=c, max_iter=MAX_ITERATIONS).fit(train, labels), found)
