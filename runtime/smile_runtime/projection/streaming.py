"""Streaming of a query: one thread reads rows, others project them."""

import logging
from collections.abc import Callable, Iterator

from smile_runtime.arrays import Matrix, Rows, row_bytes
from smile_runtime.io import default_threads, map_in_order, single_threaded_blas
from smile_runtime.mapping import Records
from smile_runtime.projection.projector import Projector
from smile_runtime.query import ReinterpretationError
from smile_runtime.results import Results

logger = logging.getLogger(__name__)

CHUNK_BYTES = 12_000_000
MAX_STORED_CHUNK_BYTES = 2**29
MIN_CHUNK_ROWS = 64
MAX_CHUNK_ROWS = 4096
MAX_THREADS = 8  # each holds a chunk of rows, and the reading thread cannot keep more of them busy

Progress = Callable[[int, int], object]
"""Called with the number of cells just projected and the number of all cells; negative if cells are projected again."""


def rows_per_read(matrix: Rows) -> int:
    """Return the number of rows to read together: about 12 MB, or as many as are stored together."""
    rows = _rows_per_chunk(matrix)
    stored_together = getattr(matrix, "chunk_rows", 1)
    if rows < stored_together and stored_together * row_bytes(matrix) <= MAX_STORED_CHUNK_BYTES:
        return int(stored_together)
    return rows - rows % stored_together if rows > stored_together else rows


def _rows_per_chunk(matrix: Rows) -> int:
    return min(max(int(CHUNK_BYTES / max(1.0, row_bytes(matrix))), MIN_CHUNK_ROWS), MAX_CHUNK_ROWS)


def read_chunks(matrix: Rows, start: int, n_read: int) -> Iterator[Matrix]:
    """Read ``n_read`` rows at a time from ``start`` on, and yield them in chunks for one thread each."""
    n, chunk = matrix.shape[0], _rows_per_chunk(matrix)
    for first in range(start, n, n_read):
        rows = matrix[first : min(first + n_read, n)]
        if n_read <= chunk:
            yield rows
        else:
            yield from (rows[low : low + chunk] for low in range(0, rows.shape[0], chunk))


def project_rows(matrix: Rows, projector: Projector, results: Results, *, progress: Progress, n_read: int) -> None:
    """Project the rows of a matrix that have no results yet, on several threads.

    Parameters
    ----------
    matrix
        Values of all the query's features, shape ``(n, n_vars)``.
    projector
        Projects rows.
    results
        Results so far, to which the others are appended. They restart if a row contradicts their interpretation.
    progress
        Called after each chunk.
    n_read
        Number of rows to read together; affects memory and speed, not results.
    """
    n = matrix.shape[0]
    n_threads = min(default_threads(), MAX_THREADS)

    def project(rows: Matrix) -> Records:
        return projector(rows, results.interpretation)

    while len(results) < n:
        try:
            with single_threaded_blas():
                for records in map_in_order(project, read_chunks(matrix, len(results), n_read), n_threads):
                    results.append(records)
                    progress(len(records), n)
        except ReinterpretationError as other:
            logger.info("a later cell shows that the values are %s; starting again", other.interpretation.kind)
            progress(-len(results), n)
            results.restart(other.interpretation)
