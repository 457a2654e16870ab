"""Interpretation of a query's values: decided on a sample of its cells, checked on every cell."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, row_chunks, row_sums, stored_values
from smile_runtime.errors import ValueKindError
from smile_runtime.io import counted
from smile_runtime.manifest import AcceptedValues, ValueKind
from smile_runtime.query.transform import NATURAL_LOG, Transform, hold_counts
from smile_runtime.query.value_evidence import cell_shapes
from smile_runtime.query.value_kind import (
    COMMON_TARGETS,
    TOTAL_TOLERANCE,
    ValueScan,
    reject_count_cells,
    scan_rows,
    share_one_total,
    validate_values,
)
from smile_runtime.query.value_recognition import (
    ValueInterpretation,
    contradiction,
    recognize_exact_counts,
    recognize_scaled_counts,
    recognize_transform,
)

logger = logging.getLogger(__name__)

MIN_GENOME_FEATURES = 7_000  # a selection of variable features leaves fewer
MAX_TOTAL_RATIO = 1.05  # how far rounding can raise a cell's total above its normalization target
MAX_OUTLIER_FRACTION = 0.01  # of cells whose total contradicts the normalization target
MIN_KEPT_FRACTION = 0.6  # of a cell's total, if a few families of genes were dropped from a whole genome
SAMPLE_ROWS = 256  # cells sampled at the beginning, in the middle and at the end


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
    noted_base
        Base of the logarithm that the query notes; None if it does not.
    """

    accepted: AcceptedValues
    target_sum: float | None
    stated_kind: ValueKind | None = None
    stated_sum: float | None = None
    noted_base: float | None = None

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
        sample = sample_rows(matrix)
        if self._needs_amounts and not any(map(_has_values, sample)) and not any(map(_has_values, row_chunks(matrix))):
            raise ValueKindError(
                f"all values of all {matrix.shape[0]:,} cells are zero; provide counts or log-normalized values"
            )
        return self._interpret_rows(sample)

    def linear_rows(self, rows: Matrix, interpretation: ValueInterpretation) -> tuple[Matrix, NDArray[np.float64]]:
        """Check rows against an interpretation, undo their transform, and return them with each cell's total.

        Returns
        -------
            Values on the scale of counts, shape ``(n, n_vars)``, and totals, shape ``(n,)``.

        Raises
        ------
        ValueKindError
            If the values are of no kind that can be projected.
        ReinterpretationError
            If the rows contradict the interpretation.
        """
        scan = scan_rows(rows)
        validate_values(scan, self.stated_kind, self.accepted)
        self._require_interpretation(rows, scan, interpretation)
        transform = interpretation.transform
        values = rows if transform is None else transform.undo(rows)
        if transform is not None and self._needs_exact_counts:
            _require_whole(values, transform)
        sums = row_sums(values)
        if interpretation.total is None:
            return values, sums
        return values, np.where(sums > 0, np.maximum(sums, interpretation.total), 0.0)  # features are never gained

    def totals(self, rows: Matrix, interpretation: ValueInterpretation) -> NDArray[np.float64]:
        """Check rows and return each cell's total, shape ``(n,)``, as `linear_rows` does."""
        return self.linear_rows(rows, interpretation)[1]

    def log_remarks(self, interpretation: ValueInterpretation) -> None:
        """Log what was undone or could not be inferred, such as a normalization target that was assumed."""
        for remark in interpretation.remarks:
            logger.warning("%s", remark)
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
                "the values are only True or False, so how much was measured is lost; provide counts or log-normalized "
                "values"
            )

    @property
    def _needs_amounts(self) -> bool:
        return self.accepted not in ("levels", "numbers")

    @property
    def _needs_exact_counts(self) -> bool:
        return self.accepted == "counts" and self.target_sum is None

    def _interpret_rows(self, sample: Sequence[Matrix]) -> ValueInterpretation:
        scan = sum(map(scan_rows, sample), ValueScan())
        validate_values(scan, self.stated_kind, self.accepted)
        if self.accepted not in ("expression", "counts"):
            return ValueInterpretation(cast("ValueKind", self.accepted))
        if self.stated_kind is not None:
            return self._interpret_stated(sample, scan, self.stated_kind)
        if scan.integral:
            return ValueInterpretation("counts")
        if self._needs_exact_counts:
            return recognize_exact_counts(sample)
        return self._infer_target(sample, recognize_scaled_counts(sample, self.noted_base))

    def _interpret_stated(self, sample: Sequence[Matrix], scan: ValueScan, stated: ValueKind) -> ValueInterpretation:
        """Interpret values of a stated kind, whose logarithm may still have any base."""
        transform = None if scan.integral else recognize_transform(sample, self.noted_base)
        remarks = () if scan.integral else contradiction(stated, transform, sample)
        if stated == "counts":
            return ValueInterpretation(stated, fractional=not scan.integral, remarks=remarks)
        if transform is None and self.noted_base is not None and not scan.integral:
            transform = Transform("log", self.noted_base)
        undone = transform if transform not in (None, NATURAL_LOG) and transform.is_logarithm else None
        return self._infer_target(sample, ValueInterpretation(stated, undone=undone, remarks=remarks))

    def _require_interpretation(self, rows: Matrix, scan: ValueScan, interpretation: ValueInterpretation) -> None:
        """Raise if rows contradict an interpretation that the user has not stated."""
        if interpretation.transform is not None and scan.largest > interpretation.transform.max_value:
            raise ValueKindError(
                f"the largest value is {scan.largest:,.4g}, too large for {interpretation.transform}, which other "
                "cells hold; project them as separate queries"
            )
        if self.stated_kind is not None:
            return
        if interpretation.kind == "lognorm":
            reject_count_cells(rows)
        elif interpretation == ValueInterpretation("counts") and not scan.integral:
            raise ReinterpretationError(self._interpret_rows([rows]))
        elif interpretation.fractional and not scan.integral:
            _reject_other_cells(rows)

    def _infer_target(self, sample: Sequence[Matrix], interpretation: ValueInterpretation) -> ValueInterpretation:
        """Determine the normalization target of log-normalized cells.

        A cell with all of its features still adds up to its target, as does one whose counts were logged without
        normalization. If features were removed after normalization, only the user can state the target.
        """
        if interpretation.kind != "lognorm" or interpretation.transform is None:
            return interpretation
        if self.stated_kind is None:
            for rows in sample:
                reject_count_cells(rows)
        linear = [interpretation.transform.undo(rows) for rows in sample]
        sums = np.concatenate([row_sums(rows) for rows in linear])
        show_target = share_one_total(sums) or all(map(hold_counts, linear))
        if self.stated_sum is not None:
            self._require_agreement(sums, show_target=show_target)
            return replace(interpretation, total=float(self.stated_sum))
        if self.target_sum is None or show_target:
            return interpretation
        n_features = sample[0].shape[1]
        if n_features >= MIN_GENOME_FEATURES:
            total = _target_before_removal(sums, self.target_sum)
            return replace(interpretation, total=total, remarks=interpretation.remarks + _own_totals(sums, total))
        if np.mean(sums > MAX_TOTAL_RATIO * self.target_sum) > MAX_OUTLIER_FRACTION:
            raise ValueKindError(
                f"the totals of the log-normalized cells over {n_features:,} features differ (up to "
                f"{sums.max():,.0f}), as after feature selection, and exceed the usual {self.target_sum:,.0f}; "
                "provide raw counts or all features, or state the target",
                options={"target_sum": None},
            )
        return replace(interpretation, total=self.target_sum)

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


