"""Levels of label columns: which columns are finer, and which labels say nothing about a finer level.

Cells of a reference may be labeled to a different depth. In a column finer than the primary one, a label with the name
of its parent stands for cells of that type of which nothing finer is known.
"""

from collections.abc import Sequence

from smile_runtime.manifest.records import LabelColumn


def coarser_columns(column: LabelColumn, columns: Sequence[LabelColumn]) -> list[LabelColumn]:
    """Return the columns that a column nests in, from fine to coarse."""
    by_name = {each.name: each for each in columns}
    result: list[LabelColumn] = []
    while column.within is not None:
        column = by_name[column.within]
        result.append(column)
    return result


def order_by_level(columns: Sequence[LabelColumn]) -> list[int]:
    """Return the indices of all columns, each after the columns that it nests in."""
    return sorted(range(len(columns)), key=lambda index: len(coarser_columns(columns[index], columns)))


def is_finer_level(column: LabelColumn, columns: Sequence[LabelColumn]) -> bool:
    """Return whether a column is finer than the primary one, which is the first."""
    return any(each.name == columns[0].name for each in coarser_columns(column, columns))


def undetermined_labels(columns: Sequence[LabelColumn]) -> list[list[bool]]:
    """Return whether each label of each column says nothing about that level, because other cells have finer labels.

    Such a label has the name of its parent, which has further labels in a column finer than the primary one.
    """
    return [
        _undetermined(column, coarser_columns(column, columns)[0].labels)
        if is_finer_level(column, columns)
        else [False] * len(column.labels)
        for column in columns
    ]


def _undetermined(column: LabelColumn, coarser: Sequence[str]) -> list[bool]:
    return [
        parent >= 0 and label == coarser[parent] and column.parents.count(parent) > 1
        for label, parent in zip(column.labels, column.parents, strict=True)
    ]
