"""Rows of a query, read by one thread and projected by others."""

import logging
from collections.abc import Callable, Iterator

from smile_runtime.arrays import Matrix, row_bytes
from smile_runtime.io import default_threads, map_in_order, single_threaded_blas
from smile_runtime.mapping import Records
from smile_runtime.projection.projector import Projector
from smile_runtime.query import ReinterpretationError
from smile_runtime.results import Results

logger = logging.getLogger(__name__)

_BYTES, _MOST_BYTES = 12_000_000, 2**29
_FEWEST, _MOST = 64, 4096
_MOST_THREADS = 8  # that project; each holds rows, and the one that reads is not faster than a few of them

Progress = Callable[[int, int], object]
"""Called with the number of cells done now, and of all cells, each time some are done."""


def rows_at_once(matrix: Matrix) -> int:
    """Return how many rows of a matrix are read together: some 12 MB, or what is stored together anyway."""
    rows = _rows_that_fit(matrix)
    together = getattr(matrix, "chunk_rows", 1)
    if rows < together and together * row_bytes(matrix) <= _MOST_BYTES:
        return int(together)
    return rows - rows % together if rows > together else rows


def _rows_that_fit(matrix: Matrix) -> int:
    return min(max(int(_BYTES / max(1.0, row_bytes(matrix))), _FEWEST), _MOST)


def read_rows(matrix: Matrix, start: int, at_once: int) -> Iterator[Matrix]:
    """Yield the rows of a matrix from ``start`` on, ``at_once`` read together, in parts that one thread projects."""
    n, part = matrix.shape[0], _rows_that_fit(matrix)
    for first in range(start, n, at_once):
        rows = matrix[first : min(first + at_once, n)]
        if at_once <= part:
            yield rows
        else:
            yield from (rows[low : low + part] for low in range(0, rows.shape[0], part))


def project_rows(matrix: Matrix, projector: Projector, results: Results, progress: Progress, at_once: int) -> None:
    """Project the rows of a matrix that have no results yet, each part of them by one of several threads.

    Parameters
    ----------
    matrix
        Values of all the query's features, shape ``(n, n_vars)``, in a form whose rows can be sliced.
    projector
        What projects them.
    results
        What is done already, and where the rest goes; what the values are taken for, which may turn out otherwise.
    progress
        Told how far it is; backwards where all is read again.
    at_once
        Rows that are read together; changes memory and speed, not results.

    Raises
    ------
    QueryError, ValueKindError
        If the cells cannot be read or projected.
    """
    n = matrix.shape[0]
    n_threads = min(default_threads(), _MOST_THREADS)

    def project(rows: Matrix) -> Records:
        return projector(rows, results.reading)

    while len(results) < n:
        try:
            with single_threaded_blas():
                for records in map_in_order(project, read_rows(matrix, len(results), at_once), n_threads):
                    results.append(records)
                    progress(len(records), n)
        except ReinterpretationError as other:
            logger.info("the values are %s after all; beginning again", other.reading.kind)
            progress(-len(results), n)
            results.begin(other.reading)