def sample_rows(matrix: Rows) -> list[Matrix]:
    """Return rows at the beginning, in the middle and at the end of a matrix, each row once."""
    n = matrix.shape[0]
    starts = sorted({0, max(0, (n - SAMPLE_ROWS) // 2), max(0, n - SAMPLE_ROWS)})
    return [matrix[start : min(start + SAMPLE_ROWS, end)] for start, end in zip(starts, [*starts[1:], n], strict=True)]


def _reject_other_cells(rows: Matrix) -> None:
    """Raise if cells that could hold logarithms are among cells with fractional counts."""
    if n_others := cell_shapes([rows]).n_unlike_counts:
        raise ValueKindError(
            f"{counted(n_others, 'cell', of=rows.shape[0])} may hold logarithms, but others hold corrected or "
            "estimated counts; project them as two queries, or state counts",
            options={"values": "counts"},
        )


def _has_values(rows: Matrix) -> bool:
    return bool(np.any(stored_values(rows)))


def _require_whole(values: Matrix, transform: Transform) -> None:
    if not hold_counts(values):
        raise ValueKindError(f"some cells hold {transform} of counts, and others do not; provide raw counts")


def _target_before_removal(sums: NDArray[np.float64], usual: float) -> float | None:
    """Return the common target that cells of a whole genome stay a little below, as without mitochondrial genes.

    None if there is no such target: totals after size factors, for example, vary around their mean.
    """
    sums = sums[sums > 0]
    if len(sums) == 0:
        return None
    largest, median = np.quantile(sums, 1 - MAX_OUTLIER_FRACTION), np.median(sums)
    fitting = (target for target in (usual, *COMMON_TARGETS) if MIN_KEPT_FRACTION * target <= median)
    return next((target for target in fitting if largest <= (1 + TOTAL_TOLERANCE) * target), None)


def _own_totals(sums: NDArray[np.float64], total: float | None) -> tuple[str, ...]:
    """Return the remark that each cell's own total is taken, if no target is assumed."""
    if total is not None or len(sums) < 2:
        return ()
    remark = (
        f"the totals of the log-normalized cells differ ({sums.min():,.0f} to {sums.max():,.0f}); taking each cell's "
        "own, right after size factors but too low if features were removed: if they were, state target_sum"
    )
    return (remark,)


@dataclass(frozen=True, eq=False)
class MatrixValues:
    """Interpretation and totals of the values of a whole matrix.

    Attributes
    ----------
    interpretation
        Interpretation of the values.
    totals
        Total of each cell over all features: its counts, or its normalization target; shape ``(n,)``.
    """

    interpretation: ValueInterpretation
    totals: NDArray[np.float64]

    @property
    def kind(self) -> ValueKind:
        """Kind of the values."""
        return self.interpretation.kind


def read_values(matrix: Rows, interpreter: ValueInterpreter, interpretation: ValueInterpretation) -> MatrixValues:
    """Check all rows of a matrix at once, without projecting them, and log what was assumed.

    Parameters
    ----------
    matrix
        Values of all features, shape ``(n, n_vars)``.
    interpreter
        Interpreter of the values.
    interpretation
        First interpretation, from a sample.

    Raises
    ------
    ValueKindError
        If the values are of no kind that can be projected.
    """
    while True:
        try:
            totals = [interpreter.totals(rows, interpretation) for rows in row_chunks(matrix)]
        except ReinterpretationError as other:
            interpretation = other.interpretation
        else:
            values = MatrixValues(interpretation, np.concatenate(totals))
            warn_of_empty_cells(int(np.count_nonzero(values.totals == 0)), len(values.totals), values.kind)
            interpreter.log_remarks(interpretation)
            return values


def warn_of_empty_cells(n_empty: int, n_cells: int, kind: ValueKind) -> None:
    """Log how many cells have no values at all."""
    if n_empty and kind not in ("levels", "numbers"):
        logger.warning("%s no values at all; leave out empty cells", counted(n_empty, "cell", "have", of=n_cells))
