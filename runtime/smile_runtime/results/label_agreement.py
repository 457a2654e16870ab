"""Agreement of transferred labels with known ones, in memory that does not grow with the number of cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import UNKNOWN
from smile_runtime.results.batches import Batches

_MAX_NAMED = 60


@dataclass(frozen=True)
class LabelAccuracy:
    """Cells with one known label: their number, how many were labeled right, and their share with a 95% interval.

    The interval is that of Wilson (1927).
    """

    label: str
    n_cells: int
    n_right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class LabelAgreement:
    """Agreement of transferred labels with known ones; unknown cells count as wrong.

    Attributes
    ----------
    column
        Label column of the space that the known labels were compared with.
    overall
        Accuracy over all cells with a known label of the space; its label is ``all``.
    macro_f1
        F1 averaged over the known labels of the space, each with the same say.
    labels
        Accuracy by known label of the space, in its order.
    confusion
        Number of cells by known label of the space and transferred label.
    lacking
        Number of cells by known label that the space lacks and transferred label; these count for no other figure.
    n_without
        Number of cells without a known label.
    """

    column: str
    overall: LabelAccuracy
    macro_f1: float
    labels: list[LabelAccuracy]
    confusion: dict[str, dict[str, int]]
    lacking: dict[str, dict[str, int]]
    n_without: int


class AgreementCounts:
    """Counts of cells by known and transferred label, accumulated chunk by chunk.

    Parameters
    ----------
    names
        Known labels of the query.
    ids
        Index of each cell's known label in the names, -1 for none, shape ``(n,)``.
    columns
        Label columns of the space. The known labels are compared with the one that has those of most cells.

    Raises
    ------
    QueryError
        If the space has none of the labels.
    """

    def __init__(self, names: Sequence[str], ids: NDArray[np.integer], columns: Sequence[LabelColumn]) -> None:
        n_cells = np.bincount(ids[ids >= 0], minlength=len(names))
        shared = [int(n_cells[[name in column.labels for name in names]].sum()) for column in columns]
        if not any(shared):
            raise QueryError(
                f"the space has none of the known labels ({_listed(names)}); its labels are "
                f"{_listed(columns[0].labels) if columns else 'none'}: rename the known labels to those of the space",
                options={"truth": None},
            )
        self.index = int(np.argmax(shared))
        """Index of the label column."""
        self._column, self._names, self._ids = columns[self.index], list(names), ids
        self._counts = np.zeros((len(names) + 1, len(self._column.labels) + 1), np.int64)  # the last ones are for -1

    def add(self, rows: slice, label: NDArray[np.integer]) -> None:
        """Add a range of cells, with their label ids in the column, -1 for unknown, shape ``(n,)``."""
        np.add.at(self._counts, (self._ids[rows], label), 1)

    def outcome(self, rows: slice, label: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which cells of a range have a known label of the space and which are right, two of shape ``(n,)``."""
        labels = self._column.labels
        place = np.array([*(labels.index(name) if name in labels else -1 for name in self._names), -1])
        known = place[self._ids[rows]]
        return known >= 0, (known >= 0) & (known == label)

    def known_labels(self, cells: NDArray[np.intp]) -> Batches:
        """Return the known labels of some cells, by their indices, shape ``(n,)``."""
        return Batches(tuple(self._names), self._ids[cells])

    def result(self) -> LabelAgreement:
        """Return the agreement of all cells that were added."""
        labels = self._column.labels
        known = [name for name in labels if name in self._names]
        own, place = [self._names.index(name) for name in known], [labels.index(name) for name in known]
        n_cells = self._counts[own].sum(axis=1)
        right, labeled = self._counts[own, place], self._counts[own].sum(axis=0)[place]
        occurring = np.flatnonzero(n_cells)
        f1 = 2 * right[occurring] / (n_cells + labeled)[occurring]
        return LabelAgreement(
            column=self._column.name,
            overall=_accuracy("all", int(n_cells.sum()), int(right.sum())),
            macro_f1=float(f1.mean()) if len(f1) else 0.0,
            labels=[_accuracy(known[each], int(n_cells[each]), int(right[each])) for each in occurring],
            confusion={known[each]: self._row(own[each]) for each in occurring},
            lacking={
                name: self._row(index)
                for index, name in enumerate(self._names)
                if name not in known and self._counts[index].any()
            },
            n_without=int(self._counts[-1].sum()),
        )

    def _row(self, index: int) -> dict[str, int]:
        names = (*self._column.labels, UNKNOWN)
        return {name: int(n) for name, n in zip(names, self._counts[index], strict=True) if n}


def compare_labels(known: ArrayLike, transferred: ArrayLike, labels: Sequence[str]) -> LabelAgreement:
    """Compare transferred labels with known ones.

    Parameters
    ----------
    known
        Known label of each cell, shape ``(n,)``; None or NaN for none.
    transferred
        Transferred label of each cell, or ``unknown``, shape ``(n,)``.
    labels
        Labels that the space has in this column.

    Raises
    ------
    QueryError
        If the space has none of the known labels.
    """
    import pandas as pd

    ids, names = pd.factorize(pd.Series(np.asarray(known, object)), sort=True)
    place = {name: index for index, name in enumerate(labels)}
    counts = AgreementCounts(list(map(str, names)), ids, [LabelColumn(name="", labels=list(labels))])
    found = np.array([place.get(str(name), -1) for name in np.asarray(transferred, object)], np.int64)
    counts.add(slice(0, len(ids)), found)
    return counts.result()


def _accuracy(label: str, n_cells: int, n_right: int) -> LabelAccuracy:
    from scipy.stats import binomtest

    interval = binomtest(n_right, n_cells).proportion_ci(method="wilson")
    return LabelAccuracy(label, n_cells, n_right, n_right / n_cells, float(interval.low), float(interval.high))


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(map(repr, names[:_MAX_NAMED])) + more
