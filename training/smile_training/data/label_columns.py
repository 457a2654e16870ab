"""Label columns of cells: read, merged over files and modalities, nested in one another."""

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
        Its name and its labels, sorted; what it lies within and the parents once all cells are known.
    ids
        Label ids, shape ``(n_cells,)``: places in the column's labels, -1 for no label.
    """

    column: LabelColumn
    ids: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, labels: Sequence[str], ids: NDArray[np.int64]) -> "Labels":
        """Return a column that lies within no other."""
        return cls(LabelColumn(name=name, labels=list(labels)), ids)

    def subset(self, rows: NDArray[np.intp]) -> "Labels":
        """Return the labels of some cells, in that order."""
        return replace(self, ids=self.ids[rows])

    def names(self) -> NDArray[np.object_]:
        """Return the name of each cell's label, None for no label, shape ``(n_cells,)``."""
        return np.array([*self.column.labels, None], dtype=object)[self.ids]


def label_keys(data: Data) -> list[str]:
    """Return the label columns that a recipe names: the primary one, its levels from fine to coarse, the others."""
    return [] if data.label_key is None else [data.label_key, *reversed(data.levels), *data.more_labels]


def read_labels(adata: anndata.AnnData, data: Data, path: Path) -> tuple[Labels, ...]:
    """Read the label columns of the cells of a file.

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
        If there is none of that name.
    """
    if key not in adata.obs:
        raise RecipeError(f"{path} has no obs column {key!r}; its columns are: {', '.join(adata.obs) or 'none'}")
    values: NDArray[np.object_] = adata.obs[key].to_numpy(dtype=object)
    return values


def ids_of(values: NDArray[np.object_]) -> tuple[NDArray[np.int64], list[str]]:
    """Return each value's place among the different ones, -1 for none, and these, sorted, as text."""
    codes, names = pd.factorize(values, sort=True)
    return codes.astype(np.int64), list(map(str, names))


def _labels(name: str, values: NDArray[np.object_]) -> Labels:
    ids, labels = ids_of(values)
    return Labels.of(name, labels, ids)


def merged(parts: Sequence[tuple[Labels, NDArray[np.intp]]], n_cells: int) -> Labels:
    """Return one column of several parts of the cells, named as in the first; where two label a cell, that is right.

    Parameters
    ----------
    parts
        Labels, and where the cells that have them stand among all.
    n_cells
        How many these are.
    """
    values = np.full(n_cells, None, dtype=object)
    for labels, rows in reversed(parts):
        known = labels.ids >= 0
        values[rows[known]] = labels.names()[known]
    return _labels(parts[0][0].column.name, values)


def nested(fine: Labels, coarse: Labels) -> tuple[Labels, Labels]:
    """Put the labels of one level within those of the next coarser one.

    Returns
    -------
        The finer column with the parents of its labels, and the coarser one with the labels of cells that follow from
        their finer labels.

    Raises
    ------
    RecipeError
        If a label is a part of two, or of none.
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
