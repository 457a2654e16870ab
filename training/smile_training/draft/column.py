"""Columns of cells that can serve as labels or batches."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from smile_runtime.errors import RecipeError
from smile_runtime.io import counted
from smile_training.data import Survey

Role = Literal["labels", "batch"]

_MAX_FRACTION = 1 / 3  # of the cells, in distinct values; more are names of the cells themselves
_MAX_LISTED_VALUES = 500
_MAX_LISTED = 8
_N_EXAMPLES = 3
_MAX_MISSING_FRACTION = 0.2  # of the cells, before a column is an unlikely one of labels
_MIN_LIKELY_LABELS = 3  # columns of two values are mostly conditions, sexes or flags
_KNOWN: dict[Role, tuple[str, ...]] = {
    "labels": (
        *("celltype", "celltypes", "celltypefine", "authorcelltype", "celltypeoriginal", "celltypebroad", "annotation"),
        *("annotations", "label", "labels", "cluster", "clusters", "leiden", "louvain", "seuratclusters"),
    ),
    "batch": (
        *("batch", "donorid", "donor", "sample", "sampleid", "library", "libraryid", "patient", "patientid"),
        *("subject", "individual", "origident", "dataset", "study", "plate", "assay"),
    ),
}
"""Names of columns in the field, the likeliest first, in lower case and without punctuation."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column of the cells of all files.

    Attributes
    ----------
    name
        Name of the column.
    values
        Values as text, None where missing, shape ``(n_cells,)``.
    """

    name: str
    values: "pd.Series[Any]"

    @property
    def counts(self) -> "pd.Series[int]":
        """Number of cells of each value, the most frequent first."""
        return self.values.value_counts()

    def __str__(self) -> str:
        examples = ", ".join(map(str, self.counts.index[:_N_EXAMPLES]))
        return f"{self.name}: {len(self.counts):,} values, such as {examples}"


def choose_column(surveys: Sequence[Survey], name: str | None, role: Role, *, required: bool = False) -> Column:
    """Return the column of a name, after checks that it can play its role.

    An error offers to do without the column unless it is required.

    Raises
    ------
    RecipeError
        If there is no name or no such column, or the column holds measurements or names of cells; the message lists
        columns that would do.
    """
    unusable = partial(_unusable, surveys, role, required=required)
    if name is None:
        raise unusable(f"no column of {role} was named for {_files(surveys)}")
    without = [survey for survey in surveys if name not in survey.obs]
    if without and len(without) < len(surveys):
        raise unusable(f"{_files(without)} lacks the column {name!r}, which other files have")
    if without:
        raise unusable(f"{_files(surveys)} has no column {name!r}")
    for survey in surveys:
        if _holds_fractions(survey.obs[name]):
            raise unusable(
                f"the column {name!r} of {survey.path.name} holds floating-point numbers, which are no names; if they "
                "are, convert it to text first",
            )
    column = Column(name, _texts(surveys, name))
    n_values, n_cells = len(column.counts), len(column.values)
    if n_values == 0:
        raise unusable(f"the column {name!r} is empty")
    if n_values > max(1, _MAX_FRACTION * n_cells):
        problem = f"the column {name!r} has {n_values:,} values for {n_cells:,} cells, as names or measurements have"
        raise unusable(problem)
    if role == "batch" and (n_missing := int(column.values.isna().sum())):
        raise unusable(f"{counted(n_missing, 'cell', 'have')} no value in the column {name!r}")
    return column


def usable_columns(surveys: Sequence[Survey], role: Role) -> list[Column]:
    """Return the columns of all files that could play a role, the likeliest first; not those known for the other.

    Columns of labels that lack many values, or have only two, come last unless their name is known for labels; columns
    of batches have a value for every cell.
    """
    other: Role = "batch" if role == "labels" else "labels"
    shared = [str(name) for name in surveys[0].obs if all(name in survey.obs for survey in surveys)]
    names = [name for name in shared if _plain(name) not in _KNOWN[other]]
    columns = []
    for name in names:
        if any(_holds_fractions(survey.obs[name]) for survey in surveys):
            continue
        if any(survey.obs[name].nunique() > _MAX_LISTED_VALUES for survey in surveys):
            continue
        column = Column(name, _texts(surveys, name))
        if role == "batch" and column.values.isna().any():
            continue
        if 2 <= len(column.counts) <= min(_MAX_LISTED_VALUES, _MAX_FRACTION * len(column.values)):
            columns.append(column)

    def likeliest(column: Column) -> tuple[bool, int, int]:
        return role == "labels" and _is_doubtful(column), _rank(column.name, role), -_rank(column.name, other)

    return sorted(columns, key=likeliest)


def are_numbers(surveys: Iterable[Survey], name: str) -> bool:
    """Return whether a column holds whole numbers, which become names."""
    return any(pd.api.types.is_integer_dtype(survey.obs[name].infer_objects()) for survey in surveys)


def batches_by_file(surveys: Sequence[Survey], titles: Sequence[str], batch: Column | None) -> Column | None:
    """Return the batches that training sees: with several files, each file has its own."""
    if len(surveys) == 1:
        return batch
    files = pd.Series(np.repeat(np.array(titles, object), [len(survey.obs) for survey in surveys]))
    return Column("file", files) if batch is None else Column(f"file and {batch.name}", files + ", " + batch.values)


def _unusable(surveys: Sequence[Survey], role: Role, problem: str, *, required: bool) -> RecipeError:
    columns = usable_columns(surveys, role)[:_MAX_LISTED]
    otherwise = "choose 'none' to train without labels" if role == "labels" else "omit it to train without batches"
    if not columns and required:
        return RecipeError(f"{problem}, and no other column would do; add a column of {role}")
    if not columns:
        nothing: dict[str, object] = {"labels": "none"} if role == "labels" else {"batch": False}
        return RecipeError(f"{problem}, and no other column would do; {otherwise}", options=nothing)
    listed = "".join(f"\n- {column}" for column in columns)
    advice = "choose one of the columns below, the likeliest first"
    advice += "" if required else f", or {otherwise}"
    return RecipeError(f"{problem}; {advice}{listed}", options={role: columns[0].name})


def _files(surveys: Sequence[Survey]) -> str:
    more = len(surveys) - 1
    return surveys[0].path.name + (f" (and {more:,} more)" if more else "")


def _is_doubtful(column: Column) -> bool:
    """Return whether a column is an unlikely one of labels by its values, and not known by its name."""
    if _plain(column.name) in _KNOWN["labels"]:
        return False
    return len(column.counts) < _MIN_LIKELY_LABELS or column.values.isna().mean() > _MAX_MISSING_FRACTION


def _rank(name: str, role: Role) -> int:
    """Return the position of a name among those of a role; later for one that contains such a name, last for others."""
    plain, known = _plain(name), _KNOWN[role]
    if plain in known:
        return known.index(plain)
    return len(known) + (0 if any(word in plain for word in known) else 1)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _holds_fractions(values: "pd.Series[Any]") -> bool:
    if values.dtype.kind != "O":
        return values.dtype.kind == "f"
    return any(isinstance(value, float | np.floating) for value in values.dropna().unique())


def _texts(surveys: Sequence[Survey], name: str) -> "pd.Series[Any]":
    parts = [survey.obs[name] for survey in surveys]
    return pd.concat([part.astype(object).where(part.isna(), part.astype(str)) for part in parts], ignore_index=True)
