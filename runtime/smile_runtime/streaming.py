"""Rows of a query, read ahead and projected as they come."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from smile_runtime.matrix import Matrix
from smile_runtime.projector import Projector
from smile_runtime.reading import OtherReadingError
from smile_runtime.results import Results

logger = logging.getLogger(__name__)

_BYTES, _MOST_BYTES = 2**25, 2**29
_FEWEST, _MOST = 64, 16384

Progress = Callable[[int, int], object]
"""Called with the number of cells done now, and of all cells, each time some are done."""


def rows_at_once(matrix: Matrix) -> int:
    """Return how many rows of a matrix in a file are read together: some 32 MB, or what is stored together anyway."""
    rows = int(_BYTES / max(1.0, matrix.row_bytes))
    together = getattr(matrix, "chunk_rows", 1)
    if rows < together and together * matrix.row_bytes <= _MOST_BYTES:
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
    """Project the rows of a matrix that have no results yet.

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
    while len(results) < n:
        try:
            for rows in read_ahead(matrix, len(results), chunk):
                records = projector(rows, results.reading)
                results.append(records)
                progress(len(records), n)
        except OtherReadingError as other:
            logger.info("the values are %s after all; beginning again", other.reading.kind)
            progress(-len(results), n)
            results.begin(other.reading)
