"""Interpretation of a query's values: decided on a sample of its cells, checked on every cell."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, row_chunks, row_sums
from smile_runtime.errors import ValueKindError
from smile_runtime.manifest import AcceptedValues, ValueKind
from smile_runtime.query.value_kind import (
    ValueScan,
    hold_logged_counts,
    lognorm_totals,
    recognize_values,
    reject_count_cells,
    scan_rows,
    share_one_total,
)

logger = logging.getLogger(__name__)

MIN_GENOME_FEATURES = 7_000  # a selection of variable features leaves fewer
MAX_TOTAL_RATIO = 1.05  # how far rounding can raise a cell's total above its normalization target
MAX_OUTLIER_FRACTION = 0.01  # of cells whose total contradicts the normalization target
SAMPLE_ROWS = 256  # cells sampled at the beginning, in the middle and at the end


@dataclass(frozen=True)
class ValueInterpretation:
    """How a query's values are interpreted.

    Attributes
    ----------
    kind
        Kind of the values.
    total
        Normalization target assumed for log-normalized cells; None if each cell's own total shows it.
    """

    kind: ValueKind
    total: float | None = None


class ReinterpretationError(Exception):
    """Raised when a cell contradicts the interpretation; all cells must be read again with the new one."""

    def __init__(self, interpretation: ValueInterpretation) -> None:
        super().__init__(interpretation)  # as the only argument, so that it can be pickled between processes
        self.interpretation = interpretation


@dataclass(frozen=True, kw_only=True)
class ValueInterpreter:
    """Interprets the values of a query.

    Attributes
    ----------
    accepted
        Values that the encoder accepts.
    target_sum
        Total that the encoder scales cells to, assumed for log-normalized cells whose own target cannot be inferred;
        None if the encoder does not scale cells.
    stated_kind
        Kind of the values as stated by the user; None to recognize it.
    stated_sum
        Normalization target as stated by the user; None to infer it.
    """

    accepted: AcceptedValues
    target_sum: float | None
    stated_kind: ValueKind | None = None
    stated_sum: float | None = None

    def interpret(self, matrix: Rows) -> ValueInterpretation:
        """Interpret values from a sample of rows, chosen by the number of rows alone.

        Parameters
        ----------
        matrix
            Values of all features of the query, shape ``(n, n_vars)``.

        Raises
        ------
        QueryError, ValueKindError
            If the values are of no kind that can be projected.
        """
        self._reject_flags(matrix)
        n = matrix.shape[0]
        starts = sorted({0, max(0, (n - SAMPLE_ROWS) // 2), max(0, n - SAMPLE_ROWS)})
        sample = [matrix[start : min(start + SAMPLE_ROWS, n)] for start in starts]
        kind = recognize_values(sum(map(scan_rows, sample), ValueScan()), self.stated_kind, self.accepted)
        return self._interpret_lognorm(sample) if kind == "lognorm" else ValueInterpretation(kind)

    def totals(self, rows: Matrix, interpretation: ValueInterpretation) -> NDArray[np.float64]:
        """Check rows against an interpretation and return each cell's total, shape ``(n,)``.

        Raises
        ------
        ValueKindError
            If the values are of no kind that can be projected.
        ReinterpretationError
            If the rows contradict the interpretation.
        """
        scan = scan_rows(rows)
        if interpretation.kind == "lognorm":  # all logarithms of some cells may happen to be whole numbers
            scan = replace(scan, integral=False)
        kind = recognize_values(scan, self.stated_kind, self.accepted)
        if kind != interpretation.kind:
            raise ReinterpretationError(self._interpret_lognorm([rows]))
        if kind != "lognorm":
            return row_sums(rows)
        if self.stated_kind is None:
            reject_count_cells(rows)
        sums = lognorm_totals(rows)
        if interpretation.total is None:
            return sums
        return np.where(sums > 0, np.maximum(sums, interpretation.total), 0.0)  # features can be lost, never gained

    def warn_of_assumption(self, interpretation: ValueInterpretation) -> None:
        """Log the normalization target if it was assumed rather than inferred or stated."""
        if interpretation.total is not None and self.stated_sum is None:
            logger.warning(
                "cannot infer the normalization target, probably because features were removed; assuming %s. State "
                "target_sum if it differs, or provide raw counts or all features",
                f"{interpretation.total:,.0f}",
            )

    def _reject_flags(self, matrix: Rows) -> None:
        """Raise if the values are True and False, unless only presence matters."""
        if np.dtype(matrix.dtype).kind == "b" and self.accepted != "presence":
            raise ValueKindError(
                "the values are only True or False, so how much was measured is lost; counts or log-normalized values "
                "are needed: choose the layer that holds them",
                options={"layer": None},
            )

    def _interpret_lognorm(self, sample: list[Matrix]) -> ValueInterpretation:
        """Determine the normalization target of log-normalized cells.

        A cell with all of its features still adds up to its target, as does one whose counts were logged without
        normalization. If features were removed after normalization, only the user can state the target.
        """
        if self.stated_kind is None:
            for rows in sample:
                reject_count_cells(rows)
        n_features = sample[0].shape[1]
        sums = np.concatenate([lognorm_totals(rows) for rows in sample])
        show_target = share_one_total(sums) or all(map(hold_logged_counts, sample))
        if self.stated_sum is not None:
            self._require_agreement(sums, show_target=show_target)
            return ValueInterpretation("lognorm", float(self.stated_sum))
        if self.target_sum is None or show_target or n_features >= MIN_GENOME_FEATURES:
            return ValueInterpretation("lognorm")
        if np.mean(sums > MAX_TOTAL_RATIO * self.target_sum) > MAX_OUTLIER_FRACTION:
            raise ValueKindError(
                f"the totals of the log-normalized cells over {n_features:,} features differ (up to "
                f"{sums.max():,.0f}), as after feature selection, and exceed the usual {self.target_sum:,.0f}; "
                "provide raw counts or all features, or state the target",
                options={"target_sum": None},
            )
        return ValueInterpretation("lognorm", self.target_sum)

    def _require_agreement(self, sums: NDArray[np.float64], *, show_target: bool) -> None:
        """Raise if the cells' totals contradict the stated normalization target."""
        stated = self.stated_sum or 0.0
        others = (sums > 0) & ((sums > MAX_TOTAL_RATIO * stated) | (show_target & (sums < stated / MAX_TOTAL_RATIO)))
        if np.mean(others) > MAX_OUTLIER_FRACTION:
            raise ValueKindError(
                f"the log-normalized cells add up to {sums[others].min():,.0f} to {sums[others].max():,.0f}, so they "
                f"were not normalized to {stated:,.0f}; state the actual target, or none",
                options={"target_sum": None},
            )


