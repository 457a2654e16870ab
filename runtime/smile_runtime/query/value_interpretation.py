"""What the values of a query are taken for: decided on a few of its cells, checked on every one."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, row_sums
from smile_runtime.errors import ValueKindError
from smile_runtime.manifest import AcceptedValues, ValueKind
from smile_runtime.query.value_kind import (
    ValueScan,
    add_up_alike,
    hold_logged_counts,
    lognorm_totals,
    recognize_values,
    refuse_whole_cells,
    scan_rows,
)

logger = logging.getLogger(__name__)

_MANY_FEATURES = 7_000  # what is left by a selection of variable features is less
_ROUNDED, _ODD = 1.05, 0.01  # how much more a cell may add up to, and how many cells more than that
_LOOKED_AT = 256  # cells at the beginning, in the middle and at the end


@dataclass(frozen=True)
class ValueInterpretation:
    """What values are taken for.

    Attributes
    ----------
    kind
        What they are.
    total
        What log-normalized cells were scaled to, where they do not tell; None: what each cell adds up to.
    """

    kind: ValueKind
    total: float | None = None


class ReinterpretationError(Exception):
    """Cells came that are not what the first ones were taken for: read all of them again, as ``reading``."""

    def __init__(self, reading: ValueInterpretation) -> None:
        super().__init__(reading)  # as its only argument, so that it travels between processes
        self.reading = reading


@dataclass(frozen=True)
class ValueInterpreter:
    """Reads values as what they are.

    Attributes
    ----------
    taken
        What the encoder takes.
    target_sum
        The total that the encoder scales cells to, and that log-normalized ones are taken to have where they do not
        tell; None: it does not matter.
    stated
        What the values are, where the user says so.
    stated_sum
        What log-normalized cells were scaled to, where the user says so.
    """

    taken: AcceptedValues
    target_sum: float | None
    stated: ValueKind | None = None
    stated_sum: float | None = None

    def first_reading(self, matrix: Matrix) -> ValueInterpretation:
        """Say what values are from some cells, which depend on the number of cells alone.

        Parameters
        ----------
        matrix
            Values of all the query's features, shape ``(n, n_vars)``, in a form whose rows can be sliced.

        Raises
        ------
        QueryError, ValueKindError
            If they are of no kind that can be projected.
        """
        n = matrix.shape[0]
        starts = sorted({0, max(0, (n - _LOOKED_AT) // 2), max(0, n - _LOOKED_AT)})
        looked_at = [matrix[start : min(start + _LOOKED_AT, n)] for start in starts]
        kind = recognize_values(sum(map(scan_rows, looked_at), ValueScan()), self.stated, self.taken)
        return self._lognorm(looked_at) if kind == "lognorm" else ValueInterpretation(kind)

    def totals(self, rows: Matrix, reading: ValueInterpretation) -> NDArray[np.float64]:
        """Check that rows are what they are taken for, and return what each cell adds up to, shape ``(n,)``.

        Raises
        ------
        ValueKindError
            If they are of no kind that can be projected.
        OtherReadingError
            If all must be read again, as something else.
        """
        scan = scan_rows(rows)
        if reading.kind == "lognorm":  # in some cells all logarithms may be whole numbers
            scan = replace(scan, integral=False)
        kind = recognize_values(scan, self.stated, self.taken)
        if kind != reading.kind:
            raise ReinterpretationError(self._lognorm([rows]))
        if kind != "lognorm":
            return row_sums(rows)
        if self.stated is None:
            refuse_whole_cells(rows)
        sums = lognorm_totals(rows)
        if reading.total is None:
            return sums
        return np.where(sums > 0, np.maximum(sums, reading.total), 0.0)  # no cell adds up to more than it had

    def warn_of_assumption(self, reading: ValueInterpretation) -> None:
        """Say what log-normalized cells were taken to have been scaled to, where neither they nor the user tell."""
        if reading.total is not None and self.stated_sum is None:
            logger.warning(
                "the log-normalized cells do not tell what they were scaled to, as after a selection of features; "
                "%s is assumed: say otherwise with --target-sum, or give raw counts or all features",
                f"{reading.total:,.0f}",
            )

    def _lognorm(self, looked_at: list[Matrix]) -> ValueInterpretation:
        """Say what log-normalized cells were scaled to.

        Cells with all their features tell by themselves, each for itself: their sum is what a cell of counts is divided
        by, too; and so do those that were logged alone. Where features were taken away after normalization, only the
        user can tell.
        """
        if self.stated is None:
            for rows in looked_at:
                refuse_whole_cells(rows)
        n_features = looked_at[0].shape[1]
        sums = np.concatenate([lognorm_totals(rows) for rows in looked_at])
        tell = add_up_alike(sums) or all(map(hold_logged_counts, looked_at))
        if self.stated_sum is not None:
            self._require_agreement(sums, alike=tell)
            return ValueInterpretation("lognorm", float(self.stated_sum))
        if self.target_sum is None or tell or n_features >= _MANY_FEATURES:
            return ValueInterpretation("lognorm")
        if np.mean(sums > _ROUNDED * self.target_sum) > _ODD:
            raise ValueKindError(
                f"the log-normalized cells do not add up to one total over their {n_features:,} features, as where "
                f"others were taken away, and to as much as {sums.max():,.0f}: they were scaled to more than the usual "
                f"{self.target_sum:,.0f}. Say to what with --target-sum, or give raw counts or all features"
            )
        return ValueInterpretation("lognorm", self.target_sum)

    def _require_agreement(self, sums: NDArray[np.float64], *, alike: bool) -> None:
        """Refuse a total that the user states and the cells contradict: they add up to another one, or to more."""
        stated = self.stated_sum or 0.0
        others = (sums > 0) & ((sums > _ROUNDED * stated) | (alike & (sums < stated / _ROUNDED)))
        if np.mean(others) > _ODD:
            raise ValueKindError(
                f"the log-normalized cells add up to {sums[others].min():,.0f} to {sums[others].max():,.0f}, so they "
                f"were not scaled to {stated:,.0f}; leave --target-sum out, or say what they were scaled to"
            )
