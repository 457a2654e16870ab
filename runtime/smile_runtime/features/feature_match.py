"""Which columns of a query hold which feature, and columns of the same feature added up."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.errors import FeatureMatchError
from smile_runtime.features.match_report import FeatureReport
from smile_runtime.manifest import ValueKind

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FeatureMatch:
    """Which columns of a query hold which feature of an encoder.

    Attributes
    ----------
    columns
        Columns of the query, shape ``(n_columns,)``.
    positions
        Where each of these columns stands among the encoder's features, ascending, shape ``(n_columns,)``. Columns of
        the same feature are to be added up.
    n_features
        Number of the encoder's features.
    missing
        Features of the encoder that the query lacks, in the encoder's order.
    report
        How they were found.
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    n_features: int
    missing: tuple[str, ...]
    report: FeatureReport

    @property
    def weight(self) -> float:
        """Share of what the encoder looks at that the query has, 0 to 1."""
        return self.report.weight

    @property
    def n_matched(self) -> int:
        """Number of the encoder's features that the query has."""
        return len(self.matched)

    @cached_property
    def matched(self) -> NDArray[np.intp]:
        """Positions of the features that the query has, ascending, shape ``(n_matched,)``."""
        return np.unique(self.positions)

    @property
    def repeated(self) -> bool:
        """Whether any feature stands in several columns."""
        return self.n_matched < len(self.columns)

    @cached_property
    def measured(self) -> NDArray[np.bool_]:
        """Whether each of the encoder's features was measured, shape ``(n_features,)``."""
        result = np.zeros(self.n_features, bool)
        result[self.positions] = True
        return result

    def select(self, rows: Matrix) -> Matrix:
        """Return rows with the encoder's features as columns, shape ``(rows, n_features)``.

        Parameters
        ----------
        rows
            Values of the query's features, shape ``(rows, n_vars)``.

        Returns
        -------
            float32: CSR for sparse rows, with nothing in the columns that were not `measured`; else NaN there.
        """
        if is_sparse(rows):
            return self._select_sparse(rows)
        result = np.full((len(rows), self.n_features), np.nan, np.float32)
        taken = np.asarray(rows)[:, self.columns].astype(np.float32)  # first: small integers would overflow in a sum
        if self.repeated:
            first = np.flatnonzero(np.diff(self.positions, prepend=-1))
            taken = np.add.reduceat(taken, first, axis=1)
        result[:, self.matched] = taken
        return result

    def _select_sparse(self, rows: "csr_matrix") -> "csr_matrix":
        from scipy.sparse import csr_matrix

        taken = rows[:, self.columns]
        values, places = taken.data.astype(np.float32), self.positions.astype(np.int32)[taken.indices]
        result = csr_matrix((values, places, taken.indptr), shape=(rows.shape[0], self.n_features))
        if self.repeated:
            result.sum_duplicates()
        return result


def require_summable(match: FeatureMatch, kind: ValueKind) -> None:
    """Refuse features that stand in several columns, but for counts and presence, which are added up with a warning.

    Raises
    ------
    FeatureMatchError
        If they cannot be added up.
    """
    if not match.repeated:
        return
    place, (example, *others) = match.report.place, match.report.summed
    if kind not in ("counts", "presence"):
        more = f", and {len(others):,} more features" if others else ""
        raise FeatureMatchError(
            f"by {place}, the query has the feature {example!r} twice{more}; counts would be added up, {kind} values "
            "cannot be: add up or drop the repeated columns before normalizing, or take ids that do not repeat "
            "(--features)"
        )
    logger.warning(
        "%s in several columns of the query by %s; the values are added up",
        f"{1 + len(others):,} features stand ({example!r}, ...)" if others else f"the feature {example!r} stands",
        place,
    )
