"""Degradation of cells to resemble queries: fewer measured features and fewer counts."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import dense, is_sparse
from smile_training.data.cells import Cells

N_DRAWS = 4
MAX_CELLS = 2_000
MIN_FEATURE_FRACTION = 0.3
MIN_DEPTH_FRACTION = 0.1
MAX_ROUNDING_ERROR = 0.05  # of a count recovered from its logarithm
MIN_COUNT_FRACTION = 0.99  # of nonzero values that must be whole multiples of the cell's unit


def degrade_cells(cells: Cells, seed: int) -> Iterator[Cells]:
    """Yield at most 2,000 cells as measured, then `N_DRAWS` times degraded.

    Each draw keeps a random fraction of the features, 0.3 to 1, the same in all cells as in a query, and a random
    fraction of each count, 0.1 to 1. Values are thinned only if they are counts, or counts scaled by cell.
    """
    rng = np.random.default_rng(seed)
    if len(cells) > MAX_CELLS:
        cells = cells.subset(np.sort(rng.choice(len(cells), MAX_CELLS, replace=False)))
    yield cells
    for _ in range(N_DRAWS):
        share, depth = rng.uniform(MIN_FEATURE_FRACTION, 1), np.exp(rng.uniform(np.log(MIN_DEPTH_FRACTION), 0))
        raw, size_factor = dense(cells.raw).astype(np.float32), cells.size_factor
        unit = _count_unit(raw) if is_sparse(cells.raw) else None
        if unit is not None:
            raw = (rng.binomial(np.rint(raw / unit).astype(np.int64), depth) * unit).astype(np.float32)
            size_factor = (size_factor / depth).astype(np.float32)
        raw[:, rng.random(raw.shape[1]) >= share] = np.nan
        yield replace(cells, raw=raw, size_factor=size_factor)


def _count_unit(raw: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the value of one count in each cell, shape ``(n_cells, 1)``; None if values are not counts."""
    unit = np.where(raw > 0, raw, np.inf).min(axis=1, keepdims=True)
    unit[~np.isfinite(unit)] = 1.0
    counts = raw[raw > 0] / np.broadcast_to(unit, raw.shape)[raw > 0]
    return unit if np.mean(np.abs(counts - np.rint(counts)) < MAX_ROUNDING_ERROR) > MIN_COUNT_FRACTION else None
