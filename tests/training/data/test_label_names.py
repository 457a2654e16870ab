"""Names of labels: words for no label, renaming, and groups."""

from pathlib import Path

import anndata
import msgspec
import numpy as np
import pandas as pd
import pytest

from smile_runtime.errors import RecipeError
from smile_training.data.label_columns import Labels, read_labels
from smile_training.data.label_names import name_labels
from smile_training.recipe.records import Data, Source


def named(adata: anndata.AnnData, data: Data) -> tuple[Labels, ...]:
    (columns,) = name_labels([read_labels(adata, data, Path("x.h5ad"))], data, [Path("x.h5ad")])
    return columns


def _typed(*labels: str | None) -> anndata.AnnData:
    obs = pd.DataFrame({"type": pd.Categorical(labels)}, index=[f"c{row}" for row in range(len(labels))])
    return anndata.AnnData(np.ones((len(labels), 1)), obs=obs)


TYPES = Data(path="x.h5ad", source=Source(name="x", license="x"), label_key="type")


@pytest.mark.parametrize("word", ["unknown", "Unknown", "nan", "NaN", "NA", "None", "", " "])
def test_a_word_for_no_label_is_no_type(word: str) -> None:
    with pytest.raises(RecipeError, match=r"count these cells as unlabeled with data\.unlabeled = \["):
        named(_typed("B", word), TYPES)


def test_cells_with_an_unlabeled_word_have_no_label() -> None:
    data = msgspec.structs.replace(TYPES, unlabeled=["unknown", "Unassigned"])
    (labels,) = named(_typed("B", "unknown", None, "Unassigned", "T"), data)
    assert labels.column.labels == ["B", "T"]
    assert labels.ids.tolist() == [0, -1, -1, -1, 1]


def test_a_doubtful_label_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    named(_typed("B", "Doublet"), TYPES)
    assert "has the label 'Doublet' in 'type', which is trained as a type" in caplog.text


def test_labels_are_renamed_in_every_column_before_unlabeled_ones_are_dropped() -> None:
    adata = _typed("B cells", "B", "doubt", "T")
    adata.obs["fine"] = ["B cells", "naive", "naive", "T"]
    renamed = {"B cells": "B", "doubt": "unknown"}
    data = msgspec.structs.replace(TYPES, more_labels=["fine"], renamed_labels=renamed, unlabeled=["unknown"])
    primary, fine = named(adata, data)
    assert primary.names().tolist() == ["B", "B", None, "T"]
    assert (primary.column.labels, fine.names().tolist()) == (["B", "T"], ["B", "naive", "naive", "T"])


def test_renamed_labels_may_swap_names() -> None:
    data = msgspec.structs.replace(TYPES, renamed_labels={"B": "T", "T": "B"})
    assert named(_typed("B", "T"), data)[0].names().tolist() == ["T", "B"]


def test_one_file_that_holds_a_renamed_label_is_enough() -> None:
    data = msgspec.structs.replace(TYPES, renamed_labels={"b": "B"})
    read = [read_labels(_typed(*types), data, Path("x.h5ad")) for types in (["b"], ["B"])]
    assert [columns[0].column.labels for columns in name_labels(read, data, [Path("x.h5ad")] * 2)] == [["B"], ["B"]]
    with pytest.raises(RecipeError, match=r"data\.renamed_labels names the label 'b', .*; the labels are: B, T"):
        named(_typed("B", "T"), data)


GROUPED = msgspec.structs.replace(TYPES, levels=["broad"], groups={"broad": {"T": ["CD4", "CD8"]}})


def test_groups_are_a_column_and_other_labels_are_groups_of_their_own() -> None:
    primary, broad = named(_typed("CD4", "B", "CD8", None), GROUPED)
    assert (primary.column.name, broad.column.name) == ("type", "broad")
    assert broad.names().tolist() == ["T", "B", "T", None]


def test_groups_hold_labels_under_their_new_names() -> None:
    data = msgspec.structs.replace(GROUPED, renamed_labels={"CD4+": "CD4"})
    assert named(_typed("CD4+", "CD8"), data)[1].names().tolist() == ["T", "T"]


def test_a_grouped_label_that_no_file_holds_is_named() -> None:
    with pytest.raises(RecipeError, match=r"data\.groups\.broad names the label 'CD8', .*; the labels are: B, CD4"):
        named(_typed("CD4", "B"), GROUPED)


def test_groups_by_terms_may_list_finer_labels_and_groups_of_other_columns() -> None:
    adata = _typed("CD4", "B")
    adata.obs["fine"] = ["CD4 naive", None]
    groups = {"broad": {"T": ["T", "CD4", "CD4 naive"]}, "lineage": {"Lymphoid": ["T", "CD4", "CD4 naive", "B"]}}
    data = msgspec.structs.replace(TYPES, levels=["lineage", "broad"], finer_levels=["fine"], groups=groups)
    names = {labels.column.name: labels.names().tolist() for labels in named(adata, data)}
    assert (names["broad"], names["lineage"]) == (["T", "B"], ["Lymphoid", "Lymphoid"])


def test_a_group_without_a_primary_label_is_named() -> None:
    adata = _typed("CD4", "B")
    adata.obs["fine"] = ["CD4 naive", None]
    groups = {"broad": {"T": ["CD4 naive"]}}
    data = msgspec.structs.replace(TYPES, levels=["broad"], finer_levels=["fine"], groups=groups)
    with pytest.raises(RecipeError, match="has the group 'T' without a label of 'type', whose labels are: B, CD4"):
        named(adata, data)


def test_a_finer_level_that_no_file_has_is_named() -> None:
    data = msgspec.structs.replace(TYPES, finer_levels=["fine"])
    with pytest.raises(RecipeError, match=r"no file has labels in the obs column 'fine'"):
        named(_typed("B"), data)
