"""Columns of a query that hold an encoder's features, and their values in the encoder's order."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.errors import FeatureMatchError
from smile_runtime.features.feature_report import FeatureReport
from smile_runtime.io import counted
from smile_runtime.manifest import ValueKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureMatch:
    """Columns of a query matched to the features of an encoder.

    Attributes
    ----------
    columns
        Indices of the matched columns of the query, shape ``(n_columns,)``.
    positions
        Index of the encoder's feature that each column holds, ascending, shape ``(n_columns,)``. Columns of the same
        feature are summed.
    n_features
        Number of the encoder's features.
    missing
        Ids of the encoder's features that the query lacks, in the encoder's order.
    report
        Statistics of the match.
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    n_features: int
    missing: tuple[str, ...]
    report: FeatureReport

    @property
    def weight(self) -> float:
        """Fraction of the encoder's feature weight that the query measured, 0 to 1."""
        return self.report.weight

    @property
    def n_matched(self) -> int:
        """Number of the encoder's features that the query measured."""
        return len(self.matched)

    @cached_property
    def matched(self) -> NDArray[np.intp]:
        """Indices of the features that the query measured, ascending, shape ``(n_matched,)``."""
        return np.unique(self.positions)

    @property
    def repeated(self) -> bool:
        """Whether several columns hold the same feature."""
        return self.n_matched < len(self.columns)

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """Whether each of the encoder's features was measured, shape ``(n_features,)``."""
        result = np.zeros(self.n_features, bool)
        result[self.positions] = True
        return result

    def select(self, rows: Matrix) -> Matrix:
        """Select the encoder's features from rows of the query, in the encoder's order.

        Parameters
        ----------
        rows
            Values of all the query's features, shape ``(n_rows, n_vars)``.

        Returns
        -------
            float32, shape ``(n_rows, n_features)``. Features that were not `measured` are NaN; for sparse rows the
            result is CSR, and they are empty.
        """
        if is_sparse(rows):
            return self._select_sparse(rows)
        result = np.full((len(rows), self.n_features), np.nan, np.float32)
        selected = np.asarray(rows)[:, self.columns].astype(
            np.float32
        )  # converted first: sums of small integers would overflow
        if self.repeated:
            first = np.flatnonzero(np.diff(self.positions, prepend=-1))
            selected = np.add.reduceat(selected, first, axis=1)
        result[:, self.matched] = selected
        return result

    def _select_sparse(self, rows: "csr_matrix") -> "csr_matrix":
        from scipy.sparse import csr_matrix

        selected = rows[:, self.columns]
        values, indices = selected.data.astype(np.float32), self.positions.astype(np.int32)[selected.indices]
        result = csr_matrix((values, indices, selected.indptr), shape=(rows.shape[0], self.n_features))
        if self.repeated:
            result.sum_duplicates()
        return result


def require_summable(match: FeatureMatch, kind: ValueKind) -> None:
    """Raise if columns of the same feature cannot be summed; warn if counts or presence are going to be.

    Raises
    ------
    FeatureMatchError
        If several columns hold the same feature, and values of this kind cannot be summed.
    """
    if not match.repeated:
        return
    location, (example, *others) = match.report.location, match.report.summed
    if kind not in ("counts", "presence"):
        more = f" and {counted(len(others), 'more feature')}" if others else ""
        raise FeatureMatchError(
            f"in {location}, the query repeats the feature {example!r}{more}; repeated columns of counts are summed, "
            f"but {kind} values cannot be: sum or drop the repeated columns before normalizing, or choose unique ids",
            options={"features": None},
        )
    logger.warning(
        "in %s, the query repeats %s; the values of repeated columns are summed",
        location,
        f"{1 + len(others):,} features ({example!r}, ...)" if others else f"the feature {example!r}",
    )
