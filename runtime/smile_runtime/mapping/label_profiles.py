"""Profiles of a reference's labels, with which a cell's own values are compared.

The position of a cell in the space says little about how well it fits there: cells of a type that the reference lacks
are placed beside the most similar known type. The profiles keep what the embedding discards: the expected share of each
feature in a cell's counts, and the labels' centers along discriminant axes of the stem's components (Fisher 1936).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from smile_runtime.errors import IntegrityError
from smile_runtime.io import Readable, read_tensors, require_finite

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_ARRAY_TYPES = {"log_profile": np.float16, "axes": np.float32, "center": np.float32, "average": np.float32}


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelProfiles:
    """Profiles of the labels of one column, in the features of one encoder.

    Attributes
    ----------
    log_profile
        Logarithm of each feature's expected share of a cell's total, shape ``(n_labels, n_features)``.
    axes
        Discriminant axes: the map from the stem's components to the directions in which centers of labels differ, where
        cells of a label have unit covariance, shape ``(n_components, n_axes)``; empty without a stem or with one label.
    center
        Center of each label along the axes, shape ``(n_labels, n_axes)``; the average for a label without cells.
    average
        Average of the centers that the axes were fitted to, shape ``(n_axes,)``.
    """

    log_profile: NDArray[np.float32]
    axes: NDArray[np.float32]
    center: NDArray[np.float32]
    average: NDArray[np.float32]

    @property
    def has_axes(self) -> bool:
        """Whether there are axes to measure deviations along."""
        return self.axes.size > 0

    def select_features(self, measured: NDArray[np.bool_]) -> "LabelProfiles":
        """Return the profiles of cells in which only some features, a mask of shape ``(n_features,)``, were measured.

        Their shares are rescaled to sum to 1. A cell has no counts in the other features, whose shares do not matter.
        """
        total = np.exp(self.log_profile[:, measured], dtype=np.float64).sum(axis=1, keepdims=True)
        log_profile = (self.log_profile - np.log(np.maximum(total, np.finfo(float).tiny))).astype(np.float32)
        log_profile[:, ~measured] = 0.0
        return replace(self, log_profile=log_profile)

    @cached_property
    def _table(self) -> NDArray[np.float32]:
        """Transposed logarithms, shape ``(n_features, n_labels)``."""
        return np.ascontiguousarray(self.log_profile.T)

    @cached_property
    def _expected(self) -> NDArray[np.float64]:
        """Expected log probability of a count under each label's profile, shape ``(n_labels,)``."""
        logs = self.log_profile.astype(np.float64)
        expected: NDArray[np.float64] = np.where(logs < 0, np.exp(logs) * logs, 0.0).sum(axis=1)
        return expected

    @cached_property
    def _squared_extent(self) -> NDArray[np.float64]:
        """Squared distance of each center from the average, shape ``(n_labels,)``; 0 for a label without cells."""
        extent: NDArray[np.float64] = np.square(self.center - self.average, dtype=np.float64).sum(axis=1)
        return extent

    def surprise(self, rows: "csr_matrix") -> NDArray[np.float64]:
        """Return how much less probable each cell's counts are than expected, in nats per count, shape ``(n,)``.

        It is ``sum_g p_g log p_g - sum_g x_g log p_g / sum_g x_g`` for the counts x and the profile p of the
        best-fitting label. It depends on the proportions in a cell but not on its depth, and is 0 for a cell without
        counts.

        Parameters
        ----------
        rows
            Counts, or values proportional to them, shape ``(n, n_features)``.
        """
        total = np.asarray(rows.sum(axis=1), dtype=np.float64).ravel()
        logs = np.asarray(rows @ self._table, dtype=np.float64)  # (n, n_labels)
        lacking = (self._expected - logs / np.maximum(total, np.finfo(float).tiny)[:, None]).min(axis=1)
        return np.where(total > 0, lacking, 0.0)

    def deviation(self, components: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how far each cell lies from the center of a label, shape ``(n,)``.

        It is the distance along the axes, divided by that of the center from the average of all centers: 1 for a cell
        at that average. The label counts for which it is smallest.

        Parameters
        ----------
        components
            Components of the stem, shape ``(n, n_components)``.
        """
        # einsum, as a matrix product may round a row differently in another batch
        positions = np.einsum("nc,cd->nd", components.astype(np.float64), self.axes)  # (n, n_axes)
        smallest = np.full(len(components), np.inf)
        for center, extent in zip(self.center, self._squared_extent, strict=True):
            if extent > 0:
                np.minimum(smallest, np.square(positions - center).sum(axis=1) / extent, out=smallest)
        result: NDArray[np.float64] = np.sqrt(smallest)
        return result


def write_profiles(profiles: LabelProfiles, path: Path) -> None:
    """Write profiles as safetensors, the logarithms in half precision."""
    arrays = {name: np.ascontiguousarray(getattr(profiles, name), dtype) for name, dtype in _ARRAY_TYPES.items()}
    path.write_bytes(save(arrays))


def read_profiles(file: Readable, shape: tuple[int, int], n_components: int) -> LabelProfiles:
    """Read profiles written by `write_profiles`.

    Parameters
    ----------
    file
        File to read.
    shape
        Number of labels and of features.
    n_components
        Number of components of the stem; without one, there can be no axes.

    Raises
    ------
    IntegrityError
        If an array is missing, not finite or of another shape, or a logarithm is positive.
    """
    arrays = read_tensors(file, _ARRAY_TYPES, "profiles")
    found = {name: array.shape for name, array in arrays.items()}
    n_axes = arrays["axes"].shape[-1]
    stated = {
        "log_profile": shape,
        "axes": (n_components if n_axes else 0, n_axes),
        "center": (shape[0], n_axes),
        "average": (n_axes,),
    }
    if found != stated:
        raise IntegrityError(f"{file} holds arrays of shapes {found}, not {stated}; pull or build the space again")
    require_finite(file, **arrays)
    if (arrays["log_profile"] > 0).any():
        raise IntegrityError(f"{file} holds a share above 1; pull or build the space again")
    return LabelProfiles(**{name: array.astype(np.float32) for name, array in arrays.items()})
