"""The plan of a training: what is trained on, and what is odd about it."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from smile_training.data import Survey, count_files
from smile_training.draft.column import Column, are_numbers, usable_columns
from smile_training.draft.cost import estimate_cost
from smile_training.recipe import Recipe

_MAX_LISTED = 12
_MIN_LABEL_CELLS = 10
_MIN_SHARED_FRACTION = 0.5  # of all features, in every file


def plan_lines(
    recipe: Recipe, surveys: Sequence[Survey], labels: Column | None, batch: Column | None, *, measured: bool
) -> Iterator[str]:
    """Yield what is trained on, what it costs and what is odd about it, one line each."""
    n_features = len(count_files([survey.var.index for survey in surveys]))
    n_cells = sum(len(survey.obs) for survey in surveys)
    origin = f"organism {recipe.organism}, tissue {recipe.tissue}"
    yield f"{recipe.name}: {n_cells:,} cells, {n_features:,} features ({surveys[0].kind}); {origin}"
    for survey in surveys:
        yield f"  {survey.path.name}: {len(survey.obs):,} cells, {survey.values}"
    yield f"labels: {_summary(labels)}" if labels else "labels: none"
    yield f"batches: {_summary(batch)}" if batch else "batches: one"
    yield estimate_cost(recipe, n_cells, n_batches=len(batch.counts) if batch else 1, measured=measured)
    for line in _oddities(surveys, recipe, labels, batch):
        yield f"note: {line}"


def _oddities(surveys: Sequence[Survey], recipe: Recipe, labels: Column | None, batch: Column | None) -> Iterator[str]:
    yield from (survey.doubt for survey in surveys if survey.doubt)
    if len({survey.values for survey in surveys}) > 1:
        yield "the files hold different kinds of values; each is read by its own kind"
    yield from _feature_oddities(surveys)
    (modality,) = recipe.modalities.values()
    if modality.data.distinct_cells is True:
        yield (
            "cell names are repeated across files; each cell is named after its file and counts as a cell of its own; "
            "if the files measured the same cells, write a recipe, which joins them"
        )
    if labels is not None:
        yield from _label_oddities(surveys, recipe, labels)
    if batch is not None:
        yield from _batch_oddities(batch, labels)
    others = [column for column in usable_columns(surveys, "batch") if column.name != modality.data.label_key]
    if modality.data.batch_key is None and others:
        yield f"no batch column was chosen; a column that would do is {others[0]}"


def _feature_oddities(surveys: Sequence[Survey]) -> Iterator[str]:
    n_files = count_files([survey.var.index for survey in surveys])
    n_shared = int((n_files == len(surveys)).sum())
    if n_shared < _MIN_SHARED_FRACTION * len(n_files):
        yield (
            f"only {n_shared:,} of {len(n_files):,} features are in every file, and only these compare all "
            "cells; provide all measured features of each file, under the same ids"
        )


def _label_oddities(surveys: Sequence[Survey], recipe: Recipe, labels: Column) -> Iterator[str]:
    (modality,) = recipe.modalities.values()
    if are_numbers(surveys, labels.name):
        yield f"the numbers in {labels.name!r} are taken as names of types"
    if len(labels.counts) == 1:
        yield f"{labels.name!r} has one label for all cells, so that no type is told from another"
    for word in modality.data.unlabeled or ():
        yield f"{labels.counts[word]:,} cells are labeled {word!r} and are trained on without a label"
    if n_missing := int(labels.values.isna().sum()):
        yield f"{n_missing:,} cells have no label and are trained on without one"
    if len(few := labels.counts[labels.counts < _MIN_LABEL_CELLS]):
        yield f"labels with under {_MIN_LABEL_CELLS} cells are recognized poorly: {_listed(few)}"


def _batch_oddities(batch: Column, labels: Column | None) -> Iterator[str]:
    if len(batch.counts) == 1:
        yield f"{batch.name!r} has one value for all cells, so that no difference of batches is learned"
    if len(single := batch.counts[batch.counts == 1]):
        yield f"batches of one cell: {_listed(single)}"
    if labels is not None and len(batch.counts) > 1 and len(labels.counts) > 1:
        n_labels = labels.values.groupby(batch.values).nunique()
        if (n_labels <= 1).all():
            yield (
                f"each batch of {batch.name!r} has a single label of {labels.name!r}, so that differences of types and "
                "of batches cannot be told apart"
            )


def _summary(column: Column) -> str:
    return f"{column.name}, {len(column.counts):,} ({_listed(column.counts)})"


def _listed(counts: "pd.Series[Any]") -> str:
    shown = ", ".join(f"{name} {number:,}" for name, number in counts.iloc[:_MAX_LISTED].items())
    more = len(counts) - _MAX_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown
