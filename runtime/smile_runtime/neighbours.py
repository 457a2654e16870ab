"""Exact nearest neighbours among the points of a reference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK_VALUES = 16_000_000  # similarities held at once: 64 MB


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest reference points of each query cell, nearest first.

    Attributes
    ----------
    indices
        Rows of the reference, shape ``(n, k)``.
    distances
        Euclidean distances between unit vectors, 0 to 2, shape ``(n, k)``.
    """

    indices: NDArray[np.intp]
    distances: NDArray[np.float32]


def nearest_neighbours(embedding: NDArray[np.float32], points: NDArray[np.float32], k: int) -> Neighbours:
    """Find the ``k`` nearest points of each cell; fewer where the reference is smaller.

    Parameters
    ----------
    embedding
        Query cells, L2-normalised, shape ``(n, n_latent)``.
    points
        Reference, L2-normalised, shape ``(m, n_latent)``.
    k
        How many neighbours.
    """
    k = min(k, len(points))
    indices = np.empty((len(embedding), k), np.intp)
    cosines = np.empty((len(embedding), k), np.float32)
    rows = max(1, _CHUNK_VALUES // len(points))
    for start in range(0, len(embedding), rows):
        cosine = embedding[start : start + rows] @ points.T  # (rows, m)
        best = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosine, best, axis=1), axis=1, kind="stable")
        indices[start : start + rows] = np.take_along_axis(best, order, axis=1)
        cosines[start : start + rows] = np.take_along_axis(cosine, indices[start : start + rows], axis=1)
    return Neighbours(indices, np.sqrt(np.maximum(2.0 - 2.0 * cosines, 0.0)))
