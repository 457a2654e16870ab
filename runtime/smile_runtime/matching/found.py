"""Which columns of a query hold which feature, and columns of the same feature added up."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import FeatureMatchError
from smile_runtime.matching.report import FeatureReport
from smile_runtime.values import ValueKind

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
    missing
        Features of the encoder that the query lacks, in the encoder's order.
    report
        How they were found.
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
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
    def sums(self) -> "csr_array":
        """What ``rows[:, columns]`` is multiplied by to add up each feature, shape ``(n_columns, n_matched)``."""
        from scipy.sparse import csr_array

        n = len(self.columns)
        feature = np.searchsorted(self.matched, self.positions)
        return csr_array((np.ones(n, np.float32), feature, np.arange(n + 1)), shape=(n, self.n_matched))


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
            "cannot be: add up or drop the repeated columns before normalising, or take ids that do not repeat "
            "(--features)"
        )
    logger.warning(
        "%s in several columns of the query by %s; the values are added up",
        f"{1 + len(others):,} features stand ({example!r}, ...)" if others else f"the feature {example!r} stands",
        place,
    )
