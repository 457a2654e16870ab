"""Drafting a recipe from data files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from smile_runtime.errors import RecipeError
from smile_training.data import NO_LABELS, Survey, file_titles, require_shared_features, survey_file
from smile_training.draft.column import Column, batches_by_file, choose_column
from smile_training.draft.origin import common_folder, find_organism, find_tissue, find_title, space_name
from smile_training.draft.plan import plan_lines
from smile_training.recipe import Kind, Recipe, resolve_recipe

NO_COLUMN = "none"
"""Name that stands for no column of labels."""
_N_NEIGHBORS = 15
_HIDDEN = [256]
_MAX_SMALL_CELLS = 5_000  # more are trained on in fewer passes, and measured by one training
_MAX_STEPS = 3_000
_MIN_FOR_STEM = 50  # features, and cells in a fold, for the preset's components


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A recipe drafted from data files.

    Attributes
    ----------
    recipe
        Recipe, with what the files do not say left as not stated.
    folder
        Folder that its paths are relative to.
    plan
        What is trained on and what is odd about it, one line each.
    """

    recipe: Recipe
    folder: Path
    plan: tuple[str, ...]


def draft_recipe(
    paths: Sequence[Path],
    *,
    labels: str | None,
    batch: str | None = None,
    kind: Kind | None = None,
    layer: str | None = None,
    name: str | None = None,
    title: str | None = None,
    epochs: int | None = None,
    evaluation: Literal["full", "sample", "none"] | None = None,
) -> Draft:
    """Draft the recipe of a space from data files of one kind of values.

    Parameters
    ----------
    paths
        Files, each with cells of its own; without a batch column each is a batch.
    labels
        Column of labels; ``none`` to train without.
    batch
        Column of batches; None for one batch in each file.
    kind
        Kind of values; None to recognize it by the features.
    layer
        Layer that holds the values; None for ``X``.
    name, title
        Name and title of the space; None to take those of the data.
    epochs
        Number of epochs; None for the preset's.
    evaluation
        How the space will be measured; None for ``sample`` with more than 5,000 cells, otherwise ``full``.

    Raises
    ------
    RecipeError, QueryError
        If a file or a column cannot be trained on, or the files do not go together.
    """
    surveys = [survey_file(path, kind, layer) for path in paths]
    folder = common_folder(paths)
    relative = [path.absolute().relative_to(folder).as_posix() for path in paths]
    _require_one_kind(surveys)
    organism = find_organism(surveys)
    require_shared_features({path: survey.var.index for path, survey in zip(relative, surveys, strict=True)})
    label_column = None if labels == NO_COLUMN else choose_column(surveys, labels, "labels")
    batch_column = None if batch is None else choose_column(surveys, batch, "batch")
    name = space_name(name or paths[0].stem)
    large = sum(len(survey.obs) for survey in surveys) > _MAX_SMALL_CELLS
    evaluation = evaluation or ("sample" if large else "full")
    fields = {
        "name": name,
        "title": title or find_title(surveys, name),
        "organism": organism,
        "tissue": find_tissue(surveys),
        "preset": "stem",
        "modalities": {
            surveys[0].kind: {
                **_stem_fields(surveys, label_column),
                "data": {
                    "path": relative[0] if len(relative) == 1 else relative,
                    **({"layer": layer} if layer else {}),
                    **({"distinct_cells": True} if _repeat_names(surveys) else {}),
                    **({"batch_key": batch} if batch else {}),
                    **_label_fields(label_column),
                },
            }
        },
        "network": {"hidden": _HIDDEN},
        "training": {
            "pairing": {"kind": "label_neighbour" if label_column else "neighbour", "n_neighbors": _N_NEIGHBORS},
            **({"epochs": epochs} if epochs else {}),
            **({"max_steps": _MAX_STEPS} if large else {}),
        },
        "reference": {"evaluation": "sample"} if evaluation == "sample" else {},
    }
    recipe = resolve_recipe(fields, f"drafted from {paths[0]}")
    batches = batches_by_file(surveys, file_titles(relative), batch_column)
    measured = evaluation != "none" and label_column is not None
    plan = plan_lines(recipe, surveys, label_column, batches, measured=measured)
    return Draft(recipe=recipe, folder=folder, plan=tuple(plan))


def _stem_fields(surveys: Sequence[Survey], label_column: Column | None) -> dict[str, Any]:
    """Return discriminants if there are labels, and fewer components for few features or few cells in a fold."""
    limit = min(min(len(survey.var) for survey in surveys), sum(len(survey.obs) for survey in surveys) // 2)
    fields: dict[str, Any] = {} if label_column is None else {"discriminants": True}
    if limit <= _MIN_FOR_STEM:
        fields["n_components"] = max(1, limit // 2)
    return {"stem": fields} if fields else {}


def _label_fields(column: Column | None) -> dict[str, Any]:
    if column is None:
        return {}
    unlabeled = [label for label in column.counts.index if label.strip().lower() in NO_LABELS]
    return {"label_key": column.name, **({"unlabeled": unlabeled} if unlabeled else {})}


def _require_one_kind(surveys: Sequence[Survey]) -> None:
    first = surveys[0]
    for survey in surveys:
        if survey.kind != first.kind:
            raise RecipeError(
                f"{first.path.name} holds {first.kind} and {survey.path.name} holds {survey.kind}; a space of several "
                "modalities needs a recipe with a table for each"
            )


def _repeat_names(surveys: Sequence[Survey]) -> bool:
    """Return whether files have cells of the same name."""
    seen: set[object] = set()
    for survey in surveys:
        names = set(survey.obs.index)
        if seen & names:
            return True
        seen |= names
    return False
