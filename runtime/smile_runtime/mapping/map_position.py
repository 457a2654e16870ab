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
    """Place cells on the map, around the neighbor with the largest weight.

    The mean of all neighbors would lie where no reference cell is if they are far apart on the map, so neighbors count
    less the farther they are from the heaviest one.

    Parameters
    ----------
    neighbor_points
        Map coordinates of each cell's neighbors, shape ``(n, k, 2)``.
    weights
        Weights of the neighbors, not negative, one of them positive in each row, shape ``(n, k)``.
    width
        Width of the kernel on the map, from `kernel_width`.

    Returns
    -------
        Coordinates, shape ``(n, 2)``.
    """
    heaviest = weights.argmax(axis=1)[:, None, None]
    center = np.take_along_axis(neighbor_points, heaviest, axis=1)  # (n, 1, 2)
    distances = np.square((neighbor_points - center) / np.float32(width))
    near = weights * np.exp(-(distances[..., 0] + distances[..., 1]))
    near /= near.sum(axis=1, keepdims=True)
    positions: NDArray[np.float32] = np.einsum("nk,nkc->nc", near, neighbor_points)
    return positions
