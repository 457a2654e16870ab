"""Label columns: reading, merging and nesting."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import LabelColumn
from smile_training.data.label_columns import Labels, merge_labels, nest_labels, nest_levels, read_labels
from smile_training.recipe.records import Data, Source

DATA = Data(
    path="x.h5ad",
    source=Source(name="x", license="x"),
    label_key="type",
    levels=["compartment", "lineage"],
    more_labels=["tissue"],
)


def test_columns_are_read_from_fine_to_coarse_then_others() -> None:
    obs = pd.DataFrame(
        {
            "tissue": ["lung", "gut", None],
            "lineage": ["T", "T", "B"],
            "type": pd.Categorical(["CD8", "CD4", "B"]),
            "compartment": ["immune"] * 3,
        },
        index=list("abc"),
    )
    columns = read_labels(anndata.AnnData(np.ones((3, 1)), obs=obs), DATA, Path("x.h5ad"))
    assert [labels.column.name for labels in columns] == ["type", "lineage", "compartment", "tissue"]
    assert [labels.column.labels for labels in columns] == [
        ["B", "CD4", "CD8"],
        ["B", "T"],
        ["immune"],
        ["gut", "lung"],
    ]
    assert [labels.ids.tolist() for labels in columns] == [[2, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, -1]]
    assert columns[3].names().tolist() == ["lung", "gut", None]


def test_an_error_names_a_missing_level() -> None:
    adata = anndata.AnnData(np.ones((2, 1)), obs=pd.DataFrame({"type": ["a", "b"]}, index=["c0", "c1"]))
    with pytest.raises(RecipeError, match=r"x\.h5ad has no obs column 'lineage'; its columns are: type"):
        read_labels(adata, DATA, Path("x.h5ad"))


def test_on_conflict_the_first_set_of_labels_wins() -> None:
    first = Labels.from_ids("type", "TX", np.array([0, -1]))
    second = Labels.from_ids("kind", "BT", np.array([0, 0, 1]))
    both = merge_labels([(first, np.array([0, 1])), (second, np.array([0, 1, 3]))], 4)
    assert (both.column.name, both.column.labels) == ("type", ["B", "T"])
    assert both.ids.tolist() == [1, 0, -1, 1]


FINE = Labels.from_ids("type", ["B", "CD4", "CD8"], np.array([0, 1, 2, 2, -1, 1]))


def test_a_finer_label_determines_the_coarser_one() -> None:
    """A cell with a finer label gets the coarser one even if it is missing in the file."""
    coarse = Labels.from_ids("lineage", ["B", "T"], np.array([0, 1, 1, -1, 0, -1]))
    fine, filled = nest_labels(FINE, coarse)
    assert (fine.column.within, fine.column.parents) == ("lineage", [0, 1, 1])
    assert filled.ids.tolist() == [0, 1, 1, 1, 0, 1]
    assert filled.column.within is None


def test_a_label_within_two_coarser_ones_is_rejected() -> None:
    coarse = Labels.from_ids("lineage", ["B", "T"], np.array([0, 1, 1, 0, 0, -1]))
    with pytest.raises(
        RecipeError, match=r"label 'CD8' of 'type' belongs to 'B' and 'T' of the coarser 'lineage'; .* more_labels"
    ):
        nest_labels(FINE, coarse)


def test_a_label_without_a_coarser_one_is_rejected() -> None:
    coarse = Labels.from_ids("lineage", ["B", "T"], np.array([0, -1, 1, 1, 0, -1]))
    with pytest.raises(
        RecipeError, match="no cell with the label 'CD4' of 'type' has a label in the coarser 'lineage'"
    ):
        nest_labels(FINE, coarse)


def labels(name: str, *values: str | None) -> Labels:
    present = sorted({value for value in values if value is not None})
    ids = [-1 if value is None else present.index(value) for value in values]
    return Labels.from_ids(name, present, np.array(ids))


PRIMARY = labels("type", "T", "T", "T", "T", "B", "B")


def test_a_file_may_lack_a_finer_level() -> None:
    obs = pd.DataFrame({"type": ["T", "B"]}, index=["a", "b"])
    data = Data(path="x.h5ad", label_key="type", finer_levels=["subtype"])
    read = read_labels(anndata.AnnData(np.ones((2, 1)), obs=obs), data, Path("x.h5ad"))
    assert [(each.column.name, each.names().tolist()) for each in read] == [
        ("type", ["T", "B"]),
        ("subtype", [None, None]),
    ]


def test_a_missing_or_repeated_finer_label_becomes_that_of_the_type() -> None:
    fine = labels("subtype", "naive", "memory", None, "T", None, "B")
    broad = labels("broad", *["lymphoid"] * 6)
    primary, coarse, finer = nest_levels([fine], PRIMARY, [broad])
    assert finer.names().tolist() == ["naive", "memory", "T", "T", "B", "B"]
    assert finer.column == LabelColumn(
        name="subtype", labels=["B", "T", "memory", "naive"], within="type", parents=[0, 1, 1, 1]
    )
    assert (primary.column.within, coarse.column.within) == ("broad", None)
    assert (primary.ids >= 0).all()


def test_several_finer_levels_are_completed_from_both_sides() -> None:
    """The first cell has no label in the middle level but in the finest; the second the other way around."""
    middle = labels("middle", None, "naive", "naive", None, None, None)
    finest = labels("finest", "recent", None, "recent", "T", None, None)
    _, middle, finest = nest_levels([middle, finest], PRIMARY, [])
    assert middle.names().tolist() == ["naive", "naive", "naive", "T", "B", "B"]
    assert finest.names().tolist() == ["recent", "naive", "recent", "T", "B", "B"]
    assert (middle.column.within, finest.column.within) == ("type", "middle")


def test_a_finer_label_of_two_types_is_rejected() -> None:
    fine = labels("subtype", "naive", None, None, None, "naive", None)
    with pytest.raises(RecipeError, match="label 'naive' of 'subtype' belongs to 'B' and 'T' of the coarser 'type'"):
        nest_levels([fine], PRIMARY, [])
