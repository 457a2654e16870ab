"""Cells that were measured in two modalities, read from one query that holds both or from two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix
from smile_runtime.errors import QueryError
from smile_runtime.explanation.feature_effects import CellValues
from smile_runtime.explanation.opened_query import cell_names, opened_query
from smile_runtime.explanation.query_labels import LabelResults
from smile_runtime.projection import (
    EncoderInput,
    PreparedProjection,
    ProjectionOptions,
    prepare,
    project_rows,
    read_prepared_input,
    rows_per_read,
)
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedCells:
    """Cells that were measured in two modalities, with their labels.

    Attributes
    ----------
    inputs
        Values of the cells by modality, the one that they were labeled by first; row i is the same cell in both.
    labels
        Label of each cell, -1 for unknown, shape ``(n,)``.
    """

    inputs: Mapping[str, EncoderInput]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, cells: NDArray[np.intp]) -> "PairedCells":
        """Return some cells, by their indices, shape ``(n_selected,)``."""
        return PairedCells(
            inputs={modality: _select(values, cells) for modality, values in self.inputs.items()},
            labels=self.labels[cells],
        )

    def with_values(self) -> "PairedCells":
        """Return the cells that have a value in both modalities; those that are all zero in one were not measured."""
        totals = np.stack([values.total for values in self.inputs.values()])  # (2, n)
        return self.select(np.flatnonzero((totals != 0).all(axis=0)))

    def values(self, modality: str, cells: slice) -> CellValues:
        """Return the arguments of `Encoder.encode` for a range of cells in one modality."""
        found = self.inputs[modality]
        raw: Matrix = found.raw[cells]
        return CellValues(raw, found.size_factor[cells], found.measured)


def read_pairs(
    queries: Mapping[str, "AnnData | Path | str"], space: Space, column: int, unknown_rate: float
) -> PairedCells:
    """Read cells that were measured in two modalities, and label them by the first one.

    Parameters
    ----------
    queries
        Query of each of two modalities; it may be the same for both. Cells are matched by name.
    space
        Open space.
    column
        Index of the label column.
    unknown_rate
        Fraction of cells of known types that may be called unknown.

    Raises
    ------
    QueryError
        If no cell, or a name twice, is in both.
    SmileError
        As `smile_runtime.project`.
    """
    inputs, names, labels = {}, [], None
    for modality, query in queries.items():
        options = ProjectionOptions(modality=modality, unknown_rate=unknown_rate, overwrite=True)  # no field is written
        with opened_query(query, space, options, None) as (opened, _):
            prepared = prepare(opened, space, options)
            if labels is None:
                labels = _labels(prepared, column)
            inputs[modality] = read_prepared_input(prepared)
            names.append(cell_names(opened))
    assert labels is not None  # there are two queries
    rows = _match(names, tuple(queries))
    paired = {modality: _select(each, row) for (modality, each), row in zip(inputs.items(), rows, strict=True)}
    return PairedCells(inputs=paired, labels=labels[rows[0]])


def _labels(prepared: PreparedProjection, column: int) -> NDArray[np.int64]:
    """Return the label of each cell of a query, -1 for unknown, shape ``(n,)``."""
    results, matrix = LabelResults(prepared.interpretation), prepared.matrix
    project_rows(matrix, prepared.projector, results, progress=lambda _n, _total: None, n_read=rows_per_read(matrix))
    return results.labels(column)


def _match(names: Sequence[Sequence[str]], modalities: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of the same cells in both queries, in the order of the first."""
    import pandas as pd

    first, second = (pd.Index(np.array(each, dtype=object)) for each in names)
    for index, modality in zip((first, second), modalities, strict=True):
        if not index.is_unique:
            raise QueryError(
                f"some names of cells occur twice in {modality}, so pairs cannot be matched; make them unique: "
                "adata.obs_names_make_unique()"
            )
    place = second.get_indexer(first)
    rows = np.flatnonzero(place >= 0)
    if not len(rows):
        raise QueryError(
            f"no cell has the same name in {modalities[0]} (such as {first[0]!r}) and {modalities[1]} (such as "
            f"{second[0]!r}); give the cells of both the same obs_names"
        )
    return rows, place[rows]


def _select(values: EncoderInput, cells: NDArray[np.intp]) -> EncoderInput:
    return EncoderInput(
        raw=values.raw[cells],
        size_factor=values.size_factor[cells],
        total=values.total[cells],
        measured=values.measured,
    )
