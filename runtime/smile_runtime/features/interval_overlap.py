"""Match peaks and bins by overlap of their coordinates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smile_runtime.features.intervals import parse_interval

_CHROMOSOME_SPACING = 2**40  # bases between chromosomes laid end to end; longer than any chromosome


def find_largest_overlap(names: Sequence[str], targets: Sequence[str]) -> NDArray[np.intp]:
    """Return the index of the target that each interval overlaps most, shape ``(n_names,)``; -1 without overlap.

    Ties go to the first target.
    """
    offsets: dict[str, int] = {}
    target, start, end = _linear_coordinates(targets, offsets, add_chromosomes=True)
    order = np.lexsort((end, start))
    target, start, end = target[order], start[order], end[order]
    name, low, high = _linear_coordinates(names, offsets, add_chromosomes=False)
    # Targets from `first` on, `n_near` of them, start before the interval ends; no target before `first` reaches it.
    first = np.searchsorted(np.maximum.accumulate(end), low, side="right")
    n_near = np.maximum(np.searchsorted(start, high, side="left") - first, 0)
    pair = np.repeat(np.arange(len(name)), n_near)
    near = np.arange(len(pair)) - np.repeat(np.cumsum(n_near) - n_near - first, n_near)
    overlap = np.minimum(end[near], high[pair]) - np.maximum(start[near], low[pair])
    best = np.full(len(names), -1, np.intp)
    ascending = np.lexsort((-target[near], overlap))
    ascending = ascending[overlap[ascending] > 0]
    best[name[pair[ascending]]] = target[near[ascending]]  # later writes win, so the largest overlap stays
    return best


def _linear_coordinates(
    names: Sequence[str], offsets: dict[str, int], *, add_chromosomes: bool
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Return indices, starts and ends of intervals, in bases on one axis of all chromosomes, shape ``(n,)`` each."""
    rows = []
    for index, name in enumerate(names):
        interval = parse_interval(name)
        if interval is None or not (add_chromosomes or interval.chrom in offsets):
            continue
        offset = offsets.setdefault(interval.chrom, len(offsets) * _CHROMOSOME_SPACING)
        rows.append((index, offset + interval.start, offset + interval.end))
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return columns[0].astype(np.intp), columns[1], columns[2]
