"""Sums over cells from which features are selected, added up chunk by chunk."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse


class FeatureSums:
    """Each feature's sums over the cells of each batch.

    Values are added one after another, so chunks of any size give the same sums to the last bit.

    Attributes
    ----------
    n_cells
        Number of cells of each batch, shape ``(n_batches,)``.
    n_detected
        Number of cells with a value other than zero, shape ``(n_batches, n_features)``.
    total
        Sum of the values, shape ``(n_batches, n_features)``.
    square
        Sum of the squared values, shape ``(n_batches, n_features)``.
    """

    def __init__(self, n_batches: int, n_features: int) -> None:
        self.n_cells = np.zeros(n_batches, np.int64)
        self.n_detected = np.zeros((n_batches, n_features), np.int32)
        self.total = np.zeros((n_batches, n_features))
        self.square = np.zeros((n_batches, n_features))

    def add(self, values: Matrix, batches: NDArray[np.int64]) -> None:
        """Add cells, shape ``(n, n_features)``, of the given batches, shape ``(n,)``."""
        present, row = np.unique(batches, return_inverse=True)
        self.n_cells[present] += np.bincount(row)
        if not is_sparse(values):
            for batch in present:
                self._add_dense(values[batches == batch], batch)
            return
        n_features = self.total.shape[1]
        entry = np.repeat(row * n_features, np.diff(values.indptr)) + values.indices
        self.n_detected[present] += np.bincount(entry, minlength=len(present) * n_features).reshape(-1, n_features)
        for sums, added in ((self.total, values.data), (self.square, values.data * values.data)):
            some = sums[present].ravel()  # (n_present * n_features,)
            np.add.at(some, entry, added.astype(np.float64))
            sums[present] = some.reshape(-1, n_features)

    def _add_dense(self, values: NDArray[np.float32], batch: int) -> None:
        self.n_detected[batch] += (values != 0).sum(axis=0)
        self.total[batch] += values.sum(axis=0, dtype=np.float64)
        self.square[batch] += (values * values).sum(axis=0, dtype=np.float64)

    def with_features(self, columns: NDArray[np.intp]) -> "FeatureSums":
        """Return the sums of the given features, in that order."""
        return self._with(self.n_detected[:, columns], self.total[:, columns], self.square[:, columns])

    def joined(self, others: "FeatureSums") -> "FeatureSums":
        """Return the sums of these features and of others, over the cells of these."""
        return self._with(
            np.hstack([self.n_detected, others.n_detected]),
            np.hstack([self.total, others.total]),
            np.hstack([self.square, others.square]),
        )

    def _with(
        self, n_detected: NDArray[np.int32], total: NDArray[np.float64], square: NDArray[np.float64]
    ) -> "FeatureSums":
        result = FeatureSums(0, 0)
        result.n_cells, result.n_detected, result.total, result.square = self.n_cells, n_detected, total, square
        return result
