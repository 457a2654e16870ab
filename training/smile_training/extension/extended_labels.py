"""Label columns of a reference with the labels of added cells."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import LabelColumn, is_finer_level, order_by_level
from smile_runtime.mapping import Reference
from smile_training.data import Labels


def extend_labels(points: Reference, stated: Sequence[NDArray[np.object_]]) -> tuple[Labels, ...]:
    """Return the labels of added cells in the columns of a reference, whose ids keep their meaning.

    New labels come after those of the reference. In a coarser level, a label of the reference keeps its parent, and a
    new one gets the parent that the cells state. In an independent column, a cell without a label of its own gets the
    one that all points of its primary label have. Other cells have no label there (-1). In a level finer than the
    primary column, a cell without a label of its own gets the one with the name of its coarser label.

    Parameters
    ----------
    points
        Points of the reference.
    stated
        Labels that the cells state in each column, None for none, each of shape ``(n_cells,)``; each cell has a primary
        one.

    Raises
    ------
    RecipeError
        If cells of a new label state several coarser labels, or a finer label is not within their coarser one.
    """
    columns = points.label_columns
    index_of = {column.name: index for index, column in enumerate(columns)}
    finer_of = {column.within: index for index, column in enumerate(columns) if not is_finer_level(column, columns)}
    result: dict[int, Labels] = {}
    for index, column in enumerate(columns):
        if is_finer_level(column, columns):
            continue
        if column.name in finer_of:
            finer = finer_of[column.name]
            result[finer], result[index] = _nested(result[finer], len(columns[finer].labels), column, stated[index])
            continue
        labels = _extended(column, stated[index])
        if index > 0:
            inherited = _common_labels(points, index, len(result[0].column.labels))[result[0].ids]
            labels = replace(labels, ids=np.where(labels.ids >= 0, labels.ids, inherited))
        result[index] = labels
    for index in order_by_level(columns):
        within = columns[index].within
        if within is not None and index not in result:
            result[index] = _finer(columns[index], result[index_of[within]], stated[index])
    return tuple(result[index] for index in range(len(columns)))


def _finer(column: LabelColumn, coarse: Labels, stated: NDArray[np.object_]) -> Labels:
    """Return a level finer than the primary one, in which a cell without a label gets the name of its coarser one."""
    labels = _extended(column, np.where(stated == None, coarse.names(), stated))  # noqa: E711 (by element)
    parents = list(labels.column.parents)
    n_known = len(column.labels)
    for label, title in enumerate(labels.column.labels):
        found = set(coarse.ids[labels.ids == label].tolist()) | ({parents[label]} if label < n_known else set())
        if len(found) > 1:
            first, second = (coarse.column.labels[each] if each >= 0 else "none" for each in sorted(found)[:2])
            raise RecipeError(
                f"the label {title!r} of {column.name!r} belongs to {first!r} and {second!r} of the coarser "
                f"{coarse.column.name!r} in the space and the added cells; correct the labels of the cells, or remove "
                f"the column {column.name!r} from the files"
            )
        parents[label] = found.pop()
    return replace(labels, column=msgspec.structs.replace(labels.column, parents=parents))


def _extended(column: LabelColumn, values: NDArray[np.object_]) -> Labels:
    """Return a column with the labels of cells added to its own."""
    new = sorted({value for value in values if value is not None} - set(column.labels))
    labels = [*column.labels, *new]
    ids = {label: index for index, label in enumerate(labels)}
    parents = [*column.parents, *[-1] * len(new)] if column.within else []
    extended = msgspec.structs.replace(column, labels=labels, parents=parents)
    return Labels(extended, np.array([-1 if value is None else ids[value] for value in values], np.int64))


def _nested(fine: Labels, n_known: int, coarser: LabelColumn, stated: NDArray[np.object_]) -> tuple[Labels, Labels]:
    """Return a level with the parents of its new labels, and the next coarser level."""
    of_new = stated.copy()
    of_new[fine.ids < n_known] = None
    coarse = _extended(coarser, of_new)
    parents = list(fine.column.parents)
    for label in range(n_known, len(parents)):
        found = np.unique(coarse.ids[(fine.ids == label) & (coarse.ids >= 0)])
        if len(found) > 1:
            first, second = (coarse.column.labels[each] for each in found[:2])
            raise RecipeError(
                f"cells of the new label {fine.column.labels[label]!r} have both {first!r} and {second!r} in "
                f"the column {coarser.name!r}, a coarser level of the space; correct that column, or remove "
                "it from the files"
            )
        parents[label] = int(found[0]) if len(found) else -1
    column = msgspec.structs.replace(fine.column, parents=parents)
    return replace(fine, column=column), replace(coarse, ids=np.array([*parents, -1], np.int64)[fine.ids])


def _common_labels(points: Reference, index: int, n_primary: int) -> NDArray[np.int64]:
    """Return the label in a column that all points of each primary label have, or -1, shape ``(n_primary,)``."""
    common = np.full(n_primary, -1)
    for label in np.unique(points.label[:, 0]):
        found = np.unique(points.label[points.label[:, 0] == label, index])
        common[label] = found[0] if len(found) == 1 else -1
    return common
