"""What a projection finds of each cell: one record a cell, as it lies in memory and in a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Records
from smile_runtime.query import ValueInterpretation


class Results(Protocol):
    """Records of all cells of a query, in their order."""

    reading: ValueInterpretation
    """What the values of the query are taken for."""

    def __len__(self) -> int:
        """Return the number of cells."""

    def append(self, records: Records) -> None:
        """Add the records of the next cells."""

    def begin(self, reading: ValueInterpretation) -> None:
        """Forget all records, for the values are something else."""

    def blocks(self) -> Iterator[Records]:
        """Yield all records, some at a time."""


class MemoryResults:
    """Records in memory.

    Parameters
    ----------
    reading
        What the values of the query are taken for at first.
    """

    def __init__(self, reading: ValueInterpretation) -> None:
        self.begin(reading)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def append(self, records: Records) -> None:
        """Add the records of the next cells."""
        self._parts.append(records)

    def begin(self, reading: ValueInterpretation) -> None:
        """Forget all records, for the values are something else."""
        self.reading = reading
        self._parts: list[Records] = []

    def blocks(self) -> Iterator[Records]:
        """Yield all records, some at a time."""
        yield from self._parts


@dataclass(frozen=True, eq=False)
class Projection:
    """Query cells in a space.

    Attributes
    ----------
    results
        What was found of each cell.
    columns
        The label columns, in the order of the records, the primary one first.
    tells_similarity
        Whether the space tells similarities.
    provenance
        What made it: space, versions, features, values, provider.
    """

    results: Results
    columns: Sequence[LabelColumn]
    tells_similarity: bool
    provenance: dict[str, Any]

    @property
    def column_names(self) -> list[str]:
        """Names of the label columns."""
        return [column.name for column in self.columns]
