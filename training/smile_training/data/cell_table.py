"""The table of cells and features of a data file: checks, batches, and features of the modality's kind."""

import logging
from collections.abc import Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_runtime.features import (
    kind_of_features,
    latin_name,
    organisms_with_aliases,
    recognize_organism,
    select_kind,
)
from smile_training.data.label_columns import factorize, obs_column
from smile_training.recipe import Kind

logger = logging.getLogger(__name__)


def columns_of_kind(adata: anndata.AnnData, path: Path, *, kind: Kind, organism: str) -> "NDArray[np.intp] | None":
    """Return the columns that hold the modality's kind of features, as a projection selects them; None for all.

    Raises
    ------
    RecipeError
        If they are genes of another species than the recipe's.
    """
    selection = select_kind(adata.var, kind_of_features(kind), organism=organism)
    selected = adata.var.iloc[selection.columns] if selection.left_out else adata.var
    if kind == "rna" and latin_name(organism) in organisms_with_aliases():
        _require_organism(selected, organism, path)
    if not selection.left_out:
        return None
    logger.warning("%s: %s", path, selection)
    return selection.columns


def _require_organism(var: pd.DataFrame, organism: str, path: Path) -> None:
    recognized = recognize_organism(var)
    if recognized not in (None, latin_name(organism)):
        raise RecipeError(
            f"{path} has genes of {recognized}, such as {var.index[0]!r}, but the recipe states organism = "
            f"{organism!r}; correct the organism or data.path"
        )


def require_names(adata: anndata.AnnData, path: Path) -> None:
    """Validate the names of cells and features.

    Raises
    ------
    RecipeError
        If names are repeated, or a feature's would break a table.
    """
    for kind, names in (("feature", adata.var_names), ("cell", adata.obs_names)):
        if not names.is_unique:
            raise RecipeError(
                f"{path} has repeated {kind} names, such as {names[names.duplicated()][0]!r}; "
                + ("sum or drop the repeated columns first" if kind == "feature" else "make adata.obs_names unique")
            )
    if broken := [name for name in adata.var_names if any(character in str(name) for character in "\t\n\r")]:
        raise RecipeError(f"{path} has a feature named {broken[0]!r}; names must not contain tabs or line breaks")


def batch_ids(adata: anndata.AnnData, key: str | None, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the batch of each cell, shape ``(n_cells,)``, as an index into the sorted batch names, and the latter.

    Raises
    ------
    RecipeError
        If the column is missing, or lacks values.
    """
    if key is None:
        return np.zeros(adata.n_obs, np.int64), ("all",)
    ids, names = factorize(obs_column(adata, key, path))
    if n_missing := int((ids < 0).sum()):
        raise RecipeError(f"{n_missing:,} cells of {path} have no value in the batch column {key!r}; fill it in")
    return ids, tuple(names)


def join_batches(
    by_file: Sequence[tuple[str, ...]], titles: Sequence[str]
) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Return each file's batches as indices into the batch names of all files, and these, named after their file."""
    names = [f"{title}, {name}" for batches, title in zip(by_file, titles, strict=True) for name in batches]
    index = np.argsort(np.argsort(names))
    ends = np.cumsum([len(batches) for batches in by_file])
    return np.split(index.astype(np.int64), ends[:-1]), tuple(sorted(names))


def file_titles(paths: Sequence[str]) -> list[str]:
    """Return what batches and cells of each file are named after: the file's name, or its path if names repeat."""
    stems = [Path(path).stem for path in paths]
    without_suffix = [Path(path).with_suffix("").as_posix() for path in paths]
    return next((titles for titles in (stems, without_suffix) if len(set(titles)) == len(paths)), list(paths))


def named_after(title: str, names: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the names of a file's cells with the title of the file, shape ``(n_cells,)``."""
    return np.array([f"{title}, {name}" for name in names], dtype=object)
