"""Counts of labels and batches, accumulated in memory that does not grow with the number of cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import UNKNOWN


@dataclass(frozen=True)
class LabelCount:
    """One label of a query: its number of cells, their share of all cells, and their mean confidence.

    The confidence is None for ``unknown``: it is that in the nearest label, and none in ``unknown``.
    """

    label: str
    n_cells: int
    fraction: float
    mean_confidence: float | None


@dataclass(frozen=True)
class BatchCount:
    """One batch of a query: its number of cells, share of unknown cells, mean confidence, mean similarity and labels.

    A value that the space does not provide is None.
    """

    batch: str
    n_cells: int
    fraction_unknown: float | None
    mean_confidence: float | None
    mean_similarity: float | None
    labels: dict[str, int]


class LabelCounts:
    """Counts of one label column within each batch of one batch column, accumulated chunk by chunk.

    Parameters
    ----------
    labels
        Label names; empty if the reference has no labels.
    batches
        Batch names; by default one batch holds all cells.
    """

    def __init__(self, labels: Sequence[str], batches: Sequence[str] = ("all",)) -> None:
        self._names = (*labels, UNKNOWN)  # the id -1 of unknown cells indexes the last one
        self._batches = tuple(batches)
        shape = (len(self._batches) + 1, len(self._names))  # the id -1 of cells of no batch indexes the last row
        self._cells = np.zeros(shape, np.int64)
        self._confidence = np.zeros(shape)  # sums, like the similarity below
        self._similarity = np.zeros(len(self._batches) + 1)

    def add(
        self,
        label: NDArray[np.integer] | None,
        confidence: NDArray[np.float32] | None,
        similarity: NDArray[np.float32],
        *,
        batch: NDArray[np.integer] | None = None,
    ) -> None:
        """Add cells to the counts.

        Parameters
        ----------
        label
            Label ids, -1 for ``unknown``, shape ``(n,)``; None if the reference has no labels.
        confidence
            Confidence, 0 to 1, shape ``(n,)``; None if the reference has no labels.
        similarity
            Similarity, 0 to 1, shape ``(n,)``; NaN if the space does not measure it.
        batch
            Batch ids, -1 for cells of no batch, shape ``(n,)``; None if all cells belong to the first batch.
        """
        n = len(similarity)
        index = (np.zeros(n, np.intp) if batch is None else batch, np.full(n, -1) if label is None else label)
        np.add.at(self._cells, index, 1)
        if confidence is not None:
            np.add.at(self._confidence, index, confidence)
        np.add.at(self._similarity, index[0], similarity)

    @property
    def n_cells(self) -> int:
        """Number of cells counted."""
        return int(self._cells.sum())

    @property
    def fraction_unknown(self) -> float | None:
        """Share of cells that are ``unknown``; None if no cell can be: without labels, similarity or cells."""
        return self._fraction_unknown(self._cells.sum(axis=0), float(self._similarity.sum()))

    def labels(self) -> list[LabelCount]:
        """Return the labels that occur, most frequent first; empty if the reference has no labels."""
        if not self._has_labels:
            return []
        cells, confidence = self._cells.sum(axis=0), self._confidence.sum(axis=0)
        rows = [
            LabelCount(name, int(n), float(n / self.n_cells), None if name == UNKNOWN else float(total / n))
            for name, n, total in zip(self._names, cells, confidence, strict=True)
            if n
        ]
        return sorted(rows, key=lambda row: (-row.n_cells, row.label))

    def batches(self) -> list[BatchCount]:
        """Return the batches that have cells, in the order of the batch names."""
        return [self._batch(batch) for batch in np.flatnonzero(self._cells[:-1].sum(axis=1)).tolist()]

    @property
    def _has_labels(self) -> bool:
        return len(self._names) > 1

    def _batch(self, batch: int) -> BatchCount:
        cells = self._cells[batch]
        similarity = self._similarity[batch] / cells.sum()
        return BatchCount(
            batch=self._batches[batch],
            n_cells=int(cells.sum()),
            fraction_unknown=self._fraction_unknown(cells, float(similarity)),
            mean_confidence=float(self._confidence[batch].sum() / cells.sum()) if self._has_labels else None,
            mean_similarity=None if np.isnan(similarity) else float(similarity),
            labels={name: int(n) for name, n in zip(self._names, cells, strict=True) if n} if self._has_labels else {},
        )

    def _fraction_unknown(self, cells: NDArray[np.int64], similarity: float) -> float | None:
        possible = self._has_labels and not np.isnan(similarity) and cells.sum()
        return float(cells[-1] / cells.sum()) if possible else None
