"""Evidence of what values are, from the values of a sample of cells rather than from their range.

Counts that were scaled by cell are whole multiples of one unit of the cell. A transform is recognized because its
inverse, and no other, brings these multiples back (`benchmarks/value_kinds.py` measures this on real cells).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse, stored_values
from smile_runtime.query.transform import MAX_LOG_VALUE, NATURAL_LOG, Transform

MULTIPLE_TOLERANCE = 0.01  # distance from a whole multiple, which rounding in float32 never reaches
MAX_MULTIPLE = 50.0  # larger multiples say nothing about values of few digits
UNIT_DIVISORS = (1, 2, 3, 4, 5)  # the smallest count of a cell, if few features were kept
MIN_MULTIPLES = 10  # values that can show a unit
MIN_MULTIPLE_SHARE = 0.9  # 1.00 in counts transformed in float32
MIN_ROUNDED_SHARE = 0.7  # in values of few digits, such as float16
WHOLE_TOLERANCE = 0.05  # ambient correction takes little from most counts
MIN_WHOLE_SHARE = 0.4  # of the values of most cells; 0.1 are near a whole number by chance
MIN_CELL_SHARE = 0.2  # of the values of every cell
MIN_CELL_VALUES = 10
MIN_DYNAMIC_RANGE = 50.0  # of the values of most cells; at most 25 after scaling or a square root
EXACT_SD = (0.97, 1.03)
MIN_EXACT_SHARE = 0.18  # of the features; at least 0.25 after scaling, at most 0.09 otherwise
UNIT_SD = (0.8, 1.25)
MIN_UNIT_SD_SHARE = 0.75  # of the features; at least 0.92 after scaling
MAX_SCALED_CORRELATION = 0.05  # at most -0.07 after scaling all genes, at least 0.14 otherwise
MIN_SCALED_FEATURES = 20
MIN_SCALED_CELLS = 10  # with a feature
MIN_FREQUENCY = 0.02  # of a feature in the cells, because clipping changes rare ones

LOGARITHMS = (NATURAL_LOG, Transform("log", 2.0), Transform("log", 10.0), Transform("double log"))
CELL_SCALE = Transform("scale")
TRANSFORMS = (*LOGARITHMS, CELL_SCALE, Transform("arcsinh", 1.0), Transform("square root"))


def multiple_share(sample: Sequence[Matrix], transform: Transform) -> float:
    """Return the share of values that are whole multiples of their cell's unit once a transform is undone.

    Left out are values equal to their cell's smallest one, which are multiples under every transform, and whole
    numbers, which are under most.

    Parameters
    ----------
    sample
        Rows of some cells.
    transform
        Transform to undo.

    Returns
    -------
        Share from 0 to 1; 0 if too few values can show a unit.
    """
    if max((stored_values(rows).max(initial=0) for rows in sample), default=0) > transform.max_value:
        return 0.0
    n_whole = n_values = 0
    for rows in sample:
        whole, informative = _multiples(rows, transform)
        n_whole, n_values = n_whole + int(whole.sum()), n_values + int(informative.sum())
    return n_whole / n_values if n_values >= MIN_MULTIPLES else 0.0


def _multiples(rows: Matrix, transform: Transform) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many values of each cell are whole multiples, and how many can be, each of shape ``(n,)``."""
    n, (values, row) = rows.shape[0], _positive_values(rows)
    amounts, unit = transform.undo_values(values), np.full(n, np.inf)
    np.minimum.at(unit, row, amounts)
    multiple = amounts / unit[row]
    shows = (multiple > 1 + 2 * MULTIPLE_TOLERANCE) & (multiple <= MAX_MULTIPLE) & (values != np.rint(values))
    multiple, row = multiple[shows], row[shows]
    whole = [np.bincount(row[_is_whole(multiple * divisor)], minlength=n) for divisor in UNIT_DIVISORS]
    return np.max(whole, axis=0), np.bincount(row, minlength=n)


def _is_whole(values: NDArray[np.float64], tolerance: float = MULTIPLE_TOLERANCE) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(values - np.rint(values)) <= tolerance
    return near


