"""Labels of the clusters of a query, from the mean of their cells' probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn, coarser_columns
from smile_runtime.mapping import UNKNOWN, Records
from smile_runtime.results.batches import Batches

MIXED = "mixed"
"""Label of a cluster in which no label of any level is clearly the most probable one."""
MIN_ODDS = 2.0
"""Least ratio of a cluster's most probable label to the next one."""
N_NEAREST = 3
_MOST = 0.5  # of the cells


@dataclass(frozen=True, kw_only=True)
class ClusterLabel:
    """Label of one cluster.

    Attributes
    ----------
    cluster
        Name of the cluster.
    n_cells
        Number of cells.
    label
        Most probable label if it is at least twice as probable as the next one, otherwise that of the finest coarser
        level of which this is so, or ``mixed``; ``unknown`` if more than half of the cells are.
    column
        Label column of the label; empty for ``mixed`` and ``unknown``.
    confidence
        Mean probability of the label; None for ``mixed`` and ``unknown``, in which it would be none.
    fraction_other
        Share of cells with another label than the cluster, unknown cells among them; than the most probable one for
        ``mixed``. None for ``unknown``, which is no label to agree with.
    fraction_unknown
        Share of unknown cells.
    nearest
        The three most probable primary labels, with their mean probabilities.
    """

    cluster: str
    n_cells: int
    label: str
    column: str
    confidence: float | None
    fraction_other: float | None
    fraction_unknown: float
    nearest: tuple[tuple[str, float], ...]


class ClusterCounts:
    """Sums over the cells of each cluster, accumulated chunk by chunk.

    Parameters
    ----------
    clusters
        Cluster of each cell.
    columns
        Label columns, the primary one first.
    """

    def __init__(self, clusters: Batches, columns: Sequence[LabelColumn]) -> None:
        self._clusters, self._levels = clusters, [columns[0], *coarser_columns(columns[0], columns)]
        n_labels = len(columns[0].labels)
        shape = len(clusters.names) + 1  # the id -1 of cells of no cluster indexes the last row
        self._probability = np.zeros((shape, n_labels))  # sums
        self._cells = np.zeros((shape, n_labels + 1), np.int64)  # the id -1 of unknown cells indexes the last column

    def add(self, rows: slice, records: Records) -> None:
        """Add the records of a range of cells."""
        ids = self._clusters.ids[rows]
        np.add.at(self._probability, ids, records["probability"].astype(np.float64))
        np.add.at(self._cells, (ids, records["label"][:, 0]), 1)

    def labels(self) -> list[ClusterLabel]:
        """Return the label of each cluster, in the order of their names."""
        occurring = np.flatnonzero(self._cells[:-1].sum(axis=1))
        return [
            self._label(self._clusters.names[each], self._probability[each], self._cells[each]) for each in occurring
        ]

    def _label(self, name: str, total: NDArray[np.float64], cells: NDArray[np.int64]) -> ClusterLabel:
        n_cells, primary = int(cells.sum()), self._levels[0].labels
        probability = total / n_cells
        order = np.argsort(-probability, kind="stable")
        label, column, confidence = MIXED, "", None
        n_same: int | None = int(cells[order[0]])
        if cells[-1] > _MOST * n_cells:
            label, n_same = UNKNOWN, None
        elif found := self._clear_label(probability):
            level, ancestor, each = found
            label, column, confidence = level.labels[each], level.name, float(probability[ancestor == each].sum())
            n_same = int(cells[:-1][ancestor == each].sum())
        return ClusterLabel(
            cluster=name,
            n_cells=n_cells,
            label=label,
            column=column,
            confidence=confidence,
            fraction_other=None if n_same is None else 1 - n_same / n_cells,
            fraction_unknown=int(cells[-1]) / n_cells,
            nearest=tuple((primary[each], float(probability[each])) for each in order[:N_NEAREST]),
        )

    def _clear_label(self, probability: NDArray[np.float64]) -> tuple[LabelColumn, NDArray[np.int64], int] | None:
        """Return the finest level with a clear label, the ancestor of each primary label in it, and the clear one."""
        ancestor = np.arange(len(probability))
        for level in self._levels:
            sums = np.bincount(ancestor[ancestor >= 0], probability[ancestor >= 0], minlength=len(level.labels))
            others = np.append(np.delete(sums, sums.argmax()), probability[ancestor < 0])
            if sums.max() >= MIN_ODDS * others.max(initial=0.0):
                return level, ancestor, int(sums.argmax())
            ancestor = np.array([*level.parents, -1])[ancestor] if level.parents else ancestor
        return None


def cluster_columns(clusters: Sequence[ClusterLabel]) -> dict[str, NDArray[Any]]:
    """Return the labels of clusters as columns of equal length, as ``uns`` stores them, with NaN in place of None."""
    names = ("cluster", "n_cells", "label", "column", "confidence", "fraction_other", "fraction_unknown")
    columns = {name: [getattr(each, name) for each in clusters] for name in names}
    for place in range(max((len(each.nearest) for each in clusters), default=0)):
        columns[f"nearest_{place + 1}"] = [each.nearest[place][0] for each in clusters]
        columns[f"probability_{place + 1}"] = [each.nearest[place][1] for each in clusters]
    texts, optional = {"cluster", "label", "column"}, {"confidence", "fraction_other"}
    return {
        name: np.array(
            values, object if name in texts or name.startswith("nearest") else float if name in optional else None
        )
        for name, values in columns.items()
    }
