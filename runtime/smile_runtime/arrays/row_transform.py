"""In-place transforms of dense or sparse rows, as preprocessing needs them.

In a dense row, NaN marks a value that was not measured. In a sparse row, a value that is not stored is zero, unless its
feature is marked as not measured.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.matrix import Matrix, is_sparse

Elementwise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A function of single values that maps zero to zero and NaN to NaN."""


class RowTransform:
    """A float32 copy of rows that is transformed in place.

    Parameters
    ----------
    matrix
        Values, ndarray or scipy sparse matrix, shape ``(n, n_features)``.
    measured
        Whether each feature of sparse rows was measured, shape ``(n_features,)``; None if all were.
    """

    def __init__(self, matrix: Matrix, measured: NDArray[np.bool_] | None = None) -> None:
        self._measured = measured
        self.matrix: Matrix
        if is_sparse(matrix):
            self.matrix = matrix.tocsr().astype(np.float32, copy=True)
            self.matrix.sum_duplicates()  # scipy allows a value to be stored in several parts
            self._row = np.repeat(np.arange(matrix.shape[0]), np.diff(self.matrix.indptr))
        else:
            self.matrix = np.array(matrix, np.float32)

    def map(self, function: Elementwise) -> None:
        """Apply a function to every value."""
        if is_sparse(self.matrix):
            self.matrix.data = function(self.matrix.data)
        else:
            self.matrix = function(self.matrix)

    def scale_rows(self, factor: NDArray[np.floating]) -> None:
        """Multiply each row by its factor, shape ``(n,)``."""
        if is_sparse(self.matrix):
            self.matrix.data *= factor.astype(np.float32)[self._row]
        else:
            self.matrix *= factor.astype(np.float32)[:, None]

    def scale_columns(self, factor: NDArray[np.floating]) -> None:
        """Multiply each column by its factor, shape ``(n_features,)``."""
        if is_sparse(self.matrix):
            self.matrix.data *= factor.astype(np.float32)[self.matrix.indices]
        else:
            self.matrix *= factor.astype(np.float32)

    def scale_bands(self, band: NDArray[np.int64], target: NDArray[np.float64]) -> None:
        """Scale each band of a row to a target sum; a band without values is left alone.

        Parameters
        ----------
        band
            Band of each feature, shape ``(n_features,)``.
        target
            Target sum of each band, shape ``(n_bands,)``.
        """
        member = np.zeros((len(band), len(target)), np.float32)
        member[np.arange(len(band)), band] = 1.0
        sums = (self.matrix if is_sparse(self.matrix) else np.nan_to_num(self.matrix)) @ member  # (n, n_bands)
        factor = np.divide(target, sums, out=np.ones(sums.shape), where=sums > 0).astype(np.float32)
        if is_sparse(self.matrix):
            self.matrix.data *= factor[self._row, band[self.matrix.indices]]
        else:
            self.matrix *= factor[:, band]

    def row_sums(self, function: Elementwise) -> NDArray[np.float64]:
        """Return the sum of a function of each row's measured values, computed in float64, shape ``(n,)``."""
        if is_sparse(self.matrix):
            values = function(self.matrix.data).astype(np.float64)
            return np.bincount(self._row, values, minlength=self.matrix.shape[0]).astype(np.float64)
        sums: NDArray[np.float64] = np.nansum(function(self.matrix), axis=1, dtype=np.float64)
        return sums

    def measured_weight(self, weight: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the sum of the weights, shape ``(n_features,)``, of each row's measured features, shape ``(n,)``."""
        if is_sparse(self.matrix):
            known = weight if self._measured is None else weight[self._measured]
            return np.full(self.matrix.shape[0], float(known.sum()))
        sums: NDArray[np.float64] = (~np.isnan(self.matrix)) @ weight.astype(np.float64)
        return sums
