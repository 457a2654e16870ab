"""Genomic intervals in the spellings of different tools, found again by coordinates or by overlap."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"(\d{1,10}|\d{1,3}(?:,\d{3}){1,2}|\d(?:,\d{3}){3})"  # with commas, no more digits either
_INTERVAL = re.compile(rf"(?:chr)?(.+?)[:_-]{_NUMBER}[_-]{_NUMBER}", re.IGNORECASE)
_MOST = 0.9
_LOOKED = 1000
_APART = 2**40  # between chromosomes laid end to end; longer than any


class Interval(NamedTuple):
    """Part of a chromosome, which is written without ``chr``, in upper case, the mitochondrion as ``MT``."""

    chrom: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start}-{self.end}"


def parse_interval(name: str) -> Interval | None:
    """Read ``chr1:1000-2000``, ``chr1_1000_2000``, ``1-1000-2000``, ``1:1,000-2,000``, ...; None for anything else."""
    found = _INTERVAL.fullmatch(name)
    if found is None:
        return None
    chrom, (start, end) = found[1].upper(), (int(number.replace(",", "")) for number in found.groups()[1:])
    return Interval("MT" if chrom == "M" else chrom, start, end) if start < end else None


def respelled(name: str) -> str:
    """Return an interval in one spelling, ``1:100-200``; any other name as it is."""
    interval = parse_interval(name)
    return name if interval is None else str(interval)


def are_intervals(names: Sequence[str]) -> bool:
    """Say whether names are intervals, but for a few, from a thousand of them."""
    looked = names[:: max(1, len(names) // _LOOKED)]
    return sum(parse_interval(name) is not None for name in looked) > _MOST * len(looked)


def most_overlapping(names: Sequence[str], targets: Sequence[str]) -> NDArray[np.intp]:
    """Return which target each interval overlaps most, shape ``(n_names,)``; -1 where none; the first among equals."""
    chroms: dict[str, int] = {}
    target, start, end = _line_up(targets, chroms, grow=True)
    order = np.lexsort((end, start))
    target, start, end = target[order], start[order], end[order]
    name, low, high = _line_up(names, chroms, grow=False)
    # those from `first` to `last` begin before the interval ends; none before `first` reaches it
    first = np.searchsorted(np.maximum.accumulate(end), low, side="right")
    n_near = np.maximum(np.searchsorted(start, high, side="left") - first, 0)
    pair = np.repeat(np.arange(len(name)), n_near)
    near = np.arange(len(pair)) - np.repeat(np.cumsum(n_near) - n_near - first, n_near)
    overlap = np.minimum(end[near], high[pair]) - np.maximum(start[near], low[pair])
    best = np.full(len(names), -1, np.intp)
    ascending = np.lexsort((-target[near], overlap))
    ascending = ascending[overlap[ascending] > 0]
    best[name[pair[ascending]]] = target[near[ascending]]  # the last one written stays: the largest overlap
    return best


def _line_up(
    names: Sequence[str], chroms: dict[str, int], *, grow: bool
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Return which names are intervals of known chromosomes, and their start and end on one line."""
    rows = []
    for index, name in enumerate(names):
        interval = parse_interval(name)
        if interval is None or not (grow or interval.chrom in chroms):
            continue
        offset = chroms.setdefault(interval.chrom, len(chroms)) * _APART
        rows.append((index, offset + interval.start, offset + interval.end))
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return columns[0].astype(np.intp), columns[1], columns[2]
