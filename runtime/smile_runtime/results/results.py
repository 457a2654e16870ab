"""Results of a projection: one record per cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import LabelSets, Records
from smile_runtime.query import ValueInterpretation
from smile_runtime.results.cluster_labels import ClusterLabel


class Results(Protocol):
    """Records of the cells of a query, in order."""

    interpretation: ValueInterpretation
    """Interpretation of the query's values."""

    def __len__(self) -> int:
        """Return the number of cells."""

    def append(self, records: Records) -> None:
        """Append the records of the next cells."""

    def restart(self, interpretation: ValueInterpretation) -> None:
        """Discard all records and start again with another interpretation of the values."""

    def blocks(self) -> Iterator[Records]:
        """Yield all records in blocks."""

    def take(self, rows: NDArray[np.intp]) -> Records:
        """Return the records of some cells, given by their rows."""


class MemoryResults:
    """Records in memory, with a first interpretation of the query's values."""

    def __init__(self, interpretation: ValueInterpretation) -> None:
        self.restart(interpretation)

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def append(self, records: Records) -> None:
        """Append the records of the next cells."""
        self._blocks.append(records)

    def restart(self, interpretation: ValueInterpretation) -> None:
        """Discard all records and start again with another interpretation of the values."""
        self.interpretation = interpretation
        self._blocks: list[Records] = []

    def blocks(self) -> Iterator[Records]:
        """Yield all records in blocks."""
        yield from self._blocks

    def take(self, rows: NDArray[np.intp]) -> Records:
        """Return the records of some cells, given by their rows."""
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        records: Records = self._blocks[0][rows]
        return records


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection:
    """A completed projection."""

    results: Results
    """Records of all cells."""
    columns: Sequence[LabelColumn]
    """Label columns in the order of the records, the primary one first."""
    has_similarity: bool
    """Whether the space measures similarity."""
    provenance: dict[str, Any]
    """Space, versions, features, kind of values and provider, as ``uns`` stores them."""
    probabilities: bool = False
    """Whether the probabilities of all primary labels are written."""
    sets: LabelSets | None = None
    """Rule for the sets of labels; None to write none."""
    clusters: Sequence[ClusterLabel] | None = None
    """Labels of the clusters; None to write none."""
    ontology: Mapping[str, str] = field(default_factory=dict)
    """Term of the Cell Ontology for each label that has one."""
    modalities: Sequence[str] = ()
    """Modalities that label cells together, in the order of the records' field ``used``; empty for one modality."""

    @property
    def column_names(self) -> list[str]:
        """Names of the label columns."""
        return [column.name for column in self.columns]
