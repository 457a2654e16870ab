"""Rows of values, dense or sparse, changed in place: what a preprocessing needs of them, and no more.

A dense row holds NaN where a value was not measured. A sparse one holds a zero wherever it holds nothing, unless the
feature is said not to have been measured.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.matrix import Matrix, is_sparse

Elementwise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A function of single values that takes zero to zero and NaN to NaN."""


class Rows:
    """A float32 copy of some rows.

    Parameters
    ----------
    matrix
        ndarray or scipy sparse matrix, shape ``(n, n_features)``.
    measured
        Which features were measured in sparse rows, shape ``(n_features,)``; None: all.
    """

    def __init__(self, matrix: Matrix, measured: NDArray[np.bool_] | None = None) -> None:
        self._sparse = is_sparse(matrix)
        self._measured = measured
        self.matrix: Matrix
        if not self._sparse:
            self.matrix = np.array(matrix, np.float32)
        else:
            self.matrix = matrix.tocsr().astype(np.float32, copy=True)
            self.matrix.sum_duplicates()  # a value may stand there in parts
            self._row = np.repeat(np.arange(matrix.shape[0]), np.diff(self.matrix.indptr))

    def map(self, function: Elementwise) -> None:
        """Replace every value."""
        if self._sparse:
            self.matrix.data = function(self.matrix.data)
        else:
            self.matrix = function(self.matrix)

    def scale_rows(self, factor: NDArray[np.floating]) -> None:
        """Multiply each row by a factor, shape ``(n,)``."""
        if self._sparse:
            self.matrix.data *= factor.astype(np.float32)[self._row]
        else:
            self.matrix *= factor.astype(np.float32)[:, None]

    def scale_columns(self, factor: NDArray[np.floating]) -> None:
        """Multiply each column by a factor, shape ``(n_features,)``."""
        if self._sparse:
            self.matrix.data *= factor.astype(np.float32)[self.matrix.indices]
        else:
            self.matrix *= factor.astype(np.float32)

    def scale_bands(self, band: NDArray[np.int64], target: NDArray[np.float64]) -> None:
        """Bring the sum of a row's features of each band to a target, shape ``(n_bands,)``; an empty band stays."""
        member = np.zeros((len(band), len(target)), np.float32)
        member[np.arange(len(band)), band] = 1.0
        sums = (self.matrix if self._sparse else np.nan_to_num(self.matrix)) @ member  # (n, n_bands)
        factor = np.divide(target, sums, out=np.ones(sums.shape), where=sums > 0).astype(np.float32)
        if self._sparse:
            self.matrix.data *= factor[self._row, band[self.matrix.indices]]
        else:
            self.matrix *= factor[:, band]

    def row_sums(self, function: Elementwise) -> NDArray[np.float64]:
        """Return the sum of a function of each row's measured values, shape ``(n,)``, added up in float64."""
        if self._sparse:
            values = function(self.matrix.data).astype(np.float64)
            return np.bincount(self._row, values, minlength=self.matrix.shape[0]).astype(np.float64)
        sums: NDArray[np.float64] = np.nansum(function(self.matrix), axis=1, dtype=np.float64)
        return sums

    def measured(self, weight: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the weight, shape ``(n_features,)``, of what was measured in each row, shape ``(n,)``."""
        if self._sparse:
            known = weight if self._measured is None else weight[self._measured]
            return np.full(self.matrix.shape[0], float(known.sum()))
        sums: NDArray[np.float64] = (~np.isnan(self.matrix)) @ weight.astype(np.float64)
        return sums
