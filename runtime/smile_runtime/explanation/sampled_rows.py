"""Reading of some rows of a query, in blocks for one thread each."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Rows
from smile_runtime.explanation.cell_explainer import Block
from smile_runtime.explanation.feature_effects import CELLS_PER_BLOCK
from smile_runtime.projection import rows_per_read

_MAX_GAP_ROWS = 64  # rows that are read and not used, rather than read the next ones apart


def read_blocks(matrix: Rows, rows: NDArray[np.intp]) -> Iterator[Block]:
    """Read some rows, by ascending index, and yield their places among these and their values in small blocks.

    Rows between those that are wanted are read only where these lie close together.
    """
    n_read, max_gap = rows_per_read(matrix), max(_MAX_GAP_ROWS, getattr(matrix, "chunk_rows", 1))
    apart = (np.diff(rows) > max_gap) | (np.diff(rows // n_read) > 0)
    for near in np.split(np.arange(len(rows)), np.flatnonzero(apart) + 1):
        if not len(near):
            continue
        first = int(rows[near[0]])
        values = matrix[first : int(rows[near[-1]]) + 1]
        for start in range(0, len(near), CELLS_PER_BLOCK):
            places = near[start : start + CELLS_PER_BLOCK]
            yield places, values[rows[places] - first]
