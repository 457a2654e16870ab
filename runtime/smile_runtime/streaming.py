"""Rows of a query, read ahead and projected as they come, by several threads at a time."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from smile_runtime.matrix import Matrix, row_bytes
from smile_runtime.projector import Projector
from smile_runtime.reading import OtherReadingError
from smile_runtime.results import Records, Results
from smile_runtime.threads import in_order, single_threaded_blas, usable_cores

logger = logging.getLogger(__name__)

_BYTES, _MOST_BYTES = 12_000_000, 2**29
_FEWEST, _MOST = 64, 4096
_MOST_THREADS = 8  # each holds rows; one thread reads them, and is not faster than a few that project them

Progress = Callable[[int, int], object]
"""Called with the number of cells done now, and of all cells, each time some are done."""


def rows_at_once(matrix: Matrix) -> int:
    """Return how many rows of a matrix are projected together: some 12 MB, or what is stored together anyway."""
    bytes_of_one = row_bytes(matrix)
    rows = int(_BYTES / max(1.0, bytes_of_one))
    together = getattr(matrix, "chunk_rows", 1)
    if rows < together and together * bytes_of_one <= _MOST_BYTES:
        return int(together)
    rows = min(max(rows, _FEWEST), _MOST)
    return rows - rows % together if rows > together else rows


def read_ahead(matrix: Matrix, start: int, chunk: int) -> Iterator[Matrix]:
    """Yield the rows of a matrix from ``start`` on, ``chunk`` at a time; the next ones are read meanwhile."""
    n = matrix.shape[0]

    def read(first: int) -> Matrix:
        return matrix[first : min(first + chunk, n)]

    with ThreadPoolExecutor(1, thread_name_prefix="smile-reader") as reader:
        coming = reader.submit(read, start)
        for first in range(start, n, chunk):
            rows = coming.result()
            if first + chunk < n:
                coming = reader.submit(read, first + chunk)
            yield rows


def project_rows(matrix: Matrix, projector: Projector, results: Results, progress: Progress, chunk: int) -> None:
    """Project the rows of a matrix that have no results yet, one thread each chunk.

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
    chunk
        Rows that are read and projected together; changes memory and speed, not results.

    Raises
    ------
    QueryError, ValueKindError
        If the cells cannot be read or projected.
    """
    n = matrix.shape[0]
    n_threads = min(usable_cores(), _MOST_THREADS)

    def project(rows: Matrix) -> Records:
        return projector(rows, results.reading)

    while len(results) < n:
        try:
            with single_threaded_blas():
                for records in in_order(project, read_ahead(matrix, len(results), chunk), n_threads):
                    results.append(records)
                    progress(len(records), n)
        except OtherReadingError as other:
            logger.info("the values are %s after all; beginning again", other.reading.kind)
            progress(-len(results), n)
            results.begin(other.reading)
