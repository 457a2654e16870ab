"""Simulated doublets: pairs of cells of different types that were measured as one."""

from dataclasses import replace

import numpy as np
import scipy

from smile_runtime.arrays import is_sparse
from smile_training.data.cells import Cells
from smile_training.data.degradation import count_units

_N_TRIES = 20


def mix_pairs(cells: Cells, n: int, seed: int, *, scaled: bool = True) -> Cells | None:
    """Return doublets: the summed counts of two cells of one batch whose labels differ in the coarsest level.

    Parameters
    ----------
    cells
        Labeled cells; log-normalized ones are summed as counts, too.
    n
        Number of doublets, at most.
    seed
        Seed of the choice.
    scaled
        Whether cells are scaled to a target sum, by size factors that sums of counts change.

    Returns
    -------
        Doublets with the names and labels of their first cells; None if there are no two labels, or values are dense.
    """
    if not is_sparse(cells.raw) or not cells.columns:
        return None
    rng = np.random.default_rng(seed)
    coarsest = _coarsest_labels(cells)
    one, other = rng.integers(len(cells), size=(2, n * _N_TRIES))
    differ = (coarsest[one] >= 0) & (coarsest[other] >= 0) & (coarsest[one] != coarsest[other])
    pairs = np.flatnonzero(differ & (cells.batches[one] == cells.batches[other]))[:n]
    if len(pairs) == 0:
        return None
    one, other = one[pairs], other[pairs]
    unit = count_units(cells.raw)
    counts = scipy.sparse.csr_matrix(cells.raw.multiply(1.0 / unit), dtype=np.float32)
    mixed = replace(cells.subset(one), raw=(counts[one] + counts[other]).tocsr())
    if not scaled:
        return mixed
    total = 1.0 / (cells.size_factor * unit)  # of a cell's counts, as a fraction of the target sum
    return replace(mixed, size_factor=(1.0 / (total[one] + total[other])).astype(np.float32))


def _coarsest_labels(cells: Cells) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return label ids in the coarsest level of the primary column, shape ``(n_cells,)``."""
    labels = cells.columns[0]
    while labels.column.within is not None:
        name = labels.column.within
        labels = next(each for each in cells.columns if each.column.name == name)
    return labels.ids
