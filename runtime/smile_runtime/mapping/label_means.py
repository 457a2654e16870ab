"""Means of labels: where the cells of each label lie on average."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping.reference import Reference

_MIN_NORM = 1e-6


@dataclass(frozen=True, eq=False)
class LabelMeans:
    """Mean of the cells of each label, on the unit sphere.

    Attributes
    ----------
    positions
        For each label column, unit vectors of shape ``(n_labels, n_latent)``; zero for labels without points, or whose
        points cancel one another out.
    """

    positions: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, reference: Reference) -> "LabelMeans":
        """Return the means of the points of a reference, each counted as the cells that it stands for."""
        cells = reference.embedding * reference.weight[:, None].astype(np.float64)
        positions = []
        for index, column in enumerate(reference.label_columns):
            members = reference.label[:, index] == np.arange(len(column.labels))[:, None]  # (n_labels, m)
            sums = members.astype(np.float64) @ cells
            norms = np.linalg.norm(sums, axis=1, keepdims=True)
            positions.append(np.where(norms > _MIN_NORM, sums / np.maximum(norms, _MIN_NORM), 0))
        return cls(tuple(positions))

    def distances(self, embedding: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        """Return the distance of each cell to the mean of each label, 0 to 2, by label column.

        Parameters
        ----------
        embedding
            L2-normalized embedding of the cells, shape ``(n, n_latent)``.

        Returns
        -------
            Shape ``(n, n_labels)`` each; infinite for labels without a mean.
        """
        cells = embedding.astype(np.float64)
        result = []
        for positions in self.positions:
            distance = np.sqrt(np.maximum(2 - 2 * (cells @ positions.T), 0))
            result.append(np.where(positions.any(axis=1), distance, np.inf))
        return result
