"""Tables of the modalities of a query that several encoders label together, in memory or in a file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.errors import QueryError
from smile_runtime.features import stated_kinds, words_of_kind
from smile_runtime.io import counted
from smile_runtime.projection.encoder_query import kinds_of_encoders
from smile_runtime.query import FileQuery, find_table
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd

_ALL = slice(None)


def find_tables(space: Space, tables: Sequence[str]) -> dict[str, str]:
    """Return the table of each modality of a space that an h5mu file or a MuData has."""
    found = {}
    for modality, kind in kinds_of_encoders(space).items():
        table = find_table(tables, modality, words_of_kind(kind))
        if table is not None:
            found[modality] = table
    repeated = {table for table, n in Counter(found.values()).items() if n > 1}
    return {modality: table for modality, table in found.items() if table not in repeated}


def find_modalities(space: Space, var: "pd.DataFrame") -> list[str]:
    """Return the modalities of a space whose kind of features ``var`` states, if no other has that kind."""
    stated, kinds = stated_kinds(var), kinds_of_encoders(space)
    numbers = Counter(kinds.values())
    return [modality for modality, kind in kinds.items() if kind in stated and numbers[kind] == 1]


def require_tables_of(modalities: Sequence[str], tables: Mapping[str, str], known: Sequence[str], query: str) -> None:
    """Raise QueryError unless each modality has a table; ``known`` are the names of all tables of the query."""
    if missing := [modality for modality in modalities if modality not in tables]:
        raise QueryError(
            f"{query} has no table {missing[0]!r}; it has: {', '.join(known)}. Name the modalities that it has",
            options={"modality": None},
        )


def rows_of_cells(names: ArrayLike, table: ArrayLike, modality: str) -> NDArray[np.intp]:
    """Return the row of each cell in the table of a modality, -1 for none, shape ``(n,)``.

    Parameters
    ----------
    names
        Names of all cells, shape ``(n,)``.
    table
        Names of the cells in the table, unique, shape ``(m,)``.
    modality
        Modality, which errors name.

    Raises
    ------
    QueryError
        If a name is repeated, or a cell of the table is not among all cells.
    """
    import pandas as pd

    everything, own = pd.Index(np.asarray(names, object)), pd.Index(np.asarray(table, object))
    for index in (everything, own):
        if not index.is_unique:
            raise QueryError(
                f"several cells are named {index[index.duplicated()][0]!r}, so those of {modality} cannot be joined to "
                "others; make the names unique, or choose one modality",
                options={"modality": None},
            )
    if len(missing := own.difference(everything)):
        raise QueryError(
            f"the whole file lacks {counted(len(missing), 'cell')} of {modality}, such as {missing[0]!r}; "
            "update it with mudata's update(), or choose one modality",
            options={"modality": None},
        )
    rows: NDArray[np.intp] = own.get_indexer(everything)
    return rows


def joined_column(columns: "Sequence[pd.Series[Any]]", names: ArrayLike) -> "pd.Series[Any]":
    """Return a column of several tables, indexed by cell, for all cells; the first table that has a value counts."""
    joined, *others = (each.astype(object) if each.dtype == "category" else each for each in columns)
    for other in others:
        joined = joined.combine_first(other)
    return joined.reindex(np.asarray(names, object))


@dataclass(frozen=True, eq=False)
class JointFileQuery(FileQuery):
    """Query file whose cells are those of all modalities; columns of ``obs`` may be in the table of one of them.

    Attributes
    ----------
    modalities
        Modalities that label the cells together.
    tables
        Name of the table of each in an h5mu file; empty if all are columns of one table.
    """

    modalities: Sequence[str]
    tables: Mapping[str, str]

    @classmethod
    def of(cls, query: FileQuery, modalities: Sequence[str], tables: Mapping[str, str]) -> "JointFileQuery":
        """Return a query with its modalities, and the names of their tables."""
        chosen = {modality: tables[modality] for modality in modalities if modality in tables}
        return cls(query.path, query.source, query.kind, query.root, query.table, query.scratch, modalities, chosen)

    def part(self, modality: str) -> FileQuery:
        """Return the cells of the table of one modality."""
        table = f"mod/{self.tables[modality]}"
        return FileQuery(self.path, self.source, self.kind, self.root, table, self.scratch)

    def obs(self, column: str) -> "pd.Series[Any]":
        """Return a column of ``obs``, or of the tables that have it, for each cell the first with a value."""
        parts = [part for part in map(self.part, self.tables) if part.has_field("obs", column)]
        if self.has_field("obs", column) or not parts:
            return super().obs(column)
        columns = [part.obs(column).set_axis(part.obs_names(_ALL)) for part in parts]
        return joined_column(columns, self.obs_names(_ALL))

    def rows(self, modality: str) -> NDArray[np.intp]:
        """Return the row of each cell in the table of a modality, -1 for none, shape ``(n,)``."""
        if not self.tables:
            return np.arange(self.n_obs)
        return rows_of_cells(self.obs_names(_ALL), self.part(modality).obs_names(_ALL), modality)
