"""The cells that a report shows: all of a query, or a sample of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.similarity import UNKNOWN

MOST_SHOWN = 50_000
"""Cells that a report draws; of more, a sample (`ShownCells.sample`)."""


@dataclass(frozen=True, eq=False)
class Categories:
    """What each cell is, out of a few names.

    Attributes
    ----------
    names
        The names, in an order that does not depend on the cells: colours go by it.
    ids
        Places among the names, shape ``(m,)``; -1 for ``unknown``.
    """

    names: Sequence[str]
    ids: NDArray[np.integer]

    def present(self) -> list[int]:
        """Return the places that occur, in the order of the names; ``unknown`` is the last."""
        places = np.unique(self.ids).tolist()
        return [place for place in places if place >= 0] + [place for place in places if place < 0]

    def of(self, rows: NDArray[np.intp]) -> "Categories":
        """Return what some cells are."""
        return Categories(self.names, self.ids[rows])

    def name(self, place: int) -> str:
        """Return the name at a place."""
        return UNKNOWN if place < 0 else self.names[place]


@dataclass(frozen=True, eq=False)
class ShownCells:
    """Cells of a query, and what was found of them; a report draws `MOST_SHOWN` at most.

    Attributes
    ----------
    n_cells
        Cells of the whole query.
    names
        Their names, shape ``(m,)``.
    map
        Position on the reference map, shape ``(m, 2)``.
    embedding
        L2-normalised, shape ``(m, n_latent)``.
    label
        Label columns, the first one first; empty for a reference without labels.
    confidence
        Of each label column, 0 to 1, shape ``(m,)``.
    similarity
        0 to 1, shape ``(m,)``; None for a space that does not tell.
    batch
        Batch columns of the query.
    """

    n_cells: int
    names: NDArray[np.str_]
    map: NDArray[np.float32]
    embedding: NDArray[np.float32]
    label: Mapping[str, Categories]
    confidence: Mapping[str, NDArray[np.float32]]
    similarity: NDArray[np.float32] | None
    batch: Mapping[str, Categories]

    def __len__(self) -> int:
        return len(self.map)

    @property
    def counted(self) -> str:
        """How many cells are shown, and of how many."""
        if len(self) == self.n_cells:
            return f"{self.n_cells:,} query cells"
        return f"{len(self):,} of {self.n_cells:,} query cells"

    def sample(self, *, seed: int = 0) -> "ShownCells":
        """Return these cells, or `MOST_SHOWN` of them in their order."""
        if len(self) <= MOST_SHOWN:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self), MOST_SHOWN, replace=False))
        return ShownCells(
            n_cells=self.n_cells,
            names=self.names[rows],
            map=self.map[rows],
            embedding=self.embedding[rows],
            label={name: column.of(rows) for name, column in self.label.items()},
            confidence={name: values[rows] for name, values in self.confidence.items()},
            similarity=None if self.similarity is None else self.similarity[rows],
            batch={name: column.of(rows) for name, column in self.batch.items()},
        )
