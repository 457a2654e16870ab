"""Running counts of a projection, in memory that does not grow with the number of cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import UNKNOWN


@dataclass(frozen=True)
class LabelCount:
    """One label among the query cells: how many, their share, and their mean confidence."""

    label: str
    n_cells: int
    fraction: float
    mean_confidence: float


@dataclass(frozen=True)
class BatchCount:
    """One batch of the query: its cells, their labels, what is unknown among them, how usual they are.

    A figure that the space does not give is None.
    """

    batch: str
    n_cells: int
    fraction_unknown: float | None
    mean_confidence: float | None
    mean_similarity: float | None
    labels: dict[str, int]


class LabelCounts:
    """Counts of one label column, by the batches of one batch column, to which cells are added chunk by chunk.

    Parameters
    ----------
    labels
        Names of the labels; empty for a reference without labels.
    batches
        Names of the batches; by default all cells are one.
    """

    def __init__(self, labels: Sequence[str], batches: Sequence[str] = ("all",)) -> None:
        self._names = (*labels, UNKNOWN)  # the last one is found by the id -1
        self._batches = tuple(batches)
        shape = (len(self._batches), len(self._names))
        self._cells = np.zeros(shape, np.int64)
        self._confidence = np.zeros(shape)  # sums, as is the next
        self._similarity = np.zeros(len(self._batches))

    def add(
        self,
        label: NDArray[np.integer] | None,
        confidence: NDArray[np.float32] | None,
        similarity: NDArray[np.float32],
        *,
        batch: NDArray[np.integer] | None = None,
    ) -> None:
        """Count some more cells.

        Parameters
        ----------
        label
            Places among the labels, -1 for ``unknown``, shape ``(n,)``; None for a reference without labels.
        confidence
            0 to 1, shape ``(n,)``; None likewise.
        similarity
            0 to 1, shape ``(n,)``; NaN for a space that does not tell.
        batch
            Places among the batches, shape ``(n,)``; None: all cells are of the first.
        """
        n = len(similarity)
        where = (np.zeros(n, np.intp) if batch is None else batch, np.full(n, -1) if label is None else label)
        np.add.at(self._cells, where, 1)
        if confidence is not None:
            np.add.at(self._confidence, where, confidence)
        np.add.at(self._similarity, where[0], similarity)

    @property
    def n_cells(self) -> int:
        """Number of cells so far."""
        return int(self._cells.sum())

    @property
    def fraction_unknown(self) -> float | None:
        """Share of the cells that are ``unknown``; None without labels, or without cells."""
        return self._fraction_unknown(self._cells.sum(axis=0))

    def labels(self) -> list[LabelCount]:
        """Return the labels that cells have, the most frequent first; empty for a reference without labels."""
        if not self._has_labels:
            return []
        cells, confidence = self._cells.sum(axis=0), self._confidence.sum(axis=0)
        rows = [
            LabelCount(name, int(n), float(n / self.n_cells), float(total / n))
            for name, n, total in zip(self._names, cells, confidence, strict=True)
            if n
        ]
        return sorted(rows, key=lambda row: (-row.n_cells, row.label))

    def batches(self) -> list[BatchCount]:
        """Return the batches that cells are of, in the order of their names as given."""
        return [self._batch(place) for place in np.flatnonzero(self._cells.sum(axis=1)).tolist()]

    @property
    def _has_labels(self) -> bool:
        return len(self._names) > 1

    def _batch(self, place: int) -> BatchCount:
        cells = self._cells[place]
        similarity = self._similarity[place] / cells.sum()
        return BatchCount(
            batch=self._batches[place],
            n_cells=int(cells.sum()),
            fraction_unknown=self._fraction_unknown(cells),
            mean_confidence=float(self._confidence[place].sum() / cells.sum()) if self._has_labels else None,
            mean_similarity=None if np.isnan(similarity) else float(similarity),
            labels={name: int(n) for name, n in zip(self._names, cells, strict=True) if n} if self._has_labels else {},
        )

    def _fraction_unknown(self, cells: NDArray[np.int64]) -> float | None:
        return float(cells[-1] / cells.sum()) if self._has_labels and cells.sum() else None
