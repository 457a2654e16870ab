"""Distance of cells to the nearest point of each label.

As in the search for neighbors, inner products only select candidates, and the distances are computed for each pair, so
that they do not depend on the chunk.
"""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping.nearest_neighbors import MAX_ROUNDING_ERROR, pair_distances
from smile_runtime.mapping.reference import Reference

_MAX_CHUNK_PRODUCTS = 4_000_000  # inner products in memory: 16 MB
MAX_DISTANCE = 2.0
"""Largest distance of two unit vectors; that of a label without points."""


def label_distances(embedding: NDArray[np.float32], reference: Reference, column: int = 0) -> NDArray[np.float32]:
    """Return the distance of each cell to the nearest point of each label of a column, 0 to 2, ``(n, n_labels)``.

    Parameters
    ----------
    embedding
        L2-normalized embedding of the cells, shape ``(n, n_latent)``.
    reference
        Reference with labels; a label without points in it is at the largest distance, 2.
    column
        Index of the label column; 0 for the primary one.
    """
    order = np.argsort(reference.label[:, column], kind="stable")
    order = order[reference.label[order, column] >= 0]
    points, label = np.ascontiguousarray(reference.embedding[order]), reference.label[order, column]
    present, first = np.unique(label, return_index=True)
    n_points = np.diff([*first, len(label)])
    result = np.full((len(embedding), len(reference.label_columns[column].labels)), MAX_DISTANCE, np.float32)
    if not len(points):
        return result
    n_rows = max(1, _MAX_CHUNK_PRODUCTS // len(points))
    for start in range(0, len(embedding), n_rows):
        cells = embedding[start : start + n_rows]
        products = cells @ points.T  # (rows, m)
        largest = np.maximum.reduceat(products, first, axis=1)  # (rows, n_present)
        row, point = np.nonzero(products >= np.repeat(largest - MAX_ROUNDING_ERROR, n_points, axis=1))
        distance = pair_distances(cells, points, row, point)
        group = row * len(result[0]) + label[point]  # ascending, and none of a present label is empty
        nearest = np.minimum.reduceat(distance, np.flatnonzero(np.diff(group, prepend=-1)))
        result[start : start + len(cells), present] = nearest.reshape(len(cells), len(present))
    return result
