"""Landmarks: weighted points that represent the reference cells, so that no cell is published."""

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

from smile_runtime.mapping import Reference


def fit_landmarks(cells: Reference, n_landmarks: int, seed: int) -> Reference:
    """Summarize reference cells by k-means centers within each combination of labels.

    Parameters
    ----------
    cells
        Cells of one modality, each with weight 1.
    n_landmarks
        Approximate number of points: each group of equally labeled cells gets its rounded share, at least one and at
        most one per cell.
    seed
        Seed of k-means.

    Returns
    -------
        L2-normalized centers, with the number of cells and mean map position of each.
    """
    share = n_landmarks / len(cells)
    parts = []
    for labels in sorted(set(map(tuple, cells.label))):
        members = np.flatnonzero((cells.label == labels).all(axis=1))
        k = min(max(1, round(share * len(members))), len(members))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # identical cells share a landmark
            cluster = KMeans(k, n_init=4, random_state=seed).fit_predict(cells.embedding[members])
        parts.append(_centers(cells, members, cluster))
    embedding, weight, position, label = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    modality = np.full(len(weight), cells.modality[0], np.int64)
    return replace(cells, embedding=embedding, weight=weight, map=position, label=label, modality=modality)


def _centers(
    cells: Reference, members: NDArray[np.intp], cluster: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    of_cluster = (cluster[:, None] == np.unique(cluster)).astype(np.float32)  # (members, clusters)
    weight = of_cluster.sum(axis=0)
    mean = (of_cluster.T @ cells.embedding[members]) / weight[:, None]
    position = (of_cluster.T @ cells.map[members]) / weight[:, None]
    label = np.repeat(cells.label[members[:1]], len(weight), axis=0)
    return normalize(mean).astype(np.float32), weight, position.astype(np.float32), label
