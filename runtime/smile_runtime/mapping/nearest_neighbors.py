"""Exact nearest neighbors among the points of a reference.

All inner products are computed in chunks of cells. The largest product in each block of points bounds the k-th largest
of all from below, and only pairs that reach the bound are sorted, by distances computed for each pair. These do not
depend on the chunk, whereas a matrix product may round a row differently in another chunk.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_CHUNK_PRODUCTS = 16_000_000  # inner products in memory: 64 MB
_MAX_CHUNK_ROWS = 512
_MAX_BLOCK_POINTS = 64  # points of which only the nearest is compared at first
_MIN_BLOCKS_PER_NEIGHBOR = 4  # enough for a tight bound
MAX_ROUNDING_ERROR = 1e-5  # above the float32 error of an inner product of unit vectors
_BATCH_PAIRS = 512  # pairs whose differences, 0.25 MB for 128 dimensions, stay in the cache


@dataclass(frozen=True, eq=False)
class NearestNeighbors:
    """The nearest reference points of each query cell, nearest first.

    Attributes
    ----------
    indices
        Row indices of the reference, shape ``(n, k)``.
    distances
        Euclidean distances between unit vectors, 0 to 2, shape ``(n, k)``.
    """

    indices: NDArray[np.intp]
    distances: NDArray[np.float32]


def find_nearest_neighbors(embedding: NDArray[np.float32], points: NDArray[np.float32], k: int) -> NearestNeighbors:
    """Find the ``k`` nearest points of each cell, or all points of a smaller reference.

    Ties go to the first points of the reference.

    Parameters
    ----------
    embedding
        L2-normalized embedding of the query, shape ``(n, n_latent)``.
    points
        L2-normalized embedding of the reference, shape ``(m, n_latent)``.
    k
        Number of neighbors.
    """
    k = min(k, len(points))
    indices = np.empty((len(embedding), k), np.intp)
    distances = np.empty((len(embedding), k), np.float32)
    start = 0
    for products in _inner_products(embedding, points, k):
        chunk = slice(start, start + len(products))
        row, column = _candidates(products, k)
        distance = pair_distances(embedding[chunk], points, row, column)
        order = _order(row, column, distance)
        first = np.searchsorted(row[order], np.arange(len(products)))
        nearest = order[first[:, None] + np.arange(k)]  # (rows, k)
        indices[chunk], distances[chunk] = column[nearest], distance[nearest]
        start = chunk.stop
    return NearestNeighbors(indices, distances)


def _inner_products(
    embedding: NDArray[np.float32], points: NDArray[np.float32], k: int
) -> Iterator[NDArray[np.float32]]:
    """Yield inner products of a chunk of cells with all points, shape ``(rows, block, n_blocks)``.

    A block is every ``n_blocks``-th point rather than adjacent ones, so its maximum is taken over whole rows. The next
    chunk overwrites the array.
    """
    m = len(points)
    block = int(np.clip(m // (_MIN_BLOCKS_PER_NEIGHBOR * k), 1, _MAX_BLOCK_POINTS))
    n_blocks = -(-m // block)
    rows = int(np.clip(_MAX_CHUNK_PRODUCTS // m, 1, _MAX_CHUNK_ROWS))
    products = np.full((rows, block * n_blocks), -np.inf, np.float32)  # padding beyond the m points
    for start in range(0, len(embedding), rows):
        cells = embedding[start : start + rows]
        np.matmul(cells, points.T, out=products[: len(cells), :m])
        yield products[: len(cells)].reshape(-1, block, n_blocks)


def _candidates(products: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and point indices of all pairs that may be among the ``k`` nearest, ``(n_pairs,)``, rows ascending."""
    n_blocks = products.shape[2]
    largest = products.max(axis=1)  # (rows, n_blocks)
    bound = np.partition(largest, n_blocks - k, axis=1)[:, n_blocks - k] - MAX_ROUNDING_ERROR
    row, block = np.nonzero(largest >= bound[:, None])
    pair, offset = np.nonzero(products[row, :, block] >= bound[row, None])
    return row[pair], offset * n_blocks + block[pair]


def pair_distances(
    cells: NDArray[np.float32], points: NDArray[np.float32], row: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the Euclidean distance of each pair, 0 to 2, shape ``(n_pairs,)``."""
    distances = np.empty(len(row), np.float32)
    buffers = np.empty((2, min(_BATCH_PAIRS, len(row)), cells.shape[1]), np.float32)  # reused by all batches
    for start in range(0, len(row), _BATCH_PAIRS):
        pairs = slice(start, min(start + _BATCH_PAIRS, len(row)))
        difference, point = buffers[:, : pairs.stop - start]
        np.take(cells, row[pairs], axis=0, out=difference, mode="clip")
        np.take(points, column[pairs], axis=0, out=point, mode="clip")
        difference -= point
        distances[pairs] = np.sqrt(np.einsum("nd,nd->n", difference, difference))
    return distances


def _order(row: NDArray[np.intp], column: NDArray[np.intp], distance: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the order of pairs by row, distance and column, ``(n_pairs,)``; a faster `numpy.lexsort` of the three.

    Distances are not negative, so they sort like their bits.
    """
    nearest_first = np.argsort(distance.view(np.uint32).astype(np.uint64) << 32 | column.astype(np.uint64))
    return nearest_first[np.argsort(row[nearest_first].astype(np.uint16), kind="stable")]
