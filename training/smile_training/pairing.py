"""Which cell the second view of a positive pair shows."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors


def self_partners(n_cells: int) -> NDArray[np.intp]:
    """Return each cell as its own only partner, shape ``(n_cells, 1)``: the published pairing, and the one by label."""
    return np.arange(n_cells)[:, None]


def neighbour_partners(
    components: NDArray[np.float32],
    batches: NDArray[np.int64],
    n_neighbors: int,
    labels: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """Return each cell's nearest cells in every batch, its own batch included.

    Parameters
    ----------
    components
        Principal components of all cells, shape ``(n_cells, n_components)``; distances are Euclidean.
    batches
        Batch ids, shape ``(n_cells,)``.
    n_neighbors
        How many cells are taken from each batch; from fewer candidates, all of them with repeats.
    labels
        Label ids, shape ``(n_cells,)``: only cells of one label are partners, where a batch has none of them the cell
        itself; a cell without label (-1) takes any. None: all take any.

    Returns
    -------
        Row numbers of the partners, shape ``(n_cells, n_batches * n_neighbors)``.
    """
    labels = np.full(len(components), -1) if labels is None else labels
    tables = []
    for batch in np.unique(batches):
        table = np.repeat(self_partners(len(components)), n_neighbors, axis=1)
        for label in np.unique(labels):
            cells = np.flatnonzero(labels == label)
            candidates = np.flatnonzero((batches == batch) & ((labels == label) | (label < 0)))
            if len(candidates):
                table[cells] = _nearest(components, cells, candidates, n_neighbors)
        tables.append(table)
    return np.hstack(tables)


def _nearest(
    components: NDArray[np.float32], cells: NDArray[np.intp], candidates: NDArray[np.intp], n: int
) -> NDArray[np.intp]:
    search = NearestNeighbors(n_neighbors=min(n, len(candidates))).fit(components[candidates])
    nearest = candidates[search.kneighbors(components[cells], return_distance=False)]  # (cells, <= n)
    return np.resize(nearest.T, (n, len(cells))).T  # repeats where there are fewer candidates
