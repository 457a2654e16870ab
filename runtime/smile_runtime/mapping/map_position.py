"""Position of query cells on the map of a reference, always among reference points."""

import numpy as np
from numpy.typing import NDArray

_NTH_NEAREST = 3
_SPACINGS_PER_WIDTH = 2.0
_MIN_WIDTH = 1e-6


def kernel_width(map_points: NDArray[np.float32]) -> float:
    """Return the width of the kernel that `map_positions` uses: twice the median distance to the third nearest point.

    Parameters
    ----------
    map_points
        Map coordinates of all reference points, shape ``(m, 2)``.
    """
    from scipy.spatial import KDTree

    rank = min(_NTH_NEAREST, len(map_points) - 1) + 1  # the point itself is the nearest
    distances = KDTree(map_points).query(map_points, k=[rank])[0]
    return max(_MIN_WIDTH, _SPACINGS_PER_WIDTH * float(np.median(distances)))


def map_positions(
    neighbor_points: NDArray[np.float32], weights: NDArray[np.float32], width: float
) -> NDArray[np.float32]:
    """Place cells on the map, near the neighbor around which most of the others lie.

    The mean of all neighbors would lie between types, where no reference cell is, if neighbors are of several types. So
    one step of mean shift is taken from the neighbor with the highest density of neighbors.

    Parameters
    ----------
    neighbor_points
        Map coordinates of each cell's neighbors, shape ``(n, k, 2)``.
    weights
        Weights of the neighbors, rows summing to 1, shape ``(n, k)``.
    width
        Width of the kernel on the map, from `kernel_width`.

    Returns
    -------
        Coordinates, shape ``(n, 2)``.
    """
    difference = neighbor_points[:, :, None] - neighbor_points[:, None]  # (n, k, k, 2)
    kernel = np.exp(-np.square(difference / np.float32(width)).sum(axis=3))  # (n, k, k)
    densest = (kernel * weights[:, None]).sum(axis=2).argmax(axis=1)
    near = weights * np.take_along_axis(kernel, densest[:, None, None], axis=1)[:, 0]
    near /= near.sum(axis=1, keepdims=True)
    positions: NDArray[np.float32] = np.einsum("nk,nkc->nc", near, neighbor_points)
    return positions
