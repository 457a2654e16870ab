"""Peaks by chromosome, in which cut sites are found."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.features import parse_interval


@dataclass(frozen=True, eq=False)
class ChromosomePeaks:
    """Peaks of one chromosome by ascending start, shape ``(n_peaks,)`` each.

    Attributes
    ----------
    index
        Index of the peak among all peaks.
    start, end
        Half-open interval of the peak in bases.
    n_before
        Most peaks before another that reach its start; 0 unless peaks overlap.
    """

    index: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    n_before: int

    @classmethod
    def of(cls, peaks: list[tuple[int, int, int]]) -> "ChromosomePeaks":
        """Return peaks given as start, end and index."""
        start, end, index = np.array(sorted(peaks), np.int64).T
        reaching = np.searchsorted(np.maximum.accumulate(end), start, side="right")
        return cls(index, start, end, int((np.arange(len(start)) - reaching).max()))

    def find(self, sites: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the sites that lie in a peak, and the index of the peak; a site once for each peak that it lies in.

        Parameters
        ----------
        sites
            Positions in bases, shape ``(n_sites,)``.

        Returns
        -------
            Indices into ``sites`` and into all peaks, shape ``(n_hits,)`` each.
        """
        last = np.searchsorted(self.start, sites, side="right") - 1
        found = []
        for back in range(self.n_before + 1):
            peak = last - back
            inside = np.flatnonzero((peak >= 0) & (sites < self.end[np.maximum(peak, 0)]))
            found.append((inside, self.index[peak[inside]]))
        hits, peaks = zip(*found, strict=True)
        return np.concatenate(hits), np.concatenate(peaks)


def peaks_by_chromosome(names: Collection[str]) -> dict[str, ChromosomePeaks]:
    """Return the peaks of each chromosome; names that are no intervals are ignored.

    Chromosomes are named as `parse_interval` does.
    """
    peaks: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for index, name in enumerate(names):
        if (interval := parse_interval(name)) is not None:
            peaks[interval.chrom].append((interval.start, interval.end, index))
    return {chrom: ChromosomePeaks.of(each) for chrom, each in peaks.items()}


def chromosome_name(name: str) -> str:
    """Return a chromosome's name as `parse_interval` spells it."""
    interval = parse_interval(f"{name}:0-1")
    return name if interval is None else interval.chrom
