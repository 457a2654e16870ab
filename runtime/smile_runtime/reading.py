"""What the values of a query are taken for: decided on a few of its cells, checked on every one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.matrix import Matrix, row_sums
from smile_runtime.values import (
    Taken,
    ValueKind,
    ValueScan,
    all_near,
    common_total,
    lognorm_totals,
    recognise_values,
    scan_rows,
)

_LOOKED_AT = 256  # cells at the beginning, in the middle and at the end


@dataclass(frozen=True)
class Reading:
    """What values are taken for.

    Attributes
    ----------
    kind
        What they are.
    total
        What each log-normalised cell was scaled to; None for other kinds.
    told
        Whether the cells themselves tell that total.
    """

    kind: ValueKind
    total: float | None = None
    told: bool = False


class OtherReadingError(Exception):
    """Cells came that are not what the first ones were taken for: read all of them again, as ``reading``."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)  # as its only argument, so that it travels between processes
        self.reading = reading


@dataclass(frozen=True)
class Reader:
    """Reads values as what they are.

    Attributes
    ----------
    taken
        What the encoder takes.
    target_sum
        The total that log-normalised values are taken to have where they do not tell; None: 1.
    stated
        What the values are, where the user says so.
    """

    taken: Taken
    target_sum: float | None
    stated: ValueKind | None = None

    def first_reading(self, matrix: Matrix) -> Reading:
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
        kind = recognise_values(sum(map(scan_rows, looked_at), ValueScan()), self.stated, self.taken)
        return self._lognorm(looked_at) if kind == "lognorm" else Reading(kind)

    def totals(self, rows: Matrix, reading: Reading) -> NDArray[np.float64]:
        """Check that rows are what they are taken for, and return what each cell adds up to, shape ``(n,)``.

        Raises
        ------
        ValueKindError
            If they are of no kind that can be projected.
        OtherReadingError
            If all must be read again, as something else.
        """
        scan = scan_rows(rows)
        if reading.kind == "lognorm":  # cells whose logarithms are all whole numbers are few, and no counts
            scan = replace(scan, integral=False)
        kind = recognise_values(scan, self.stated, self.taken)
        if kind != reading.kind:
            raise OtherReadingError(self._lognorm([rows]))
        if reading.total is None:
            return row_sums(rows)
        if reading.told and not all_near(lognorm_totals(rows), reading.total):
            raise OtherReadingError(self._untold)
        return np.where(row_sums(rows) > 0, reading.total, 0.0)

    def _lognorm(self, looked_at: list[Matrix]) -> Reading:
        total = common_total(np.concatenate([lognorm_totals(rows) for rows in looked_at]))
        return self._untold if total is None else Reading("lognorm", total, told=True)

    @property
    def _untold(self) -> Reading:
        return Reading("lognorm", self.target_sum or 1.0)
