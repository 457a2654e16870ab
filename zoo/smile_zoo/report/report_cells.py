"""The cells that a report draws: all cells of a query, or a sample of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime import ProjectionSummary
from smile_runtime.explanation import SampleExplanation
from smile_runtime.io import counted
from smile_runtime.mapping import UNKNOWN, set_names
from smile_runtime.results import Batches

MAX_DRAWN_CELLS = 50_000
"""A report draws a random sample of this size from a larger query."""


@dataclass(frozen=True, eq=False)
class Categories:
    """A categorical column of the drawn cells.

    Attributes
    ----------
    names
        Category names in an order that does not depend on the query, because the order decides the colors.
    ids
        Index into ``names`` for each cell, shape ``(m,)``; -1 is a cell of none of them.
    none
        Name of the cells of none of them.
    """

    names: Sequence[str]
    ids: NDArray[np.integer]
    none: str = UNKNOWN

    def present(self) -> list[int]:
        """Return the ids that occur, in ascending order but with -1 last."""
        ids = np.unique(self.ids).tolist()
        return [each for each in ids if each >= 0] + [each for each in ids if each < 0]

    def name(self, category_id: int) -> str:
        """Return the name of a category."""
        return self.none if category_id < 0 else self.names[category_id]


@dataclass(frozen=True, eq=False)
class CellDrivers:
    """Features that carry the labels of the drawn cells.

    Attributes
    ----------
    names
        Names of the encoder's features.
    ids
        Index into ``names`` of up to five features of each cell, strongest first, -1 for none, shape ``(m, 5)``.
    """

    names: Sequence[str]
    ids: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class ReportCells:
    """Cells of a query, at most `MAX_DRAWN_CELLS`, with the results to draw.

    Attributes
    ----------
    n_cells
        Number of cells in the whole query.
    names
        Cell names, shape ``(m,)``.
    map
        Coordinates on the reference map, shape ``(m, 2)``.
    label
        Label columns, the primary one first; empty for a reference without labels.
    confidence
        Confidence of each label column, 0 to 1, shape ``(m,)``.
    similarity
        Similarity to the reference, 0 to 1, shape ``(m,)``; None for a space without calibrated similarity.
    batch
        Batch columns of the query.
    sets
        Set of labels of each cell; None unless sets were asked for.
    set_size
        Number of labels in these sets.
    known
        Known label of each cell, with the ids of the label column where it has the label; None unless these were named.
    drivers
        Features that carry the cells' labels; None if they were not determined.
    """

    n_cells: int
    names: NDArray[np.str_]
    map: NDArray[np.float32]
    label: Mapping[str, Categories]
    confidence: Mapping[str, NDArray[np.float32]]
    similarity: NDArray[np.float32] | None
    batch: Mapping[str, Categories]
    sets: Categories | None = None
    set_size: Categories | None = None
    known: Categories | None = None
    drivers: CellDrivers | None = None

    def __len__(self) -> int:
        return len(self.map)

    @property
    def caption(self) -> str:
        """Number of cells drawn, and of how many if they are a sample."""
        if len(self) == self.n_cells:
            return counted(self.n_cells, "query cell")
        return counted(len(self), "query cell", of=self.n_cells)


def sampled_cells(summary: ProjectionSummary, explanation: SampleExplanation | None = None) -> ReportCells:
    """Return the sampled cells of a projection, with the features that carry their labels if these were explained."""
    sample, columns = summary.sample, list(enumerate(summary.columns))
    members, modalities = summary.sample_sets, summary.sample_modalities
    return ReportCells(
        n_cells=summary.n_cells,
        names=summary.sample_names.astype(str),
        map=sample["map"],
        label={column.name: Categories(column.labels, sample["label"][:, index]) for index, column in columns},
        confidence={column.name: sample["confidence"][:, index] for index, column in columns},
        similarity=sample["similarity"] if summary.has_similarity else None,
        batch={
            **{key: Categories(each.names, each.ids, "no batch") for key, each in summary.sample_batches.items()},
            **({} if modalities is None else {"modalities": Categories(modalities.names, modalities.ids)}),
        },
        sets=None if members is None else _sets(members, summary.columns[0].labels),
        set_size=None if members is None else _set_sizes(members),
        known=None if summary.sample_known is None else _known(summary.sample_known, _known_column(summary)),
        drivers=None if explanation is None else CellDrivers(explanation.features, explanation.cell_drivers),
    )


def pool_cells(samples: Mapping[str, ReportCells]) -> ReportCells:
    """Return the cells of several queries into one space, with a further batch column, ``query``, of their names."""
    cells = list(samples.values())
    first, sizes = cells[0], [len(each) for each in cells]
    return ReportCells(
        n_cells=sum(each.n_cells for each in cells),
        names=np.concatenate([each.names for each in cells]),
        map=np.concatenate([each.map for each in cells]),
        label={name: _join([each.label[name] for each in cells]) for name in first.label},
        confidence={name: np.concatenate([each.confidence[name] for each in cells]) for name in first.confidence},
        similarity=None if first.similarity is None else np.concatenate([_similarity(each) for each in cells]),
        batch={
            **{
                key: _join([each.batch[key] for each in cells])
                for key in first.batch
                if all(key in each.batch for each in cells)  # not all queries may have several modalities
            },
            "query": Categories(tuple(samples), np.repeat(np.arange(len(cells)), sizes)),
        },
        sets=_join_if_any([each.sets for each in cells]),
        set_size=_join_if_any([each.set_size for each in cells]),
        known=_join_if_any([each.known for each in cells]),
        drivers=_pool_drivers(cells),
    )


def _sets(members: NDArray[np.bool_], labels: Sequence[str]) -> Categories:
    """Return the set of each cell by its name; that of an unknown cell is empty."""
    names, ids = np.unique(set_names(members, labels).astype(str), return_inverse=True)
    return Categories(names.tolist(), ids, "none")


def _set_sizes(members: NDArray[np.bool_]) -> Categories:
    """Return the number of labels in the set of each cell; -1 for none, those of unknown cells."""
    names = ["1 label", *(f"{size} labels" for size in range(2, members.shape[1] + 1))]
    return Categories(names, members.sum(axis=1) - 1)


def _known_column(summary: ProjectionSummary) -> Sequence[str]:
    """Return the labels of the column that known labels were compared with."""
    assert summary.agreement is not None  # because there are known labels
    return next(column.labels for column in summary.columns if column.name == summary.agreement.column)


def _known(known: Batches, labels: Sequence[str]) -> Categories:
    """Return the known labels with the ids of a label column, behind which those follow that it lacks."""
    names = [*labels, *(name for name in known.names if name not in labels)]
    place = np.array([*map(names.index, known.names), -1])
    return Categories(names, place[known.ids], "no known label")


def _pool_drivers(samples: Sequence[ReportCells]) -> CellDrivers | None:
    """Return the drivers of the cells of several queries into one space; those of some may not be determined."""
    found = [each.drivers for each in samples if each.drivers is not None]
    if not found:
        return None
    none = [np.full((len(each), found[0].ids.shape[1]), -1) for each in samples]
    ids = [empty if each.drivers is None else each.drivers.ids for each, empty in zip(samples, none, strict=True)]
    return CellDrivers(found[0].names, np.concatenate(ids))


def _similarity(cells: ReportCells) -> NDArray[np.float32]:
    assert cells.similarity is not None  # the space is the same for all
    return cells.similarity


def _join_if_any(columns: Sequence[Categories | None]) -> Categories | None:
    """Return a column that either all queries have or none."""
    given = [column for column in columns if column is not None]
    return _join(given) if given else None


def _join(columns: Sequence[Categories]) -> Categories:
    """Return a column of several queries; names that differ are joined and sorted."""
    names = columns[0].names
    if any(tuple(column.names) != tuple(names) for column in columns):
        names = sorted({name for column in columns for name in column.names})
    places = [np.array([*map(names.index, column.names), -1]) for column in columns]  # id -1 is the last, and stays
    ids = np.concatenate([place[column.ids] for place, column in zip(places, columns, strict=True)])
    return Categories(names, ids, columns[0].none)
