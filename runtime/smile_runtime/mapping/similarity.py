"""Similarity: whether a cell lies where cells of the reference's types lie, or where nothing is known."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import SimilarityRecord
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors

UNKNOWN = "unknown"
"""The label of cells that are unlike anything in the reference."""
UNKNOWN_RATE = 0.05
"""Share of cells of known types that are called unknown, by default."""


def mean_distance(neighbors: NearestNeighbors) -> NDArray[np.float32]:
    """Return each cell's mean distance to its nearest points, shape ``(n,)``."""
    result: NDArray[np.float32] = neighbors.distances.mean(axis=1)
    return result


def similarity_from_distance(distance: NDArray[np.float32], record: SimilarityRecord) -> NDArray[np.float32]:
    """Return how usual a distance is: the share of cells of known types that are farther away, shape ``(n,)``.

    These cells were left out of training, as they were measured and degraded as queries are (`SimilarityRecord`). A
    similarity below 0.05 is what one in twenty of them has.
    """
    quantiles = np.linspace(1.0, 0.0, len(record.distance))
    return np.interp(distance, record.distance, quantiles, left=1.0, right=0.0).astype(np.float32)


def require_rate(unknown_rate: float) -> None:
    """Refuse what is no share.

    Raises
    ------
    QueryError
        If it is not from 0 to 1.
    """
    if not 0 <= unknown_rate <= 1:
        raise QueryError(f"the unknown rate is a share of cells, from 0 (none) to 1, got {unknown_rate}")
