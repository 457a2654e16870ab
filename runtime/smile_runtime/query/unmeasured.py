"""Columns that hold NaN alone, as an outer join of batches leaves them: those features were not measured."""

import logging

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, is_sparse, row_chunks
from smile_runtime.errors import ValueKindError

logger = logging.getLogger(__name__)

PROBED_ROWS = 256  # first rows, in which a column without any value is NaN throughout


def measured_columns(matrix: Rows, advice: str) -> NDArray[np.bool_]:
    """Return whether each column holds values rather than NaN alone, shape ``(n_vars,)``.

    All rows are read only if a column is NaN throughout the first ones.

    Parameters
    ----------
    matrix
        Counts or log-normalized values, shape ``(n, n_vars)``.
    advice
        What to do if the cells measured different features.

    Raises
    ------
    ValueKindError
        If a column is NaN throughout the first rows, but not in later ones.
    """
    if np.dtype(matrix.dtype).kind != "f":
        return np.ones(matrix.shape[1], bool)
    missing = _all_nan(matrix[:PROBED_ROWS])
    if missing.any():
        _require_missing(matrix, missing, advice)
        logger.warning("%d features are NaN in all cells and count as not measured", np.count_nonzero(missing))
    return ~missing


def _require_missing(matrix: Rows, missing: NDArray[np.bool_], advice: str) -> None:
    for rows in row_chunks(matrix):
        if n := int(np.count_nonzero(missing & ~_all_nan(rows))):
            raise ValueKindError(
                f"{n:,} features are NaN in the first cells but not in others, as after an outer join of batches; "
                f"{advice}"
            )


def _all_nan(rows: Matrix) -> NDArray[np.bool_]:
    """Return whether each column is NaN in all of some rows, shape ``(n_vars,)``."""
    if is_sparse(rows):
        n_nan = np.bincount(rows.indices[np.isnan(rows.data)], minlength=rows.shape[1])
    else:
        n_nan = np.count_nonzero(np.isnan(rows), axis=0)
    result: NDArray[np.bool_] = np.equal(n_nan, rows.shape[0])
    return result
