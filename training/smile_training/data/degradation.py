"""Degradation of cells to resemble other measurements: fewer counts and fewer measured features."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, dense, is_sparse
from smile_training.data.cells import Cells

N_DRAWS = 5
MAX_CELLS = 2_000
MIN_FEATURE_FRACTION = 0.1
MIN_DEPTH_FRACTION = 0.05
MAX_ROUNDING_ERROR = 0.05  # of a count recovered from its logarithm
MIN_COUNT_FRACTION = 0.99  # of nonzero values that must be whole multiples of the cell's unit

DEPTH_LEVELS = (0.5, 0.25, 0.1, 0.05)
FEATURE_LEVELS = (0.5, 0.25, 0.1, 0.05)


class StressLevel(NamedTuple):
    """Kind of degradation, and the fraction that is kept."""

    kind: Literal["depth", "features"]
    fraction: float


def degrade_cells(cells: Cells, seed: int, *, scaled: bool = True) -> Iterator[Cells]:
    """Yield at most 2,000 cells as measured, then `N_DRAWS` times degraded.

    Each draw keeps a random fraction of the features, 0.1 to 1, the same in all cells as in a query, and a random
    fraction of each count, 0.05 to 1. Values are thinned only if they are counts, or counts scaled by cell.

    Parameters
    ----------
    cells
        Cells of one modality.
    seed
        Seed of the draws.
    scaled
        Whether cells are scaled to a target sum, so that size factors grow as counts are lost.
    """
    rng = np.random.default_rng(seed)
    cells = _draw_cells(cells, rng)
    yield cells
    unit = count_units(cells.raw)
    are_counts = _are_counts(cells.raw, unit)
    for _ in range(N_DRAWS):
        share, depth = rng.uniform(MIN_FEATURE_FRACTION, 1), np.exp(rng.uniform(np.log(MIN_DEPTH_FRACTION), 0))
        thinned = _reduce_depth(cells, unit, depth, rng, scaled=scaled) if are_counts else cells
        yield _drop_features(thinned, share, rng)


def stress_cells(cells: Cells, seed: int, *, scaled: bool = True) -> Iterator[tuple[StressLevel, Cells]]:
    """Yield at most 2,000 cells at each level: as measured, with fewer counts, and with fewer features.

    Parameters
    ----------
    cells
        Cells of one modality. Their depth is left alone unless values are counts, or counts scaled by cell.
    seed
        Seed of the draws.
    scaled
        Whether cells are scaled to a target sum, so that size factors grow as counts are lost.
    """
    rng = np.random.default_rng(seed)
    cells = _draw_cells(cells, rng)
    unit = count_units(cells.raw)
    are_counts = _are_counts(cells.raw, unit)
    yield StressLevel("features", 1.0), cells
    for depth in DEPTH_LEVELS if are_counts else ():
        yield StressLevel("depth", depth), _reduce_depth(cells, unit, depth, rng, scaled=scaled)
    for share in FEATURE_LEVELS:
        yield StressLevel("features", share), _drop_features(cells, share, rng)


def _draw_cells(cells: Cells, rng: np.random.Generator) -> Cells:
    """Return the cells; of more than 2,000 that many are drawn."""
    if len(cells) <= MAX_CELLS:
        return cells
    return cells.subset(np.sort(rng.choice(len(cells), MAX_CELLS, replace=False)))


def _reduce_depth(
    cells: Cells, unit: NDArray[np.float32], depth: float, rng: np.random.Generator, *, scaled: bool
) -> Cells:
    thinned = thin_counts(cells.raw, unit, np.full(len(cells), depth), rng)
    size_factor = (cells.size_factor / depth).astype(np.float32) if scaled else cells.size_factor
    return replace(cells, raw=thinned, size_factor=size_factor)


def _drop_features(cells: Cells, share: float, rng: np.random.Generator) -> Cells:
    raw = np.array(dense(cells.raw), np.float32)
    raw[:, rng.random(raw.shape[1]) >= share] = np.nan
    return replace(cells, raw=raw)


def count_units(raw: Matrix) -> NDArray[np.float32]:
    """Return the smallest positive value of each cell, which is one count if values are counts, shape ``(n_cells, 1)``.

    A cell without any value gets 1.
    """
    if is_sparse(raw):
        unit = np.ones(raw.shape[0], np.float32)
        filled = np.diff(raw.indptr) > 0
        if filled.any():
            unit[filled] = np.minimum.reduceat(raw.data, raw.indptr[:-1][filled])
        return unit[:, None]
    unit = np.where(raw > 0, raw, np.inf).min(axis=1, keepdims=True)
    return np.where(np.isfinite(unit), unit, 1.0).astype(np.float32)


def thin_counts(raw: Matrix, unit: NDArray[np.float32], depth: NDArray[np.float64], rng: np.random.Generator) -> Matrix:
    """Keep each count with a probability, as if a cell had been sequenced less deeply.

    Parameters
    ----------
    raw
        Values of the cells, shape ``(n, n_features)``: CSR, or ndarray with NaN for missing values, which stay NaN.
    unit
        Value of one count in each cell, shape ``(n, 1)``; values are rounded to whole counts.
    depth
        Probability for each cell, shape ``(n,)``.
    rng
        Source of randomness.
    """
    if is_sparse(raw):
        fewer = raw.copy()
        by_value = np.repeat(np.arange(raw.shape[0]), np.diff(raw.indptr))
        fewer.data = _thinned_values(raw.data, unit[by_value, 0], depth[by_value], rng)
        fewer.eliminate_zeros()
        return fewer
    thinned = raw.flatten()
    positive = np.flatnonzero(thinned > 0)
    rows = positive // raw.shape[1]
    thinned[positive] = _thinned_values(thinned[positive], unit[rows, 0], depth[rows], rng)
    return thinned.reshape(raw.shape)


def _thinned_values(
    values: NDArray[np.float32], unit: NDArray[np.float32], depth: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    counts = np.rint(values / unit).astype(np.int64)
    kept = (rng.random(len(counts), np.float32) < depth).astype(np.int64)  # of one count, as most values are
    several = np.flatnonzero(counts > 1)
    kept[several] = rng.binomial(counts[several], depth[several])
    return (kept * unit).astype(np.float32)


def _are_counts(raw: Matrix, unit: NDArray[np.float32]) -> bool:
    """Return whether nearly all values are whole multiples of their cell's unit."""
    values = scipy.sparse.csr_matrix(raw if is_sparse(raw) else np.nan_to_num(raw))
    if (values.data < 0).any():
        return False
    counts = values.data / np.repeat(unit[:, 0], np.diff(values.indptr))
    return bool(np.mean(np.abs(counts - np.rint(counts)) < MAX_ROUNDING_ERROR) > MIN_COUNT_FRACTION)
