"""Expected values of another modality: what was measured of the reference cells near a query cell."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from smile_runtime.errors import IntegrityError
from smile_runtime.io import Readable, read_tensors
from smile_runtime.mapping.label_transfer import neighbor_weights
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.reference import Reference

_ARRAY_TYPES = {"point": np.int64, "value": np.float32}


@dataclass(frozen=True, eq=False, kw_only=True)
class ExpectedValues:
    """Values of another modality at those points of a reference near which cells were measured in both modalities.

    Attributes
    ----------
    point
        Rows of the points in the reference, ascending, shape ``(m,)``.
    value
        Values, shape ``(m, n_features)``; NaN for a feature that was measured in no cell of a point.
    """

    point: NDArray[np.int64]
    value: NDArray[np.float32]

    def select_features(self, columns: NDArray[np.intp]) -> "ExpectedValues":
        """Return the values of some features."""
        return ExpectedValues(point=self.point, value=self.value[:, columns])

    def at(self, embedding: NDArray[np.float32], reference: Reference, n_neighbors: int) -> NDArray[np.float32]:
        """Return the expected values of cells: the mean of their nearest points, weighted as these vote for a label.

        Parameters
        ----------
        embedding
            L2-normalized embedding of the cells, shape ``(n, n_latent)``.
        reference
            The whole reference.
        n_neighbors
            Number of nearest points with values.

        Returns
        -------
            Shape ``(n, n_features)``; NaN for a feature that was measured at none of the points.
        """
        points = reference.select_points(self.point)
        neighbors = find_nearest_neighbors(embedding, points.embedding, n_neighbors)
        weights = neighbor_weights(neighbors, points)
        sums, total = np.zeros((2, len(embedding), self.value.shape[1]))
        for neighbor, weight in zip(neighbors.indices.T, weights.T, strict=True):  # the k-th of every cell at a time
            value = self.value[neighbor]  # (n, n_features)
            measured = ~np.isnan(value)
            sums += weight[:, None] * np.where(measured, value, 0)
            total += weight[:, None] * measured
        expected = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
        return expected.astype(np.float32)


def write_expected_values(values: ExpectedValues, path: Path) -> None:
    """Write expected values as safetensors; the names of the features are in the manifest."""
    arrays = {name: np.ascontiguousarray(getattr(values, name), dtype) for name, dtype in _ARRAY_TYPES.items()}
    path.write_bytes(save(arrays))


def read_expected_values(file: Readable, n_points: int, n_features: int) -> ExpectedValues:
    """Read expected values written by `write_expected_values`.

    Parameters
    ----------
    file
        File to read.
    n_points
        Number of points of the reference.
    n_features
        Number of features.

    Raises
    ------
    IntegrityError
        If an array is missing or has another shape, a point is repeated or not in the reference, or a value is
        infinite.
    """
    arrays = read_tensors(file, _ARRAY_TYPES, "expected values")
    point, value = arrays["point"], arrays["value"]
    if point.ndim != 1 or len(point) == 0 or value.shape != (len(point), n_features):
        raise IntegrityError(
            f"{file} holds values of shape {value.shape} at points of shape {point.shape}, but the manifest states "
            f"{n_features:,} features; pull or build the space again"
        )
    if (np.diff(point) <= 0).any() or point[0] < 0 or point[-1] >= n_points:
        raise IntegrityError(
            f"{file} holds values of points that are repeated or not among the {n_points:,} of the reference; pull or "
            "build the space again"
        )
    if np.isinf(value).any():
        raise IntegrityError(f"{file} holds infinite values; pull or build the space again")
    return ExpectedValues(point=point, value=value)
