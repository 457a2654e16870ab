"""A sample of a query's cells, of which only these rows are read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, is_sparse
from smile_runtime.query.query import MatrixLocation, Query

if TYPE_CHECKING:
    import pandas as pd

_MAX_BLOCK_ROWS = 50  # consecutive rows of a matrix whose rows are stored together: ten blocks of 500 cells


@dataclass(frozen=True, eq=False)
class SampledQuery:
    """Random cells of a query, in their order; the methods are those of `Query`.

    Attributes
    ----------
    query
        Query that the cells are drawn from.
    n_cells
        Number of cells to draw; all of them if there are fewer.
    seed
        Seed of the draw.
    """

    query: Query
    n_cells: int
    seed: int = 0
    _matrices: dict[MatrixLocation, Matrix] = field(default_factory=dict, init=False, repr=False)

    @property
    def n_obs(self) -> int:
        """Number of cells in the sample."""
        return min(self.n_cells, self.query.n_obs)

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return self.query.layers

    @property
    def has_raw(self) -> bool:
        """Whether the query has ``raw``."""
        return self.query.has_raw

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features of the matrix at a location, one row each."""
        return self.query.var(location)

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the sampled rows of the matrix at a location, in memory, shape ``(n_obs, n_vars)``."""
        if location not in self._matrices:
            matrix = self.query.values(location)
            if matrix is None:
                return None
            self._matrices[location] = _read_rows(matrix, self._rows(matrix))
        return self._matrices[location]

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether ``obs``, ``obsm`` or ``uns`` has a key."""
        return self.query.has_field(attribute, key)

    def noted_log(self) -> object:
        """Return ``uns["log1p"]``, in which scanpy notes a logarithm and its base; None if it is missing."""
        return self.query.noted_log()

    def _rows(self, matrix: Rows) -> NDArray[np.intp]:
        stored_together = int(getattr(matrix, "chunk_rows", 1))
        return draw_rows(matrix.shape[0], self.n_obs, block=min(stored_together, _MAX_BLOCK_ROWS), seed=self.seed)


def draw_rows(n_rows: int, n_drawn: int, *, block: int, seed: int) -> NDArray[np.intp]:
    """Draw random blocks of consecutive rows.

    Parameters
    ----------
    n_rows
        Number of all rows.
    n_drawn
        Number of rows to draw.
    block
        Number of rows in a block.
    seed
        Seed of the draw.

    Returns
    -------
        Ascending indices of the rows, shape ``(n_drawn,)``.
    """
    first = block * np.random.default_rng(seed).permutation(-(-n_rows // block))
    rows = (first[: n_drawn // block + 2, None] + np.arange(block)).ravel()  # the last block may be shorter
    return np.sort(rows[rows < n_rows][:n_drawn])


def _read_rows(matrix: Rows, rows: NDArray[np.intp]) -> Matrix:
    from scipy.sparse import csr_matrix, vstack

    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    parts: list[Any] = [matrix[int(run[0]) : int(run[-1]) + 1] for run in runs if len(run)] or [matrix[0:0]]
    return csr_matrix(vstack(parts)) if is_sparse(parts[0]) else np.concatenate(parts)