def _positive_values(rows: Matrix) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the positive values of some rows and the row of each, both of shape ``(n_values,)``."""
    if is_sparse(rows):
        rows = rows.tocsr()
        row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        kept = rows.data > 0
        return rows.data[kept].astype(np.float64), row[kept]
    row, column = np.nonzero(np.asarray(rows) > 0)
    return np.asarray(rows)[row, column].astype(np.float64), row


@dataclass(frozen=True, eq=False)
class CellShapes:
    """What distinguishes counts from logarithms in each cell with enough values, arrays of shape ``(n,)``."""

    near_whole: NDArray[np.float64]
    """Share of the values that are near whole numbers."""
    largest: NDArray[np.float64]
    """Largest value."""
    dynamic_range: NDArray[np.float64]
    """Largest value divided by the median of the positive values."""

    @property
    def n_unlike_counts(self) -> int:
        """Number of cells that could hold logarithms, and no fractional counts."""
        return int(np.count_nonzero((self.near_whole < MIN_CELL_SHARE) & (self.largest <= MAX_LOG_VALUE)))


def cell_shapes(sample: Sequence[Matrix]) -> CellShapes:
    """Measure the cells of a sample that have enough values."""
    cells = [cell for rows in sample for cell in _positive_cells(rows) if len(cell) >= MIN_CELL_VALUES]
    largest = np.array([cell.max() for cell in cells])
    return CellShapes(
        near_whole=np.array([_is_whole(cell, WHOLE_TOLERANCE).mean() for cell in cells]),
        largest=largest,
        dynamic_range=largest / np.array([np.median(cell) for cell in cells]),
    )


def _positive_cells(rows: Matrix) -> list[NDArray[np.float64]]:
    values, row = _positive_values(rows)
    return np.split(values, np.searchsorted(row, np.arange(1, rows.shape[0])))


def hold_fractional_counts(sample: Sequence[Matrix]) -> bool:
    """Return whether no cell is unlike corrected or estimated counts, and most are like them.

    These are near whole numbers, or span a range that neither logarithms nor values scaled by feature do.
    """
    shapes = cell_shapes(sample)
    if len(shapes.largest) == 0 or shapes.n_unlike_counts:
        return False
    return bool(np.median(shapes.near_whole) >= MIN_WHOLE_SHARE or np.median(shapes.dynamic_range) >= MIN_DYNAMIC_RANGE)


def features_have_unit_sd(sample: Sequence[Matrix]) -> bool:
    """Return whether features vary by a standard deviation of 1, as after scaling without centering.

    It is nearly exact if the sample is most of the query. Otherwise rare features must have the larger values, while
    elsewhere frequent ones do.
    """
    features = frequent_features(sample)
    if len(features.sd) < MIN_SCALED_FEATURES:
        return False
    exact, near = (float(np.mean((features.sd >= low) & (features.sd <= high))) for low, high in (EXACT_SD, UNIT_SD))
    return exact >= MIN_EXACT_SHARE or (near >= MIN_UNIT_SD_SHARE and features.correlation <= MAX_SCALED_CORRELATION)


@dataclass(frozen=True, eq=False)
class FrequentFeatures:
    """Features that enough cells of a sample have."""

    sd: NDArray[np.float64]
    """Standard deviation of each, shape ``(n_frequent,)``."""
    correlation: float
    """Correlation of the logarithms of their frequency and of their mean positive value; 0 if undefined."""


def frequent_features(sample: Sequence[Matrix]) -> FrequentFeatures:
    """Measure the features that enough cells of a sample have."""
    from scipy import sparse

    values = sparse.vstack([sparse.csr_matrix(rows, dtype=np.float64) for rows in sample]).tocsc()
    n, n_found = values.shape[0], values.getnnz(axis=0)
    frequent = n_found >= max(MIN_SCALED_CELLS, MIN_FREQUENCY * n)
    values, n_found = values[:, frequent], n_found[frequent]
    mean, square = (np.asarray(each.mean(axis=0)).ravel() for each in (values, values.multiply(values)))
    variance: NDArray[np.float64] = np.maximum(square - mean**2, 0) * n / max(n - 1, 1)
    varies = len(n_found) > 1 and np.ptp(n_found) > 0 and mean.min() > 0
    correlation = np.corrcoef(np.log(n_found), np.log(mean * n / n_found))[0, 1] if varies else 0.0
    return FrequentFeatures(np.sqrt(variance), float(correlation))
