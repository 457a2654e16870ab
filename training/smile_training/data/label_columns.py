"""Label columns of cells: reading, merging over files and modalities, and nesting of levels."""

from collections.abc import Mapping, Sequence
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
    """One label column of some cells."""

    column: LabelColumn
    """Name and sorted labels of the column; also its coarser column and parents after `nest_labels`."""
    ids: NDArray[np.int64]
    """Label ids, indices into the column's labels or -1 for no label, shape ``(n_cells,)``."""

    @classmethod
    def from_ids(cls, name: str, labels: Sequence[str], ids: NDArray[np.int64]) -> "Labels":
        """Return a column that is not nested in a coarser one."""
        return cls(LabelColumn(name=name, labels=list(labels)), ids)

    def subset(self, rows: NDArray[np.intp]) -> "Labels":
        """Return the labels of the given rows, in that order."""
        return replace(self, ids=self.ids[rows])

    def names(self) -> NDArray[np.object_]:
        """Return each cell's label name, or None, shape ``(n_cells,)``."""
        return np.array([*self.column.labels, None], dtype=object)[self.ids]


def label_keys(data: Data) -> list[str]:
    """Return the label columns in a recipe: primary, coarser from fine to coarse, finer from coarse to fine, others."""
    if data.label_key is None:
        return []
    return [data.label_key, *reversed(data.levels), *(data.finer_levels or []), *data.more_labels]


def read_labels(adata: anndata.AnnData, data: Data, path: Path) -> tuple[Labels, ...]:
    """Read the label columns of a file, as it names them, without those that are groups of labels.

    A file may lack columns that are finer than the primary one; its cells then have no label there.

    Raises
    ------
    RecipeError
        If another column is missing.
    """
    finer = data.finer_levels or []
    return tuple(
        _labels(key, np.full(adata.n_obs, None, object))
        if key in finer and key not in adata.obs
        else _labels(key, obs_column(adata, key, path))
        for key in label_keys(data)
        if key not in (data.groups or {})
    )


def obs_column(adata: anndata.AnnData, key: str, path: Path) -> NDArray[np.object_]:
    """Return a column of obs, shape ``(n_cells,)``.

    Raises
    ------
    RecipeError
        If the column is missing.
    """
    if key not in adata.obs:
        raise RecipeError(f"{path} has no obs column {key!r}; its columns are: {', '.join(adata.obs) or 'none'}")
    values: NDArray[np.object_] = adata.obs[key].to_numpy(dtype=object)
    return values


def relabeled(labels: Labels, names: Mapping[str, str | None], column: str | None = None) -> Labels:
    """Return labels under other names, None for none; those that ``names`` lacks keep theirs.

    Parameters
    ----------
    labels
        Labels of a column that is not nested.
    names
        New names by label.
    column
        Name of the new column; None for that of the labels.
    """
    if column is None and not any(label in names for label in labels.column.labels):
        return labels
    new = np.array([*(names.get(label, label) for label in labels.column.labels), None], dtype=object)
    return _labels(column or labels.column.name, new[labels.ids])


def factorize(values: NDArray[np.object_]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the index of each value among the sorted distinct values, -1 if missing, and the latter as text."""
    codes, names = pd.factorize(values, sort=True)
    return codes.astype(np.int64), list(map(str, names))


def _labels(name: str, values: NDArray[np.object_]) -> Labels:
    ids, labels = factorize(values)
    return Labels.from_ids(name, labels, ids)


def merge_labels(subsets: Sequence[tuple[Labels, NDArray[np.intp]]], n_cells: int) -> Labels:
    """Merge one label column of overlapping sets of cells; on conflict the first set wins.

    Parameters
    ----------
    subsets
        Labels of each set, and the rows of its cells among all cells, shape ``(n_subset,)``.
    n_cells
        Number of all cells.
    """
    values = np.full(n_cells, None, dtype=object)
    for labels, rows in reversed(subsets):
        known = labels.ids >= 0
        values[rows[known]] = labels.names()[known]
    return _labels(subsets[0][0].column.name, values)


def nest_labels(fine: Labels, coarse: Labels) -> tuple[Labels, Labels]:
    """Nest the labels of one level in those of the next coarser one.

    Returns
    -------
        Finer column with the parents of its labels, and coarser column completed with the parents of finer labels.

    Raises
    ------
    RecipeError
        If a finer label belongs to two coarser labels, or to none.
    """
    name, coarser = fine.column.name, coarse.column.name
    parents = []
    for label, title in enumerate(fine.column.labels):
        candidates = np.unique(coarse.ids[(fine.ids == label) & (coarse.ids >= 0)])
        if len(candidates) > 1:
            first, second = (coarse.column.labels[parent] for parent in candidates[:2])
            raise RecipeError(
                f"the label {title!r} of {name!r} belongs to {first!r} and {second!r} of the coarser {coarser!r}; "
                "correct the labels, or move one of the two columns to more_labels"
            )
        if len(candidates) == 0:
            raise RecipeError(
                f"no cell with the label {title!r} of {name!r} has a label in the coarser {coarser!r}; fill it in"
            )
        parents.append(int(candidates[0]))
    column = msgspec.structs.replace(fine.column, within=coarser, parents=parents)
    known = fine.ids >= 0
    ids = coarse.ids.copy()
    ids[known] = np.array(parents)[fine.ids[known]]
    return replace(fine, column=column), replace(coarse, ids=ids)


def nest_levels(finer: Sequence[Labels], primary: Labels, coarser: Sequence[Labels]) -> list[Labels]:
    """Nest the levels of labels, each in the next coarser one, and complete them.

    A missing coarser label follows from a finer one. A finer label that is missing, or has the name of a coarser label
    of its cell, becomes the label with the name of the next coarser one, which says nothing about that level.

    Parameters
    ----------
    finer
        Columns finer than the primary one, from coarse to fine.
    primary
        Primary column.
    coarser
        Coarser columns, from fine to coarse.

    Returns
    -------
        Primary, coarser and finer columns, in these orders.

    Raises
    ------
    RecipeError
        If a label belongs to two labels of the next coarser column, or to none.
    """
    telling = [_telling(labels, [primary, *finer[:index]]) for index, labels in enumerate(finer)]
    chain, n = [*reversed(telling), primary, *coarser], len(finer)
    for level in range(len(chain) - 1):
        chain[level], chain[level + 1] = nest_labels(chain[level], chain[level + 1])
    for level in reversed(range(n)):
        chain[level], _ = nest_labels(_filled(chain[level], chain[level + 1]), chain[level + 1])
    return [*chain[n:], *reversed(chain[:n])]


def _telling(labels: Labels, coarser: Sequence[Labels]) -> Labels:
    """Return labels without those that have the name of a coarser label of their cell."""
    names = labels.names()
    for each in coarser:
        names[names == each.names()] = None
    return _labels(labels.column.name, names)


def _filled(fine: Labels, coarse: Labels) -> Labels:
    """Return labels with the name of the coarser one where they are missing."""
    return _labels(fine.column.name, np.where(fine.ids < 0, coarse.names(), fine.names()))
