"""What the values of a query are: raw counts, log-normalized, or something that cannot be projected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, expm1, mapped, row_sums, stored_values
from smile_runtime.errors import QueryError, ValueKindError
from smile_runtime.manifest import AcceptedValues, ValueKind

_LARGEST_LOG = 20.0  # log1p of a count of 485 million: larger values are no logarithms
_LARGEST = float(np.finfo(np.float32).max)
_SAME_TOTAL = 0.01
_ALIKE = 0.95  # share of the cells: a few that are odd take nothing from the others
_GROUP, _IN_GROUP = 1e-3, 10  # how wide a group of equal totals is, and how many cells it has at least in the mean
_USUAL_TOTALS = (1e4, 1e5, 1e6, 1e3)
_MANY_VALUES = 10  # that are no whole numbers by chance, be they rounded to a digit or two


@dataclass(frozen=True)
class ValueScan:
    """What a look at the values of some cells saw.

    Attributes
    ----------
    largest
        The largest value; 0 where there is none.
    integral
        Whether all values are whole numbers.
    n_nan, n_infinite, n_negative
        How many values are not numbers, infinite as float32, below zero.
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
    """Look once at all values of some rows.

    Raises
    ------
    QueryError
        If the values are not numbers.
    """
    require_numbers(rows)
    values = stored_values(rows)
    if values.size == 0:
        return ValueScan()
    smallest, largest = float(values.min()), float(values.max())  # either is NaN where any value is
    n_nan = n_infinite = 0
    if not (smallest >= -_LARGEST and largest <= _LARGEST):
        n_nan, n_infinite = int(np.count_nonzero(np.isnan(values))), int(np.count_nonzero(np.abs(values) > _LARGEST))
        largest = float(np.fmax.reduce(values, axis=None))
    n_negative = 0 if smallest >= 0 else int(np.count_nonzero(values < 0))
    integral = values.dtype.kind != "f" or bool(np.array_equal(values, np.rint(values)))
    return ValueScan(max(largest, 0.0), integral, n_nan, n_infinite, n_negative)


def require_numbers(matrix: Matrix) -> None:
    """Refuse a matrix of anything but numbers.

    Raises
    ------
    QueryError
        If the values are not numbers.
    """
    if np.dtype(matrix.dtype).kind not in "biuf":
        raise QueryError(
            f"the values are of type {matrix.dtype}, numbers are needed; give counts as integers or floats"
        )


def recognize_values(
    scan: ValueScan, stated: ValueKind | None = None, taken: AcceptedValues = "expression"
) -> ValueKind:
    """Say what the values are, or refuse them.

    Parameters
    ----------
    scan
        What `scan_rows` saw.
    stated
        What the user says they are; refused only where that cannot be.
    taken
        What the encoder takes.

    Raises
    ------
    ValueKindError
        If the values are not of a kind that is taken.
    """
    choices: tuple[str, ...] = ("counts", "lognorm") if taken == "expression" else (taken,)
    if stated not in (None, *choices):
        raise ValueKindError(
            f"the values are said to be {stated!r}, this encoder takes {' or '.join(choices)}; "
            f"choose one of: {', '.join(choices)}"
        )
    if taken in ("levels", "numbers"):
        _require_numbers(scan, taken)
        return taken
    _require_amounts(scan)
    if taken != "expression":
        return taken
    return _counts_or_lognorm(scan, stated)


def _require_numbers(scan: ValueScan, taken: AcceptedValues) -> None:
    """Refuse infinite values, and levels outside 0 to 1; NaN is a value that was not measured."""
    if scan.n_infinite:
        raise ValueKindError(
            f"{scan.n_infinite:,} values are infinite, or beyond float32; set what was not measured to NaN"
        )
    if taken == "levels" and (scan.n_negative or scan.largest > 1):
        raise ValueKindError(
            f"levels from 0 to 1 are needed, NaN where there is none; the largest value is {scan.largest:,.4g} and "
            f"{scan.n_negative:,} are negative: divide methylated by covered reads, or choose another --layer"
        )


