"""Label columns of cells: read, merged over files and modalities, and nested."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import LabelColumn
from smile_training.recipe import Data


@dataclass(frozen=True, eq=False)
class Labels:
    """One label column of some cells.

    Attributes
    ----------
    column
        Name and sorted labels of the column; its coarser column and parents once all cells are known.
    ids
        Label ids, indices into the column's labels or -1 for no label, shape ``(n_cells,)``.
    """

    column: LabelColumn
    ids: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, labels: Sequence[str], ids: NDArray[np.int64]) -> "Labels":
        """Return a column that is not within a coarser one."""
        return cls(LabelColumn(name=name, labels=list(labels)), ids)

    def subset(self, rows: NDArray[np.intp]) -> "Labels":
        """Return the labels of the given cells, in that order."""
        return replace(self, ids=self.ids[rows])

    def names(self) -> NDArray[np.object_]:
        """Return each cell's label name, or None, shape ``(n_cells,)``."""
        return np.array([*self.column.labels, None], dtype=object)[self.ids]


def label_keys(data: Data) -> list[str]:
    """Return the label columns in a recipe: the primary one, its levels from fine to coarse, then others."""
    return [] if data.label_key is None else [data.label_key, *reversed(data.levels), *data.more_labels]


def read_labels(adata: anndata.AnnData, data: Data, path: Path) -> tuple[Labels, ...]:
    """Read the label columns of a file.

    Raises
    ------
    RecipeError
        If a column is missing.
    """
    return tuple(_labels(key, column_of(adata, key, path)) for key in label_keys(data))


def column_of(adata: anndata.AnnData, key: str, path: Path) -> NDArray[np.object_]:
    """Return a column of obs.

    Raises
    ------
    RecipeError
        If the column is missing.
    """
    if key not in adata.obs:
        raise RecipeError(f"{path} has no obs column {key!r}; its columns are: {', '.join(adata.obs) or 'none'}")
    values: NDArray[np.object_] = adata.obs[key].to_numpy(dtype=object)
    return values


def ids_of(values: NDArray[np.object_]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the index of each value among the sorted distinct ones, -1 if missing, and those as text."""
    codes, names = pd.factorize(values, sort=True)
    return codes.astype(np.int64), list(map(str, names))


def _labels(name: str, values: NDArray[np.object_]) -> Labels:
    ids, labels = ids_of(values)
    return Labels.of(name, labels, ids)


def merged(parts: Sequence[tuple[Labels, NDArray[np.intp]]], n_cells: int) -> Labels:
    """Merge a label column of several parts of the cells; on conflict the first part wins.

    Parameters
    ----------
    parts
        Labels of each part, and the indices of its cells among all cells.
    n_cells
        Number of all cells.
    """
    values = np.full(n_cells, None, dtype=object)
    for labels, rows in reversed(parts):
        known = labels.ids >= 0
        values[rows[known]] = labels.names()[known]
    return _labels(parts[0][0].column.name, values)


def nested(fine: Labels, coarse: Labels) -> tuple[Labels, Labels]:
    """Nest the labels of one level in those of the next coarser one.

    Returns
    -------
        Finer column with the parents of its labels, and coarser column completed by labels that follow from finer ones.

    Raises
    ------
    RecipeError
        If a label belongs to two coarser labels, or to none.
    """
    name, within = fine.column.name, coarse.column.name
    parents = []
    for label, title in enumerate(fine.column.labels):
        found = np.unique(coarse.ids[(fine.ids == label) & (coarse.ids >= 0)])
        if len(found) > 1:
            first, second = (coarse.column.labels[place] for place in found[:2])
            raise RecipeError(
                f"the label {title!r} of {name!r} lies in {first!r} and in {second!r} of the coarser {within!r}; "
                "correct the labels, or name that column in more_labels and not in levels"
            )
        if len(found) == 0:
            raise RecipeError(
                f"no cell with the label {title!r} of {name!r} has one of the coarser {within!r}; fill it in"
            )
        parents.append(int(found[0]))
    column = msgspec.structs.replace(fine.column, within=within, parents=parents)
    known = fine.ids >= 0
    ids = coarse.ids.copy()
    ids[known] = np.array(parents)[fine.ids[known]]
    return replace(fine, column=column), replace(coarse, ids=ids)