@dataclass(frozen=True, eq=False)
class MatrixValues:
    """Kind and totals of the values of a whole matrix.

    Attributes
    ----------
    kind
        Kind of the values.
    totals
        Total of each cell over all features: its counts, or its normalization target; shape ``(n,)``.
    """

    kind: ValueKind
    totals: NDArray[np.float64]


def read_values(matrix: Rows, interpreter: ValueInterpreter) -> MatrixValues:
    """Interpret all rows of a matrix at once, without projecting them.

    Parameters
    ----------
    matrix
        Values of all features, shape ``(n, n_vars)``.
    interpreter
        Interpreter of the values.

    Raises
    ------
    ValueKindError
        If the values are of no kind that can be projected.
    """
    interpretation = interpreter.interpret(matrix)
    while True:
        try:
            totals = [interpreter.totals(rows, interpretation) for rows in row_chunks(matrix)]
        except ReinterpretationError as other:
            interpretation = other.interpretation
        else:
            values = MatrixValues(interpretation.kind, np.concatenate(totals))
            warn_of_empty_cells(int(np.count_nonzero(values.totals == 0)), len(values.totals), values.kind)
            return values


def warn_of_empty_cells(n_empty: int, n_cells: int, kind: ValueKind) -> None:
    """Log how many cells have no values at all."""
    if n_empty and kind not in ("levels", "numbers"):
        logger.warning("%d of %d cells have no values at all; their labels are meaningless", n_empty, n_cells)
