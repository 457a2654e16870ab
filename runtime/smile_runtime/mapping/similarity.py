"""Similarity of a cell to the reference, from the distances to its nearest neighbors."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import SimilarityRecord
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors


def mean_distance(neighbors: NearestNeighbors) -> NDArray[np.float32]:
    """Return the mean Euclidean distance of each cell to its neighbors, 0 to 2, shape ``(n,)``."""
    result: NDArray[np.float32] = neighbors.distances.mean(axis=1)
    return result


def similarity_from_distance(distance: NDArray[np.float32], record: SimilarityRecord) -> NDArray[np.float32]:
    """Return the fraction of cells of known types that are farther away, 0 to 1, shape ``(n,)``.

    These cells were held out of training, and measured both as they are and degraded like queries. One in twenty of
    them has a similarity below 0.05.
    """
    quantiles = np.linspace(1.0, 0.0, len(record.distance))
    return np.interp(distance, record.distance, quantiles, left=1.0, right=0.0).astype(np.float32)
