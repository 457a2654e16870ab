"""Exact nearest neighbors among the points of a reference.

All inner products are computed, a chunk of cells at a time, and looked at twice: the largest of each block of points
bounds the k-th largest of all from below, and only what reaches that bound is sorted. What is sorted are distances of
single pairs, which are the same whatever the chunk, where a matrix product may round a row differently in another one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK_VALUES = 16_000_000  # inner products held at once: 64 MB
_MOST_ROWS = 512
_BLOCK = 64  # points of which only the nearest is looked at first
_BLOCKS_PER_NEIGHBOR = 4  # at least, so that the bound is a close one
_ROUNDING = 1e-5  # more than an inner product of unit vectors in float32 is off
_PAIRS = 512  # whose differences are held at once: 0.25 MB of 128 dimensions, which stay in the cache


@dataclass(frozen=True, eq=False)
class NearestNeighbors:
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


def find_nearest_neighbors(embedding: NDArray[np.float32], points: NDArray[np.float32], k: int) -> NearestNeighbors:
    """Find the ``k`` nearest points of each cell; fewer where the reference is smaller.

    Of points at the same distance the first ones of the reference are taken.

    Parameters
    ----------
    embedding
        Query cells, L2-normalized, shape ``(n, n_latent)``.
    points
        Reference, L2-normalized, shape ``(m, n_latent)``.
    k
        How many neighbors.
    """
    k = min(k, len(points))
    indices = np.empty((len(embedding), k), np.intp)
    distances = np.empty((len(embedding), k), np.float32)
    start = 0
    for products in _inner_products(embedding, points, k):
        chunk = slice(start, start + len(products))
        row, column = _candidates(products, k)
        distance = _distances(embedding[chunk], points, row, column)
        order = _order(row, column, distance)
        first = np.searchsorted(row[order], np.arange(len(products)))
        nearest = order[first[:, None] + np.arange(k)]  # (rows, k)
        indices[chunk], distances[chunk] = column[nearest], distance[nearest]
        start = chunk.stop
    return NearestNeighbors(indices, distances)


def _inner_products(
    embedding: NDArray[np.float32], points: NDArray[np.float32], k: int
) -> Iterator[NDArray[np.float32]]:
    """Yield inner products of some cells with all points, shape ``(rows, block, n_blocks)``.

    A block is not of points beside one another, but of every ``n_blocks``-th: so its maximum is one of whole rows. What
    is yielded is overwritten when the next is asked for.
    """
    m = len(points)
    block = int(np.clip(m // (_BLOCKS_PER_NEIGHBOR * k), 1, _BLOCK))
    n_blocks = -(-m // block)
    rows = int(np.clip(_CHUNK_VALUES // m, 1, _MOST_ROWS))
    products = np.full((rows, block * n_blocks), -np.inf, np.float32)  # beyond m there are no points
    for start in range(0, len(embedding), rows):
        cells = embedding[start : start + rows]
        np.matmul(cells, points.T, out=products[: len(cells), :m])
        yield products[: len(cells)].reshape(-1, block, n_blocks)


def _candidates(products: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return row and point of all pairs that can be among the ``k`` nearest of a row, rows in order."""
    n_blocks = products.shape[2]
    largest = products.max(axis=1)  # (rows, n_blocks)
    bound = np.partition(largest, n_blocks - k, axis=1)[:, n_blocks - k] - _ROUNDING
    row, block = np.nonzero(largest >= bound[:, None])
    pair, place = np.nonzero(products[row, :, block] >= bound[row, None])
    return row[pair], place * n_blocks + block[pair]


def _distances(
    cells: NDArray[np.float32], points: NDArray[np.float32], row: NDArray[np.intp], column: NDArray[np.intp]
) -> NDArray[np.float32]:
    distances = np.empty(len(row), np.float32)
    room = np.empty((2, min(_PAIRS, len(row)), cells.shape[1]), np.float32)  # used over and over
    for start in range(0, len(row), _PAIRS):
        pairs = slice(start, min(start + _PAIRS, len(row)))
        difference, point = room[:, : pairs.stop - start]
        np.take(cells, row[pairs], axis=0, out=difference, mode="clip")
        np.take(points, column[pairs], axis=0, out=point, mode="clip")
        difference -= point
        distances[pairs] = np.sqrt(np.einsum("nd,nd->n", difference, difference))
    return distances


def _order(row: NDArray[np.intp], column: NDArray[np.intp], distance: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the order of pairs by row, distance and column; `numpy.lexsort` of the three, and faster.

    Distances are not negative, and such numbers are in the order of their bits.
    """
    nearest_first = np.argsort(distance.view(np.uint32).astype(np.uint64) << 32 | column.astype(np.uint64))
    return nearest_first[np.argsort(row[nearest_first].astype(np.uint16), kind="stable")]
