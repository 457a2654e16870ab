"""Landmarks: weighted points that represent the reference cells, so that no cell is published."""

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

from smile_runtime.mapping import Reference

MAX_KMEANS_CELLS = 10_000
"""Most cells of a group that all steps of k-means look at; with more, each step looks at some of them."""


def fit_landmarks(cells: Reference, n_landmarks: int, seed: int) -> Reference:
    """Summarize reference cells by k-means centers within each combination of labels.

    Parameters
    ----------
    cells
        Cells of one modality, each with weight 1.
    n_landmarks
        Approximate number of points. They are shared out in proportion to the square root of the size of each group
        of equally labeled cells, so that rare types are told in detail; each group gets at least one, and at most one
        per cell.
    seed
        Seed of k-means.

    Returns
    -------
        L2-normalized centers, with the number of cells and mean map position of each.
    """
    _, group, size = np.unique(cells.label, axis=0, return_inverse=True, return_counts=True)
    parts = []
    for index, k in enumerate(_shares(size, n_landmarks)):
        members = np.flatnonzero(group.ravel() == index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # identical cells share a landmark
            kmeans = KMeans if len(members) <= MAX_KMEANS_CELLS else MiniBatchKMeans
            cluster = kmeans(k, n_init=4, random_state=seed).fit_predict(cells.embedding[members])
        parts.append(_centers(cells, members, cluster))
    embedding, weight, position, label = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    modality = np.full(len(weight), cells.modality[0], np.int64)
    return replace(cells, embedding=embedding, weight=weight, map=position, label=label, modality=modality)


def _shares(size: NDArray[np.intp], n_landmarks: int) -> list[int]:
    """Return the number of landmarks of each group of cells; what one group is too small for goes to the others."""
    share = np.sqrt(size)
    full = np.zeros(len(size), bool)
    while True:
        left = max(n_landmarks - size[full].sum(), 0)
        wanted = np.where(full, size, left * share / max(share[~full].sum(), 1))
        exceeding = ~full & (wanted >= size)
        if not exceeding.any():
            return [int(k) for k in np.clip(wanted.round(), 1, size)]
        full |= exceeding


def _centers(
    cells: Reference, members: NDArray[np.intp], cluster: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    found, row = np.unique(cluster, return_inverse=True)
    n = len(members)
    of_cluster = csr_matrix((np.ones(n, np.float32), (row, np.arange(n))), shape=(len(found), n))
    weight = np.bincount(row).astype(np.float32)
    mean = (of_cluster @ cells.embedding[members]) / weight[:, None]
    position = (of_cluster @ cells.map[members]) / weight[:, None]
    label = np.repeat(cells.label[members[:1]], len(weight), axis=0)
    return normalize(mean).astype(np.float32), weight, position.astype(np.float32), label
