"""Similarity of a cell to the reference: the share of known-type cells that are less like it."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import SimilarityRecord
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors


def mean_distance(neighbors: NearestNeighbors) -> NDArray[np.float32]:
    """Return the mean Euclidean distance of each cell to its neighbors, 0 to 2, shape ``(n,)``."""
    result: NDArray[np.float32] = neighbors.distances.mean(axis=1)
    return result


def similarity_of(dissimilarity: NDArray[np.floating], record: SimilarityRecord) -> NDArray[np.float32]:
    """Return the fraction of cells of known types that are more dissimilar, 0 to 1, shape ``(n,)``.

    These cells were left out of training, and measured both unchanged and degraded like queries. If there are several
    batches, whole batches were also left out, and the cells of the least similar batch count.
    """
    quantiles = np.linspace(1.0, 0.0, len(record.quantiles))
    similarity: NDArray[np.float32] = np.interp(dissimilarity, record.quantiles, quantiles).astype(np.float32)
    return similarity
