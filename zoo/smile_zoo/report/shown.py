"""The cells that a report shows: all of a query, or a sample of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import UNKNOWN

MOST_SHOWN = 50_000
"""Cells that a report draws; of more, a sample."""


@dataclass(frozen=True, eq=False)
class Categories:
    """What each cell is, out of a few names.

    Attributes
    ----------
    names
        The names, in an order that does not depend on the cells: colors go by it.
    ids
        Places among the names, shape ``(m,)``; -1 for ``unknown``.
    """

    names: Sequence[str]
    ids: NDArray[np.integer]

    def present(self) -> list[int]:
        """Return the places that occur, in the order of the names; ``unknown`` is the last."""
        places = np.unique(self.ids).tolist()
        return [place for place in places if place >= 0] + [place for place in places if place < 0]

    def name(self, place: int) -> str:
        """Return the name at a place."""
        return UNKNOWN if place < 0 else self.names[place]


@dataclass(frozen=True, eq=False)
class ShownCells:
    """Cells of a query, at most `MOST_SHOWN`, and what was found of them.

    Attributes
    ----------
    n_cells
        Cells of the whole query.
    names
        Their names, shape ``(m,)``.
    map
        Position on the reference map, shape ``(m, 2)``.
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
