"""Names of labels: those that a recipe gives to the labels of all files, and groups of them."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import LabelColumn
from smile_training.data.label_columns import Labels, label_keys, relabeled
from smile_training.recipe import Data

logger = logging.getLogger(__name__)

NO_LABELS = frozenset({"", "unknown", "nan", "na", "n/a", "none", "null"})
"""Words, in lower case, for a cell without a label; ``unknown`` is also what a projection calls an unfamiliar cell."""
DOUBTFUL_LABELS = frozenset(
    {"unassigned", "unclassified", "unlabeled", "unlabelled", "undetermined", "ambiguous", "doublet", "doublets"}
    | {"multiplet", "multiplets", "low quality", "low-quality", "other", "tbd"}
)
"""Words, in lower case, that rarely name a cell type."""


def name_labels(by_file: Sequence[tuple[Labels, ...]], data: Data, paths: Sequence[Path]) -> list[tuple[Labels, ...]]:
    """Rename, drop and group the labels of all files of a modality, as its recipe states.

    Parameters
    ----------
    by_file
        Label columns of each file, as read.
    data
        The modality's data section of the recipe.
    paths
        Paths of the files.

    Raises
    ------
    RecipeError
        If no file holds a label or a finer level that the recipe names, or a label is a word for no label that the
        recipe does not list as ``unlabeled``.
    """
    _require_finer_levels(by_file, data)
    new_names, unlabeled = data.renamed_labels or {}, dict.fromkeys(data.unlabeled or [])
    _require_held(new_names, [labels for columns in by_file for labels in columns], "data.renamed_labels")
    by_file = [tuple(relabeled(relabeled(each, new_names), unlabeled) for each in columns) for columns in by_file]
    for columns, path in zip(by_file, paths, strict=True):
        for labels in columns:
            _require_types(labels.column, path)
    _require_members(data.groups or {}, by_file)
    return [_with_groups(columns, data) for columns in by_file]


def _with_groups(columns: tuple[Labels, ...], data: Data) -> tuple[Labels, ...]:
    """Return all label columns of a file in the order of `label_keys`, with those that group the primary one."""
    by_name = {labels.column.name: labels for labels in columns}
    for name, groups in (data.groups or {}).items():
        group_of = {label: group for group, labels in groups.items() for label in labels}
        by_name[name] = relabeled(columns[0], group_of, name)
    return tuple(by_name[key] for key in label_keys(data))


def _require_held(names: Collection[str], columns: Sequence[Labels], field: str) -> None:
    held = {label for labels in columns for label in labels.column.labels}
    if missing := [name for name in names if name not in held]:
        raise RecipeError(
            f"{field} names the label {missing[0]!r}, which no file holds; the labels are: "
            f"{', '.join(sorted(held)) or 'none'}"
        )


def _require_members(groups: Mapping[str, Mapping[str, Sequence[str]]], by_file: Sequence[tuple[Labels, ...]]) -> None:
    """Raise if a group lists a label that no column holds, or none of the primary labels.

    Labels of finer columns and groups of others have terms of the ontology, too, by which groups are listed.
    """
    columns = [labels for columns in by_file for labels in columns]
    primary = {label for file in by_file for labels in file[:1] for label in labels.column.labels}
    derived = {group for members in groups.values() for group in members}
    for name, members in groups.items():
        listed = [label for labels in members.values() for label in labels if label not in derived]
        _require_held(listed, columns, f"data.groups.{name}")
        if empty := [group for group, labels in members.items() if primary.isdisjoint(labels)]:
            raise RecipeError(
                f"data.groups.{name} has the group {empty[0]!r} without a label of {by_file[0][0].column.name!r}, "
                f"whose labels are: {', '.join(sorted(primary)) or 'none'}"
            )


def _require_finer_levels(by_file: Sequence[tuple[Labels, ...]], data: Data) -> None:
    for name in data.finer_levels or []:
        if not any(labels.column.labels for columns in by_file for labels in columns if labels.column.name == name):
            raise RecipeError(
                f"no file has labels in the obs column {name!r}; correct its name in data.finer_levels, or remove it"
            )


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
