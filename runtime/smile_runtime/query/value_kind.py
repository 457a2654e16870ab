"""Kinds of values: raw counts, log-normalized values, or something that cannot be projected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, expm1, map_values, row_sums, stored_values
from smile_runtime.errors import QueryError, ValueKindError
from smile_runtime.io import counted
from smile_runtime.manifest import AcceptedValues, ValueKind
from smile_runtime.query.transform import MAX_LOG_VALUE

MAX_FLOAT32 = float(np.finfo(np.float32).max)
TOTAL_TOLERANCE = 0.01  # relative difference of totals that count as equal
MIN_EQUAL_FRACTION = 0.95  # of the cells, so that a few outliers do not matter
TOTAL_GROUP_WIDTH = 1e-3  # relative width of a group of equal totals
MIN_GROUP_CELLS = 10  # mean number of cells in such a group
COMMON_TARGETS = (1e4, 1e5, 1e6, 1e3)
MIN_COUNT_CELL_VALUES = 10  # so many values are not whole numbers by chance, even if rounded to a digit or two


@dataclass(frozen=True)
class ValueScan:
    """Summary of the values of some cells.

    Attributes
    ----------
    largest
        Largest value; 0 if there is none.
    integral
        Whether all values are whole numbers.
    n_nan, n_infinite, n_negative
        Numbers of values that are NaN, infinite as float32, and negative.
    """

    largest: float = 0.0
    integral: bool = True
    n_nan: int = 0
    n_infinite: int = 0
    n_negative: int = 0

    def __add__(self, other: "ValueScan") -> "ValueScan":
        return ValueScan(
            max(self.largest, other.largest),
            self.integral and other.integral,
            self.n_nan + other.n_nan,
            self.n_infinite + other.n_infinite,
            self.n_negative + other.n_negative,
        )


def scan_rows(rows: Matrix) -> ValueScan:
    """Summarize all values of some rows.

    Raises
    ------
    QueryError
        If the values are not numbers.
    """
    require_numbers(rows)
    values = stored_values(rows)
    if values.size == 0:
        return ValueScan()
    smallest, largest = float(values.min()), float(values.max())  # NaN if any value is
    n_nan = n_infinite = 0
    if not (smallest >= -MAX_FLOAT32 and largest <= MAX_FLOAT32):
        n_nan, n_infinite = int(np.count_nonzero(np.isnan(values))), int(np.count_nonzero(np.abs(values) > MAX_FLOAT32))
        largest = float(np.fmax.reduce(values, axis=None))
    n_negative = 0 if smallest >= 0 else int(np.count_nonzero(values < 0))
    integral = values.dtype.kind != "f" or bool(np.array_equal(values, np.rint(values)))
    return ValueScan(max(largest, 0.0), integral, n_nan, n_infinite, n_negative)


def require_numbers(matrix: Matrix) -> None:
    """Validate that a matrix holds numbers.

    Raises
    ------
    QueryError
        If the values are not numbers.
    """
    if np.dtype(matrix.dtype).kind not in "biuf":
        raise QueryError(
            f"the values have type {matrix.dtype}, but numbers are needed; store counts as integers or floats"
        )


def validate_values(scan: ValueScan, stated: ValueKind | None, accepted: AcceptedValues) -> None:
    """Validate that values can be of a kind that an encoder accepts.

    Parameters
    ----------
    scan
        Summary of the values.
    stated
        Kind stated by the user; None to recognize it.
    accepted
        Values that the encoder accepts.

    Raises
    ------
    ValueKindError
        If the encoder does not accept the values.
    """
    choices: tuple[str, ...] = ("counts", "lognorm") if accepted == "expression" else (accepted,)
    if stated not in (None, *choices):
        raise ValueKindError(
            f"the stated kind of values is {stated!r}, but this encoder accepts {' or '.join(choices)}; "
            f"choose one of: {', '.join(choices)}",
            options={"values": None},
        )
    if accepted in ("levels", "numbers"):
        _require_numbers(scan, accepted)
        return
    _require_amounts(scan)
    if stated == "lognorm" and scan.largest > MAX_LOG_VALUE:
        raise ValueKindError(
            f"the largest value is {scan.largest:,.0f}, too large for a logarithm; do not state lognorm, "
            "or provide log-normalized values",
            options={"values": None},
        )


def _require_numbers(scan: ValueScan, accepted: AcceptedValues) -> None:
    """Raise on infinite values, and on levels outside 0 to 1; NaN marks values that were not measured."""
    if scan.n_infinite:
        raise ValueKindError(
            f"{counted(scan.n_infinite, 'value', 'are')} infinite, or beyond float32; set values that were not "
            "measured to NaN"
        )
    if accepted == "levels" and (scan.n_negative or scan.largest > 1):
        raise ValueKindError(
            f"levels must lie between 0 and 1, or be NaN if not measured; the largest value is {scan.largest:,.4g} and "
            f"{counted(scan.n_negative, 'value', 'are')} negative: divide methylated by covered reads"
        )


def _require_amounts(scan: ValueScan) -> None:
    """Raise on values that cannot be counts or their logarithms."""
    if scan.n_nan or scan.n_infinite:
        raise ValueKindError(
            f"{counted(scan.n_nan + scan.n_infinite, 'value', 'are')} NaN, infinite or beyond float32; counts or "
            "log-normalized values are needed: drop these cells or features, or project joined batches separately or "
            "in memory"
        )
    if scan.n_negative:
        raise ValueKindError(
            f"{counted(scan.n_negative, 'value', 'are')} negative, so the values were scaled or corrected; provide raw "
            "counts or log-normalized values"
        )


def lognorm_totals(rows: Matrix) -> NDArray[np.float64]:
    """Return the total of each log-normalized cell after undoing the logarithm, shape ``(n,)``."""
    return row_sums(expm1(rows))


def share_one_total(totals: NDArray[np.float64]) -> bool:
    """Return whether log-normalized cells still add up to their normalization target.

    Cells with all their features have the same total, apart from a few outliers, or a few totals if they were
    normalized in groups. Cells whose features were selected after normalization do not. For a single cell, a common
    target is taken as evidence.

    Parameters
    ----------
    totals
        Totals of some cells from `lognorm_totals`, shape ``(n,)``.
    """
    totals = totals[totals > 0]
    if len(totals) == 0:
        return False
    candidates = np.array(COMMON_TARGETS) if len(totals) == 1 else np.median(totals, keepdims=True)
    near = np.abs(totals - candidates[:, None]) <= TOTAL_TOLERANCE * candidates[:, None]  # (candidates, n)
    n_groups = len(np.unique(np.rint(np.log(totals) / TOTAL_GROUP_WIDTH)))
    return bool(near.mean(axis=1).max() >= MIN_EQUAL_FRACTION or n_groups * MIN_GROUP_CELLS <= len(totals))


def reject_count_cells(rows: Matrix) -> None:
    """Raise if cells with counts, recognized by many values that are all whole, are mixed with log-normalized ones.

    Raises
    ------
    ValueKindError
        If there are such cells.
    """
    n_values = row_sums(map_values(rows, lambda values: values != 0))
    n_broken = row_sums(map_values(rows, lambda values: values != np.rint(values)))
    n_whole = int(np.count_nonzero((n_values >= MIN_COUNT_CELL_VALUES) & (n_broken == 0)))
    if n_whole:
        raise ValueKindError(
            f"{counted(n_whole, 'cell', 'hold', of=len(n_values))} only whole numbers, like counts, and others "
            "log-normalized values, which cannot be separated cell by cell; project them as two queries"
        )
