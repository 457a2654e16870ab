"""Features that are NaN in whole batches, as an outer join leaves them: those cells did not measure them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, is_sparse, map_values, row_chunks, stored_values
from smile_runtime.errors import ValueKindError
from smile_runtime.io import counted
from smile_runtime.query.value_interpretation import sample_rows

logger = logging.getLogger(__name__)

MAX_FEATURE_SETS = 64
MIN_SET_CELLS = 10  # fewer hold scattered NaN rather than a batch


def find_feature_sets(matrix: Rows, names: Sequence[str]) -> list[bytes]:
    """Return the different sets of features that the cells measured, as keys for `measured_features`.

    All rows are read only if some of a sample hold NaN; in memory, the sample is all rows.

    Parameters
    ----------
    matrix
        Counts or log-normalized values, shape ``(n, n_vars)``.
    names
        Names of the features, shape ``(n_vars,)``.

    Raises
    ------
    ValueKindError
        If there are too many sets, or if too few cells measured one of them, so that NaN is scattered over cells.
    """
    in_memory = isinstance(matrix, np.ndarray) or is_sparse(matrix)
    sample: Iterable[Matrix] = row_chunks(matrix) if in_memory else sample_rows(matrix)
    if np.dtype(matrix.dtype).kind != "f" or not any(map(_has_nan, sample)):
        return [_key(np.zeros((1, matrix.shape[1]), bool))]
    n_cells: dict[bytes, int] = defaultdict(int)
    first_cell: dict[bytes, int] = {}
    start = 0
    for rows in row_chunks(matrix):
        for key, cells in split_by_features(rows).items():
            n_cells[key] += len(cells)
            first_cell.setdefault(key, start + int(cells[0]))
        start += rows.shape[0]
        if len(n_cells) > MAX_FEATURE_SETS:
            break
    usual, rarest = max(n_cells, key=n_cells.__getitem__), min(n_cells, key=n_cells.__getitem__)
    n_sets = len(n_cells)
    if n_sets > MAX_FEATURE_SETS or (n_sets > 1 and n_cells[rarest] < MIN_SET_CELLS):
        differs = measured_features(rarest, len(names)) != measured_features(usual, len(names))
        raise ValueKindError(
            f"the first {start:,} cells hold NaN in {n_sets:,} different sets of features, at most "
            f"{MAX_FEATURE_SETS} sets of at least {MIN_SET_CELLS} cells each are possible, as after an outer join of "
            f"batches; cell {first_cell[rarest]:,} (counted from 0), for example, differs from most cells in the "
            f"feature {str(names[int(np.argmax(differs))])!r}: drop these cells or features, or project small "
            "batches separately"
        )
    measured = np.logical_or.reduce([measured_features(key, len(names)) for key in n_cells])
    if n_missing := int(np.count_nonzero(~measured)):
        logger.warning("%s NaN in all cells; not counted as measured", counted(n_missing, "feature", "are"))
    return list(n_cells)


def split_by_features(rows: Matrix) -> dict[bytes, NDArray[np.intp]]:
    """Return the indices of the rows that measured the same features, by the key of the features."""
    if not _has_nan(rows):
        return {_key(np.zeros((1, rows.shape[1]), bool)): np.arange(rows.shape[0])}
    indices: dict[bytes, list[int]] = defaultdict(list)
    for index, missing in enumerate(np.packbits(_nan_mask(rows), axis=1)):
        indices[missing.tobytes()].append(index)
    return {key: np.array(cells) for key, cells in indices.items()}


def measured_features(key: bytes, n_vars: int) -> NDArray[np.bool_]:
    """Return whether each feature belongs to the set of a key, shape ``(n_vars,)``."""
    return ~np.unpackbits(np.frombuffer(key, np.uint8), count=n_vars).astype(bool)


class ZeroFilledRows:
    """Rows of a matrix with zero in place of NaN, which changes no sum of the measured values.

    Parameters
    ----------
    matrix
        Matrix in memory, in a file or in Dask, shape ``(n, n_vars)``.
    """

    def __init__(self, matrix: Rows) -> None:
        self._matrix = matrix
        self.shape, self.dtype = matrix.shape, matrix.dtype

    def __getitem__(self, rows: slice, /) -> Matrix:
        return map_values(self._matrix[rows], lambda values: np.where(np.isnan(values), values.dtype.type(0), values))


def _key(missing: NDArray[np.bool_]) -> bytes:
    return np.packbits(missing, axis=1).tobytes()


def _has_nan(rows: Matrix) -> bool:
    return np.dtype(rows.dtype).kind == "f" and bool(np.isnan(stored_values(rows)).any())


def _nan_mask(rows: Matrix) -> NDArray[np.bool_]:
    """Return whether each value is NaN, shape ``(n, n_vars)``."""
    if not is_sparse(rows):
        mask: NDArray[np.bool_] = np.isnan(rows)
        return mask
    nan = type(rows)((np.isnan(rows.data), rows.indices, rows.indptr), shape=rows.shape)
    result: NDArray[np.bool_] = nan.toarray()
    return result
