"""Dataset: cells of one or more modalities, linked by their names."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import LabelColumn
from smile_training.data.cells import Cells, read_cells
from smile_training.data.label_columns import Labels, merge_labels, nest_levels
from smile_training.data.large_cells import are_large, read_large_cells
from smile_training.recipe import Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Cells by modality; a cell measured in two modalities has the same name in both."""

    cells: dict[str, Cells]
    """Cells of each modality; label ids have the same meaning in all."""

    @property
    def first(self) -> str:
        """First modality: the anchor of a pair, or the teacher of a composition."""
        return next(iter(self.cells))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Label names of the primary column."""
        return self.cells[self.first].label_names

    @property
    def label_columns(self) -> tuple[LabelColumn, ...]:
        """Label columns of the cells, the primary one first."""
        return tuple(labels.column for labels in self.cells[self.first].columns)

    def names(self) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """Return the names of all cells, in order of first appearance, and their label ids, each ``(n_cells,)``."""
        names = np.concatenate([cells.names for cells in self.cells.values()])
        labels = np.concatenate([cells.labels for cells in self.cells.values()])
        series = pd.Series(labels, index=names)
        series = series[~series.index.duplicated()]
        return series.index.to_numpy(dtype=object), series.to_numpy(dtype=np.int64)

    def pairs(self, first: str, second: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows in each modality of the cells measured by both, in the same order, each ``(n_pairs,)``."""
        partner = pd.Index(self.cells[second].names).get_indexer(pd.Index(self.cells[first].names))
        rows = np.flatnonzero(partner >= 0)
        return rows, partner[rows]

    def subset(self, names: NDArray[np.object_]) -> "Dataset":
        """Return the cells with the given names, in each modality's own order."""
        return Dataset({name: cells.subset(rows_with_names(cells, names)) for name, cells in self.cells.items()})

    def with_modalities(self, modalities: Iterable[str]) -> "Dataset":
        """Return a dataset with the given modalities."""
        return Dataset({name: self.cells[name] for name in modalities})


def rows_with_names(cells: Cells, names: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return the rows of the cells with the given names, ascending, shape ``(n_rows,)``."""
    return np.flatnonzero(pd.Index(cells.names).isin(names))


def read_dataset(
    recipe: Recipe, folder: Path, *, label: Callable[[Dataset], Dataset] = lambda dataset: dataset
) -> Dataset:
    """Read the cells of every modality of a recipe.

    Parameters
    ----------
    recipe
        Recipe that names the files.
    folder
        Folder that their paths are relative to.
    label
        Labels cells if none of them states a label.

    Raises
    ------
    RecipeError
        If a file cannot be used, or two modalities to be paired share fewer than two cells.
    ValueKindError, QueryError
        If values cannot be used.
    """
    read = {
        name: read_large_cells(modality, folder, organism=recipe.organism)
        if are_large(modality, folder)
        else read_cells(name, modality, folder, organism=recipe.organism)
        for name, modality in recipe.modalities.items()
    }
    dataset = Dataset(_unify_labels(read, recipe))
    if not dataset.label_names:
        dataset = label(dataset)
    _require_labels(dataset, recipe)
    for name in list(read)[1:]:
        _require_pairs(dataset, dataset.first, name, recipe)
    return dataset


def _require_labels(dataset: Dataset, recipe: Recipe) -> None:
    """Raise if cells are to be paired by labels that they lack."""
    pairings = {"training": recipe.training.pairing}
    if recipe.variant == "composition":
        pairings["students"] = recipe.students.pairing
    labeled = [name for name, cells in dataset.cells.items() if (cells.labels >= 0).any()]
    for section, pairing in pairings.items():
        by_label = pairing.kind in ("label", "label_neighbour")
        needed = list(dataset.cells) if pairing.unpaired else [dataset.first] if by_label else []
        if missing := [name for name in needed if name not in labeled]:
            raise RecipeError(
                f"{section}.pairing is by label, but the cells of {missing[0]} have none; "
                "name their column as data.label_key, or pair by neighbor"
            )


def _require_pairs(dataset: Dataset, first: str, second: str, recipe: Recipe) -> None:
    rows, _ = dataset.pairs(first, second)
    n_first, n_second = len(dataset.cells[first]), len(dataset.cells[second])
    training = recipe.students if recipe.variant == "composition" else recipe.training
    if len(rows) < 2:
        raise RecipeError(
            f"{first} and {second} share {len(rows):,} cells, too few pairs to learn from; {first} has names like "
            f"{_sample(dataset.cells[first])}, {second} has names like {_sample(dataset.cells[second])}; give both "
            "measurements of a cell the same name in adata.obs_names"
        )
    logger.info(
        "%s and %s: %s cells are paired; %s of %s and %s of %s are not",
        *(first, second, f"{len(rows):,}"),
        *(f"{n_first - len(rows):,}", first, f"{n_second - len(rows):,}", second),
    )
    if len(rows) < training.batch_size:
        logger.warning(
            "%s pairs of %s and %s are fewer than a batch of %s; every batch contains all of them",
            *(f"{len(rows):,}", first, second, f"{training.batch_size:,}"),
        )
    if recipe.variant in ("psmile", "mpsmile") and len(rows) < max(n_first, n_second):
        logger.info(
            "unpaired cells are used to fit the preprocessing and stem, and %s trains on the pairs alone",
            recipe.variant,
        )


def _sample(cells: Cells) -> str:
    return ", ".join(repr(str(name)) for name in cells.names[:2])


def _unify_labels(read: dict[str, Cells], recipe: Recipe) -> dict[str, Cells]:
    """Give label ids the same meaning in all modalities; an unlabeled cell gets the label of its partner."""
    index = pd.Index(list(dict.fromkeys(name for cells in read.values() for name in cells.names)))
    rows = {name: index.get_indexer(pd.Index(cells.names)) for name, cells in read.items()}
    if not any(cells.label_names for cells in read.values()):
        return {name: replace(cells, columns=()) for name, cells in read.items()}

    def unified(key: str | None) -> Labels:
        subsets = [(labels, rows[name]) for name, cells in read.items() for labels in _column(cells, key)]
        return merge_labels(subsets, len(index))

    levels, finer, others = recipe.further_label_columns
    nested = nest_levels(list(map(unified, finer)), unified(None), list(map(unified, reversed(levels))))
    columns = [*nested, *map(unified, others)]
    for name, cells in read.items():
        read[name] = replace(cells, columns=tuple(labels.subset(rows[name]) for labels in columns))
        _require_every_column(name, read[name])
    return read


def _column(cells: Cells, key: str | None) -> list[Labels]:
    """Return the label column with a name, or the primary one for None; an empty list if it is missing."""
    if key is None:
        return list(cells.columns[:1])
    return [labels for labels in cells.columns[1:] if labels.column.name == key]


def _require_every_column(name: str, cells: Cells) -> None:
    """Raise if labeled cells lack a label in a further column, because each votes in every column."""
    for labels in cells.columns[1:]:
        if without := int(((labels.ids < 0) & (cells.labels >= 0)).sum()):
            raise RecipeError(
                f"{without:,} labeled cells of {name} have no label in the column {labels.column.name!r}; fill it in"
            )
