"""Which cell the second view of a positive pair shows."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors


def self_partners(n_cells: int) -> NDArray[np.intp]:
    """Return each cell as its own only partner, shape ``(n_cells, 1)``: the published pairing, and the one by label."""
    return np.arange(n_cells)[:, None]


def neighbour_partners(
    components: NDArray[np.float32], batches: NDArray[np.int64], n_neighbors: int
) -> NDArray[np.intp]:
    """Return each cell's nearest cells in every batch, its own batch included.

    Parameters
    ----------
    components
        Principal components of all cells, shape ``(n_cells, n_components)``; distances are Euclidean.
    batches
        Batch ids, shape ``(n_cells,)``.
    n_neighbors
        How many cells are taken from each batch; from a smaller batch, all of it with repeats.

    Returns
    -------
        Row numbers of the partners, shape ``(n_cells, n_batches * n_neighbors)``.
    """
    tables = []
    for batch in np.unique(batches):
        members = np.flatnonzero(batches == batch)
        nearest = NearestNeighbors(n_neighbors=min(n_neighbors, len(members))).fit(components[members])
        neighbours = members[nearest.kneighbors(components, return_distance=False)]
        tables.append(np.resize(neighbours.T, (n_neighbors, len(components))).T)  # repeats where a batch is small
    return np.hstack(tables)
