"""Sizes and most frequent sets of labels, in memory that grows with the number of different sets alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import set_names

N_FREQUENT = 10


@dataclass(frozen=True, kw_only=True)
class SetSizes:
    """Sets of labels of the cells that are not unknown.

    Attributes
    ----------
    coverage
        Fraction of cells of known types whose set holds their own label.
    n_cells
        Number of cells with a set.
    mean_size
        Mean number of labels in a set; None without cells.
    fraction_single
        Fraction of sets with a single label; None without cells.
    frequent
        Number of cells for each of the ten most frequent sets of several labels, the most frequent first.
    """

    coverage: float
    n_cells: int
    mean_size: float | None
    fraction_single: float | None
    frequent: dict[str, int]


class SetCounts:
    """Counts of cells by set, accumulated chunk by chunk.

    Parameters
    ----------
    labels
        Names of the labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._n_cells: Counter[bytes] = Counter()

    def add(self, members: NDArray[np.bool_]) -> None:
        """Add cells by the labels in their sets, shape ``(n, n_labels)``; those of unknown cells are empty."""
        sets, n_cells = np.unique(np.packbits(members[members.any(axis=1)], axis=1), axis=0, return_counts=True)
        for each, n in zip(sets, n_cells.tolist(), strict=True):
            self._n_cells[each.tobytes()] += n

    def sizes(self, coverage: float) -> SetSizes:
        """Return the sizes and the most frequent sets of all cells that were added."""
        packed = np.array([np.frombuffer(each, np.uint8) for each in self._n_cells]).reshape(len(self._n_cells), -1)
        members = np.unpackbits(packed, axis=1, count=len(self._labels)).astype(bool)
        n_cells, size = np.array([*self._n_cells.values()], np.int64), members.sum(axis=1)
        total = int(n_cells.sum())
        several = np.flatnonzero(size > 1)
        frequent = several[np.argsort(-n_cells[several], kind="stable")][:N_FREQUENT]
        names: list[str] = set_names(members[frequent], self._labels).tolist() if len(frequent) else []
        return SetSizes(
            coverage=coverage,
            n_cells=total,
            mean_size=float(size @ n_cells / total) if total else None,
            fraction_single=float(n_cells[size == 1].sum() / total) if total else None,
            frequent=dict(zip(names, n_cells[frequent].tolist(), strict=True)),
        )