def _require_amounts(scan: ValueScan) -> None:
    """Refuse what cannot be counts or their logarithms."""
    if scan.n_nan or scan.n_infinite:
        raise ValueKindError(
            f"{scan.n_nan:,} values are NaN and {scan.n_infinite:,} infinite, or beyond float32; counts or "
            "log-normalized values are needed: drop these cells or features, or choose another --layer"
        )
    if scan.n_negative:
        raise ValueKindError(
            f"{scan.n_negative:,} values are negative, so these are scaled or corrected values; raw counts or "
            "log-normalized values are needed: choose the layer that holds them (--layer)"
        )


def _counts_or_lognorm(scan: ValueScan, stated: ValueKind | None) -> ValueKind:
    if stated == "lognorm" and scan.largest > _LARGEST_LOG:
        raise ValueKindError(
            f"the largest value is {scan.largest:,.0f}, too large for a logarithm; leave out --values lognorm, "
            "or choose the layer with log-normalized values (--layer)"
        )
    if stated is not None:
        return stated
    if scan.integral:
        return "counts"
    if scan.largest <= _LARGEST_LOG:
        return "lognorm"
    raise ValueKindError(
        f"the values are not whole numbers and go up to {scan.largest:,.1f}: neither counts nor log-normalized; "
        "say so with --values counts if they are estimated counts, choose another --layer, or project cells with "
        "counts and log-normalized ones apart if both are there"
    )


def lognorm_totals(rows: Matrix) -> NDArray[np.float64]:
    """Return what log-normalized cells add up to once the logarithm is undone, shape ``(n,)``."""
    return row_sums(expm1(rows))


def add_up_alike(totals: NDArray[np.float64]) -> bool:
    """Say whether log-normalized cells still add up to what they were scaled to.

    Cells that have all their features add up to one and the same total, but for a few odd ones, or to a few totals
    where they were scaled in several groups. Those that were cut down to some features after normalization do not. A
    cell alone tells as much where it adds up to a usual total.

    Parameters
    ----------
    totals
        What some cells add up to (`lognorm_totals`), shape ``(n,)``.
    """
    totals = totals[totals > 0]
    if len(totals) == 0:
        return False
    candidates = np.array(_USUAL_TOTALS) if len(totals) == 1 else np.median(totals, keepdims=True)
    near = np.abs(totals - candidates[:, None]) <= _SAME_TOTAL * candidates[:, None]  # (candidates, n)
    n_groups = len(np.unique(np.rint(np.log(totals) / _GROUP)))
    return bool(near.mean(axis=1).max() >= _ALIKE or n_groups * _IN_GROUP <= len(totals))


def hold_logged_counts(rows: Matrix) -> bool:
    """Say whether cells hold logarithms of counts as they were, not normalized, but for rounding in float32."""
    values = stored_values(expm1(rows))
    return bool(np.all(np.abs(values - np.rint(values)) <= 1e-3 + 1e-5 * values))


def refuse_whole_cells(rows: Matrix) -> None:
    """Refuse log-normalized cells among which there are counts: cells of many values, whole numbers all.

    Raises
    ------
    ValueKindError
        If there are any.
    """
    n_values = row_sums(mapped(rows, lambda values: values != 0))
    n_broken = row_sums(mapped(rows, lambda values: values != np.rint(values)))
    n_whole = int(np.count_nonzero((n_values >= _MANY_VALUES) & (n_broken == 0)))
    if n_whole:
        raise ValueKindError(
            f"{n_whole:,} of {len(n_values):,} cells hold whole numbers alone, as counts do, and others log-normalized "
            "values; counts and log-normalized cells cannot be told apart one by one: project them as two queries, or "
            "choose a --layer that holds one of both"
        )
