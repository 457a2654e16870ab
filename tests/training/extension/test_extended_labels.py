"""Labels of added cells in the columns of a reference, whose ids keep their meaning."""

import numpy as np
import pytest

from smile_runtime import RecipeError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Reference
from smile_training.extension.extended_labels import extend_labels

COLUMNS = (
    LabelColumn(name="type", labels=["CD4", "CD8", "B"], within="lineage", parents=[0, 0, 1]),
    LabelColumn(name="lineage", labels=["T", "B"], within="group", parents=[0, 0]),
    LabelColumn(name="group", labels=["lymphoid"]),
    LabelColumn(name="tissue", labels=["gut", "lung"]),
)
LABEL = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 1], [2, 1, 0, 1]])
NOTHING = np.array([None] * 4, dtype=object)


def points(label: np.ndarray = LABEL, columns: tuple[LabelColumn, ...] = COLUMNS) -> Reference:
    n = len(label)
    return Reference(
        embedding=np.eye(n, dtype=np.float32),
        weight=np.ones(n, np.float32),
        map=np.zeros((n, 2), np.float32),
        label=label,
        modality=np.zeros(n, np.int64),
        label_columns=columns,
        modalities=("rna",),
    )


def cells(*labels: str | None) -> np.ndarray:
    return np.array(labels, dtype=object)


def test_known_labels_bring_their_levels_and_new_ones_have_none() -> None:
    fine, lineage, group, tissue = extend_labels(
        points(), [cells("CD8", "B", "Mono", "CD4"), NOTHING, NOTHING, NOTHING]
    )
    assert fine.column.labels == ["CD4", "CD8", "B", "Mono"]
    assert (fine.column.parents, lineage.column, group.column) == ([0, 0, 1, -1], *COLUMNS[1:3])
    np.testing.assert_array_equal(fine.ids, [1, 2, 3, 0])
    np.testing.assert_array_equal(lineage.ids, [0, 1, -1, 0])
    np.testing.assert_array_equal(group.ids, [0, 0, -1, 0])
    np.testing.assert_array_equal(tissue.ids, [-1, 1, -1, 0])  # CD8 is in both tissues


def test_stated_levels_are_those_of_new_labels() -> None:
    stated = [
        cells("CD8", "Mono", "Mono", "Treg"),
        cells("NK", "M", None, "T"),
        cells("x", "myeloid", None, None),
        cells("skin", "lung", None, None),
    ]
    fine, lineage, group, tissue = extend_labels(points(), stated)
    assert (lineage.column.labels, lineage.column.parents) == (["T", "B", "M"], [0, 0, 1])
    assert group.column.labels == ["lymphoid", "myeloid"]
    assert fine.column.parents == [0, 0, 1, 2, 0]
    np.testing.assert_array_equal(lineage.ids, [0, 2, 2, 0])
    np.testing.assert_array_equal(group.ids, [0, 1, 1, 0])
    assert tissue.column.labels == ["gut", "lung", "skin"]
    np.testing.assert_array_equal(tissue.ids, [2, 1, -1, -1])


def test_a_new_label_has_one_parent() -> None:
    stated = [cells("Mono", "Mono", "B", "B"), cells("M", "T", None, None), NOTHING, NOTHING]
    with pytest.raises(RecipeError, match="new label 'Mono' have both 'T' and 'M' in the column 'lineage'"):
        extend_labels(points(), stated)


FINER = (
    LabelColumn(name="type", labels=["B", "T"], within="lineage", parents=[0, 0]),
    LabelColumn(name="lineage", labels=["lymphoid"]),
    LabelColumn(name="subtype", labels=["B", "T", "naive"], within="type", parents=[0, 1, 1]),
)
FINER_POINTS = points(np.array([[0, 0, 0], [1, 0, 1], [1, 0, 2]]), FINER)


def test_finer_labels_are_within_the_primary_ones_and_may_be_missing() -> None:
    stated = [cells("T", "T", "B", "Mono", "T"), cells(*[None] * 5), cells("naive", None, "plasma", None, "memory")]
    primary, lineage, subtype = extend_labels(FINER_POINTS, stated)
    assert subtype.column.labels == ["B", "T", "naive", "Mono", "memory", "plasma"]
    assert subtype.column.parents == [0, 1, 1, 2, 1, 0]
    assert subtype.names().tolist() == ["naive", "T", "plasma", "Mono", "memory"]
    assert primary.names().tolist() == ["T", "T", "B", "Mono", "T"]
    np.testing.assert_array_equal(lineage.ids, [0, 0, 0, -1, 0])


def test_a_finer_label_of_another_type_is_rejected() -> None:
    stated = [cells("B", "T"), cells(None, None), cells("naive", None)]
    with pytest.raises(
        RecipeError, match="the label 'naive' of 'subtype' belongs to 'B' and 'T' of the coarser 'type'"
    ):
        extend_labels(FINER_POINTS, stated)
