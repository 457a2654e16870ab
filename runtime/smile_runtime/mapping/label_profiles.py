"""Profiles of a reference's labels, with which a cell's own values are compared.

The position of a cell in the space says little about how well it fits there: cells of a type that the reference lacks
are placed beside the most similar known type. The profiles keep what the embedding discards: the expected share of each
feature in a cell's counts, and the spread of a label's cells in the components of the stem.
"""

from dataclasses import dataclass
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

_ARRAY_TYPES = {"log_profile": np.float16, "center": np.float32, "whitening": np.float32}
_MAX_SQUARED_DEVIATION = 9.0
"""Limit of each component's squared deviation, so that a single large one does not outweigh many small ones."""
_MIN_DEVIATION = 1e-6


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelProfiles:
    """Profiles of the labels of one column, in the features of one encoder.

    Attributes
    ----------
    log_profile
        Logarithm of each feature's expected share of a cell's total, shape ``(n_labels, n_features)``.
    center
        Mean whitened components of each label's cells, shape ``(n_labels, n_components)``.
    whitening
        Map from the stem's components to whitened ones, in which cells of a label have unit covariance, shape
        ``(n_components, n_components)``; empty without a stem.
    """

    log_profile: NDArray[np.float32]
    center: NDArray[np.float32]
    whitening: NDArray[np.float32]

    @property
    def has_components(self) -> bool:
        """Whether there are components to measure deviations in."""
        return self.whitening.size > 0

    def select_features(self, measured: NDArray[np.bool_]) -> "LabelProfiles":
        """Return the profiles of cells in which only some features, a mask of shape ``(n_features,)``, were measured.

        Their shares are rescaled to sum to 1. A cell has no counts in the other features, whose shares do not matter.
        """
        total = np.exp(self.log_profile[:, measured], dtype=np.float64).sum(axis=1, keepdims=True)
        log_profile = (self.log_profile - np.log(np.maximum(total, np.finfo(float).tiny))).astype(np.float32)
        log_profile[:, ~measured] = 0.0
        return LabelProfiles(log_profile=log_profile, center=self.center, whitening=self.whitening)

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

    def log_deviation(self, components: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log deviation of each cell from the nearest label's center, shape ``(n,)``.

        The deviation is the mean squared difference between whitened components and center, each square limited to 9.

        Parameters
        ----------
        components
            Components of the stem, shape ``(n, n_components)``.
        """
        # einsum, as a matrix product may round a row differently in another batch
        whitened = np.einsum("nc,cd->nd", components, self.whitening)  # (n, n_components)
        nearest = np.full(len(components), np.inf)
        for center in self.center:
            square = np.minimum(np.square(whitened - center), np.float32(_MAX_SQUARED_DEVIATION))
            np.minimum(nearest, square.mean(axis=1, dtype=np.float64), out=nearest)
        result: NDArray[np.float64] = np.log(np.maximum(nearest, _MIN_DEVIATION))
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
        Number of components of the stem; 0 without one.

    Raises
    ------
    IntegrityError
        If an array is missing, not finite or of another shape, or a logarithm is positive.
    """
    arrays = read_tensors(file, _ARRAY_TYPES, "profiles")
    found = {name: array.shape for name, array in arrays.items()}
    stated = {"log_profile": shape, "center": (shape[0], n_components), "whitening": (n_components, n_components)}
    if found != stated:
        raise IntegrityError(f"{file} holds arrays of shapes {found}, not {stated}; pull or build the space again")
    require_finite(file, **arrays)
    if (arrays["log_profile"] > 0).any():
        raise IntegrityError(f"{file} holds a share above 1; pull or build the space again")
    return LabelProfiles(**{name: array.astype(np.float32) for name, array in arrays.items()})
