"""Figures of an embedding: how far groups stand apart, and how near the two halves of a pair lie."""

import warnings

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError

Floats = NDArray[np.float32] | NDArray[np.float64]
Ids = NDArray[np.int64]

MAX_SILHOUETTE_CELLS = 10_000  # a silhouette needs the distances between all of them
MAX_CLUSTERED_CELLS = 50_000
MAX_DISTANCES_MB = 64  # held at a time; without a limit, 1 GB
MAX_CHUNK_DISTANCES = 8_000_000  # float64: 64 MB


def silhouette(embedding: Floats, ids: Ids, *, seed: int = 0) -> float | None:
    """Return the mean silhouette of groups of cells (Rousseeuw 1987): 1 far apart, 0 mixed.

    Parameters
    ----------
    embedding
        Shape ``(n_cells, n_latent)``.
    ids
        Group of each cell, -1 for unknown, shape ``(n_cells,)``. Cells of no known group are left out; of more than
        10,000 others that many are drawn.
    seed
        Seed of the draw.

    Returns
    -------
        The mean over cells, -1 to 1; None where there are fewer than two groups or each cell is its own.
    """
    from sklearn import config_context
    from sklearn.metrics import silhouette_score

    rows = draw_known(ids, MAX_SILHOUETTE_CELLS, seed)
    if not 2 <= len(np.unique(ids[rows])) < len(rows):
        return None
    cells = embedding[rows].astype(np.float64)
    with config_context(working_memory=MAX_DISTANCES_MB):
        return float(silhouette_score(cells - cells[0], ids[rows]))  # shifted, so that equal cells are exactly 0 apart


def draw_known(ids: Ids, n_max: int, seed: int) -> NDArray[np.int64]:
    """Return the ascending rows of ids that are known, not -1; of more than ``n_max`` that many are drawn."""
    rows = np.flatnonzero(ids >= 0)
    return rows if len(rows) <= n_max else np.sort(np.random.default_rng(seed).choice(rows, n_max, replace=False))


def cluster_ari(embedding: Floats, labels: Ids, seed: int) -> float | None:
    """Return how well k-means finds the labels: the adjusted Rand index, 1 for all, about 0 for none.

    Parameters
    ----------
    embedding
        Shape ``(n_cells, n_latent)``.
    labels
        Label ids, -1 for unknown, shape ``(n_cells,)``. Cells without a label are left out; of more than 50,000 others
        that many are drawn. There are as many clusters as labels among them.
    seed
        Seed of the draw, and of k-means, the best of ten starts.

    Returns
    -------
        The index; None where there are fewer than two labels.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_rand_score

    known = draw_known(labels, MAX_CLUSTERED_CELLS, seed)
    n_labels = len(np.unique(labels[known]))
    if n_labels < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different cells than labels
        clusters = KMeans(n_labels, n_init=10, random_state=seed).fit_predict(embedding[known])
    return float(adjusted_rand_score(labels[known], clusters))


def foscttm(a: Floats, b: Floats) -> float:
    """Return the fraction of samples closer than the true match (Liu et al. 2019), mean of both directions.

    Of the other cells of ``b``, the share that is nearer to a cell of ``a`` than its own partner is, by Euclidean
    distance; one as near counts half. So pairs that coincide score 0, chance and a collapsed space 0.5.

    Parameters
    ----------
    a, b
        Embeddings of the same cells in the same order, each of shape ``(n_pairs, n_latent)``.

    Raises
    ------
    RecipeError
        If there are fewer than two pairs.
    """
    assert a.shape == b.shape
    if len(a) < 2:
        raise RecipeError(f"FOSCTTM needs at least 2 pairs of cells, got {len(a)}; leave out more cells")
    center = b.mean(axis=0, dtype=np.float64)  # distances keep more digits around the origin
    return (_closer(a - center, b - center) + _closer(b - center, a - center)) / 2


def _closer(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return FOSCTTM from ``a`` to ``b``; equal points of ``b`` are one column, so that rounding cannot part them."""
    points, place, count = np.unique(b, axis=0, return_inverse=True, return_counts=True)  # (m, d), (n,), (m,)
    squared_norm = np.square(points).sum(axis=1)
    total = 0.0
    rows = max(1, MAX_CHUNK_DISTANCES // len(points))
    for start in range(0, len(a), rows):
        distance = squared_norm - 2.0 * (a[start : start + rows] @ points.T)  # squared, less |a|^2: (rows, m)
        true = np.take_along_axis(distance, place[start : start + rows, None], axis=1)  # (rows, 1)
        total += float(((distance < true) @ count + 0.5 * ((distance == true) @ count - 1)).sum())
    return total / (len(a) * (len(a) - 1))


def accuracy(true: Ids, predicted: Ids) -> float:
    """Return the share of cells with the right label, of those whose label is known.

    Parameters
    ----------
    true
        Label ids, -1 for unknown, shape ``(n_cells,)``; one at least is known.
    predicted
        Label ids, shape ``(n_cells,)``.
    """
    from sklearn.metrics import accuracy_score

    known = true >= 0
    return float(accuracy_score(true[known], predicted[known]))


def macro_f1(true: Ids, predicted: Ids) -> float:
    """Return F1 averaged over labels, each with the same say, of the cells whose label is known.

    Parameters
    ----------
    true
        Label ids, -1 for unknown, shape ``(n_cells,)``; one at least is known.
    predicted
        Label ids, shape ``(n_cells,)``. A label that only stands here counts as one with F1 of 0.
    """
    from sklearn.metrics import f1_score

    known = true >= 0
    return float(f1_score(true[known], predicted[known], average="macro", zero_division=0))
