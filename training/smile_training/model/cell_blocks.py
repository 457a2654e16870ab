"""Blocks of cells whose values are computed together, to bound the memory of a pass over all cells."""

from collections.abc import Iterator

import numpy as np
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_training.data import Cells

BLOCK_CELLS = 20_480
"""Up to this many cells are computed as a whole, so that small data sets give the same results as without blocks."""


def row_blocks(matrix: Matrix, n_rows: int | None = None) -> Iterator[slice]:
    """Yield slices of ``n_rows`` rows, by default `BLOCK_CELLS`; a dense matrix is one block."""
    step = n_rows or BLOCK_CELLS if is_sparse(matrix) else max(1, matrix.shape[0])
    for start in range(0, matrix.shape[0], step):
        yield slice(start, min(start + step, matrix.shape[0]))


def transform_cells(cells: Cells, preprocessing: Preprocessing) -> Matrix:
    """Return all steps before centering, shape ``(n_cells, n_features)``.

    Sparse values share their indices with the cells, because no step moves a value.
    """
    raw = cells.raw
    if not is_sparse(raw):
        return preprocessing.transform(raw, cells.size_factor)
    if not raw.has_canonical_format:
        raw = raw.copy()
        raw.sum_duplicates()  # as the preprocessing does with its copy
    values = np.empty(raw.nnz, np.float32)
    for rows in row_blocks(raw):
        block = preprocessing.transform(raw[rows], cells.size_factor[rows])
        values[raw.indptr[rows.start] : raw.indptr[rows.stop]] = block.data
    return scipy.sparse.csr_matrix((values, raw.indices, raw.indptr), shape=raw.shape)


def project_rows(matrix: scipy.sparse.csr_matrix, directions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the product of sparse rows with directions, float32, shape ``(n_rows, n_directions)``."""
    projected = np.empty((matrix.shape[0], directions.shape[1]), np.float32)
    for rows in row_blocks(matrix):
        projected[rows] = matrix[rows] @ directions
    return projected
