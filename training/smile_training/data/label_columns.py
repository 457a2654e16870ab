"""Label columns of cells: reading, merging over files and modalities, and nesting of levels."""

import json
import logging
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

logger = logging.getLogger(__name__)

NO_LABELS = frozenset({"", "unknown", "nan", "na", "n/a", "none", "null"})
"""Words, in lower case, for a cell without a label; ``unknown`` is also what a projection calls an unfamiliar cell."""
DOUBTFUL_LABELS = frozenset(
    {"unassigned", "unclassified", "unlabeled", "unlabelled", "undetermined", "ambiguous", "doublet", "doublets"}
    | {"multiplet", "multiplets", "low quality", "low-quality", "other", "tbd"}
)
"""Words, in lower case, that rarely name a cell type."""


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
    """Return the label columns in a recipe: the primary one, its levels from fine to coarse, then others."""
    return [] if data.label_key is None else [data.label_key, *reversed(data.levels), *data.more_labels]


def read_labels(adata: anndata.AnnData, data: Data, path: Path) -> tuple[Labels, ...]:
    """Read the label columns of a file.

    Raises
    ------
    RecipeError
        If a column is missing, or a label is a word for no label that the recipe does not list as ``unlabeled``.
    """
    unlabeled = list(data.unlabeled or [])
    columns = tuple(_labels(key, _without(obs_column(adata, key, path), unlabeled)) for key in label_keys(data))
    for labels in columns:
        _require_types(labels.column, path)
    return columns


def _without(values: NDArray[np.object_], unlabeled: Sequence[str]) -> NDArray[np.object_]:
    """Return a column with None for the labels that stand for no label, shape ``(n_cells,)``."""
    kept = values.copy()
    kept[np.isin(values.astype(str), unlabeled)] = None
    return kept


def _require_types(column: LabelColumn, path: Path) -> None:
    """Raise if a label is a word for no label, and warn of those that rarely name a type."""
    words = {label: label.strip().lower() for label in column.labels}
    if none := [label for label, word in words.items() if word in NO_LABELS]:
        raise RecipeError(
            f"{path} has the label {none[0]!r} in {column.name!r}, which would be trained and transferred as a type; "
            f"rename it, or count these cells as unlabeled with data.unlabeled = {json.dumps(none)} in the recipe"
        )
    if doubtful := [label for label, word in words.items() if word in DOUBTFUL_LABELS]:
        logger.warning(
            "%s has the label %r in %r, which is trained as a type; if it is none, add it to data.unlabeled",
            *(path, doubtful[0], column.name),
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
                "correct the labels, or move that column from levels to more_labels"
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
