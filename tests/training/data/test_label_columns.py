"""Label columns: reading, merging and nesting."""

from pathlib import Path

import anndata
import msgspec
import numpy as np
import pandas as pd
import pytest

from smile_runtime.errors import RecipeError
from smile_training.data.label_columns import Labels, merge_labels, nest_labels, read_labels
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


def _typed(*labels: str | None) -> anndata.AnnData:
    obs = pd.DataFrame({"type": pd.Categorical(labels)}, index=[f"c{row}" for row in range(len(labels))])
    return anndata.AnnData(np.ones((len(labels), 1)), obs=obs)


TYPES = Data(path="x.h5ad", source=Source(name="x", license="x"), label_key="type")


@pytest.mark.parametrize("word", ["unknown", "Unknown", "nan", "NaN", "NA", "None", "", " "])
def test_a_word_for_no_label_is_no_type(word: str) -> None:
    with pytest.raises(RecipeError, match=r"count these cells as unlabeled with data\.unlabeled = \["):
        read_labels(_typed("B", word), TYPES, Path("x.h5ad"))


def test_cells_with_an_unlabeled_word_have_no_label() -> None:
    data = msgspec.structs.replace(TYPES, unlabeled=["unknown", "Unassigned"])
    (labels,) = read_labels(_typed("B", "unknown", None, "Unassigned", "T"), data, Path("x.h5ad"))
    assert labels.column.labels == ["B", "T"]
    assert labels.ids.tolist() == [0, -1, -1, -1, 1]


def test_a_doubtful_label_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    read_labels(_typed("B", "Doublet"), TYPES, Path("x.h5ad"))
    assert "has the label 'Doublet' in 'type', which is trained as a type" in caplog.text


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
