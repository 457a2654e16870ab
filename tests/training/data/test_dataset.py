"""Datasets of several modalities: pairs, common labels, joined files and errors."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import LabelColumn
from smile_training.data.dataset import Dataset, read_dataset
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

SOURCE = {"name": "simulated", "licence": "CC0-1.0"}
ABOUT = dict.fromkeys(("name", "title", "description", "organism", "tissue", "licence"), "x")


def recipe(variant: str = "psmile", **data: dict[str, Any]) -> Recipe:
    fields = {name: {"data": {"path": f"{name}.h5ad", "source": SOURCE, **more}} for name, more in data.items()}
    return resolve_recipe({**ABOUT, "variant": variant, "modalities": fields}, "x.toml")


def write(folder: Path, name: str, names: list[str], n_features: int = 6, **obs: list[str | None]) -> anndata.AnnData:
    X = np.random.default_rng(len(name)).poisson(2.0, (len(names), n_features)).astype(np.float32) + 1
    table = pd.DataFrame(obs, index=names, dtype="category")
    adata = anndata.AnnData(X, obs=table, var=pd.DataFrame(index=[f"{name}{each}" for each in range(n_features)]))
    adata.write_h5ad(folder / f"{name}.h5ad")
    return adata


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return a folder with RNA of cells a to d and antibodies of c, b and e, each with labels of its own."""
    write(tmp_path, "rna", ["a", "b", "c", "d"], kind=["T", "B", "T", "T"])
    write(tmp_path, "adt", ["c", "b", "e"], kind=["T", "B", "NK"])
    return tmp_path


def read(folder: Path, variant: str = "psmile", **changes: dict[str, Any]) -> Dataset:
    data = {name: {"label_key": "kind", **changes.get(name, {})} for name in ("rna", "adt")}
    return read_dataset(recipe(variant, **data), folder)


def test_pairs_share_a_name_and_follow_the_order_of_the_first_modality(two: Path) -> None:
    dataset = read(two)
    rows, others = dataset.pairs("rna", "adt")
    assert dataset.cells["rna"].names[rows].tolist() == ["b", "c"]
    assert dataset.cells["adt"].names[others].tolist() == ["b", "c"]
    assert (rows.tolist(), others.tolist()) == ([1, 2], [1, 0])


def test_label_ids_mean_the_same_in_all_modalities(two: Path) -> None:
    dataset = read(two)
    assert dataset.label_names == ("B", "NK", "T")
    assert dataset.cells["rna"].labels.tolist() == [2, 0, 2, 2]
    assert dataset.cells["adt"].labels.tolist() == [2, 0, 1]
    names, labels = dataset.names()
    assert names.tolist() == ["a", "b", "c", "d", "e"]
    assert labels.tolist() == [2, 0, 2, 2, 1]


def test_an_unlabeled_cell_gets_the_label_of_its_partner(two: Path) -> None:
    dataset = read(two, adt={"label_key": None})
    assert dataset.cells["adt"].labels.tolist() == [1, 0, -1]  # T, B, and a cell without RNA
    assert dataset.label_names == ("B", "T")


def test_on_conflicting_labels_the_first_modality_wins(tmp_path: Path) -> None:
    write(tmp_path, "rna", ["a", "b"], kind=["T", "B"])
    write(tmp_path, "adt", ["a", "b"], kind=["B", "B"])
    assert read(tmp_path).cells["adt"].labels.tolist() == [1, 0]


LEVELS = {"levels": ["lineage"], "more_labels": ["tissue"]}


def test_levels_and_further_labels_are_combined_from_all_modalities(two: Path) -> None:
    """The lineage of B cells is known only from RNA, that of NK cells only from antibodies."""
    write(two, "rna", ["a", "b", "c"], kind=["T", "B", "T"], lineage=["l", "b", "l"], tissue=["gut", "lung", "gut"])
    write(two, "adt", ["c", "b", "e"], kind=["x", "x", "NK"], lineage=["x", None, "l"], tissue=["y", "y", "lung"])
    dataset = read(two, rna=LEVELS, adt=LEVELS)
    assert dataset.label_columns == (
        LabelColumn(name="kind", labels=["B", "NK", "T"], within="lineage", parents=[0, 1, 1]),
        LabelColumn(name="lineage", labels=["b", "l"]),
        LabelColumn(name="tissue", labels=["gut", "lung"]),
    )
    assert dataset.cells["rna"].label_ids.tolist() == [[2, 1, 0], [0, 0, 1], [2, 1, 0]]
    assert dataset.cells["adt"].label_ids.tolist() == [[2, 1, 0], [0, 0, 1], [1, 1, 1]]
    part = dataset.subset(np.array(["e"], dtype=object))
    assert part.label_columns == dataset.label_columns
    assert part.cells["adt"].label_ids.tolist() == [[1, 1, 1]]


def test_each_level_is_nested_in_the_next_coarser_one(tmp_path: Path) -> None:
    columns = {"kind": ["CD4", "CD8", "B", "Mono"], "lineage": ["T", "T", "B", "M"], "line": ["ly", "ly", "ly", "my"]}
    write(tmp_path, "rna", list("abcd"), **columns)
    write(tmp_path, "adt", list("ab"), kind=["CD4", "CD8"])
    kind, lineage, line = read(tmp_path, rna={"levels": ["line", "lineage"]}).label_columns
    assert (kind.labels, kind.within, kind.parents) == (["B", "CD4", "CD8", "Mono"], "lineage", [0, 2, 2, 1])
    assert (lineage.labels, lineage.within, lineage.parents) == (["B", "M", "T"], "line", [0, 1, 0])
    assert (line.labels, line.within, line.parents) == (["ly", "my"], None, [])


def test_a_modality_can_take_further_columns_from_its_partners(two: Path) -> None:
    write(two, "rna", ["a", "b", "c"], kind=["T", "B", "T"], lineage=["l", "b", "l"], tissue=["gut", "lung", "gut"])
    write(two, "adt", ["c", "b"], celltype=["T", "B"])
    dataset = read(two, rna=LEVELS, adt={"label_key": "celltype"})
    assert dataset.cells["adt"].label_ids.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert [labels.column for labels in dataset.cells["adt"].columns] == list(dataset.label_columns)


def test_a_labeled_cell_without_a_further_label_is_rejected(two: Path) -> None:
    write(two, "rna", ["a", "b", "c"], kind=["T", "B", None], tissue=["gut", None, "gut"])
    with pytest.raises(RecipeError, match=r"1 labeled cells of rna have no label in the column 'tissue'; fill it in"):
        read(two, rna={"more_labels": ["tissue"]})


def test_a_label_column_without_values_is_ignored(two: Path) -> None:
    write(two, "rna", ["a", "b", "c"], kind=[None, None, None])
    dataset = read(two, adt={"label_key": None})
    assert dataset.label_columns == ()
    assert dataset.label_names == ()
    assert dataset.cells["rna"].label_ids.shape == (3, 0)


def test_the_log_reports_the_number_of_pairs(two: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read(two)
    assert "rna and adt: 2 cells are paired; 2 of rna and 1 of adt are not" in caplog.text
    assert "2 pairs of rna and adt are fewer than a batch of 512; every batch contains all of them" in caplog.text


def test_a_subset_is_selected_by_cell_names(two: Path) -> None:
    part = read(two).subset(np.array(["e", "b", "zzz"], dtype=object))
    assert part.cells["rna"].names.tolist() == ["b"]
    assert part.cells["adt"].names.tolist() == ["b", "e"]
    assert part.label_names == ("B", "NK", "T")


def test_modalities_without_shared_cells_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, "rna", ["a", "b"], kind=["T", "B"])
    write(tmp_path, "adt", ["a-1", "b-1"], kind=["T", "B"])
    with pytest.raises(
        RecipeError, match=r"share 0 cells, too few .* rna has names like 'a', 'b', adt has names like 'a-1', 'b-1'"
    ):
        read(tmp_path)


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_repeated_cell_names_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, "rna", ["a", "a", "b"], kind=["T", "B", "B"])
    write(tmp_path, "adt", ["a", "b"], kind=["T", "B"])
    with pytest.raises(RecipeError, match=r"rna\.h5ad has repeated cell names, such as 'a'; make adata\.obs_names uni"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("variant", "names", "message"),
    [
        ("psmile", ["rna"], "has 1 modalities .rna., psmile needs 2"),
        ("mpsmile", ["rna", "adt", "atac"], "has 3 modalities .rna, adt, atac., mpsmile needs 2"),
        ("smile", ["rna", "adt"], "has 2 modalities .rna, adt., smile needs 1"),
        ("composition", ["rna"], "composition needs at least 2"),
        ("reference", [], "has 0 modalities .none., reference needs 2"),
    ],
)
def test_a_variant_needs_its_number_of_modalities(variant: str, names: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(variant, **{name: {} for name in names})


def test_the_files_of_one_modality_are_joined(tmp_path: Path) -> None:
    """The result has the cells and features of both files, with NaN for missing values; a shared cell appears once."""
    first = write(tmp_path, "rna", ["a", "b", "c"], kind=["T", "B", "T"], lane=["1", "1", "2"])
    second = write(tmp_path, "two", ["c", "d"], kind=["T", "NK"], lane=["1", "1"])
    second.var_names = ["rna5", "x", "y", "z", "rna0", "w"]
    second.write_h5ad(tmp_path / "two.h5ad")
    paths = {"path": ["rna.h5ad", "two.h5ad"], "batch_key": "lane", "label_key": "kind", "values": "counts"}
    cells = read_dataset(recipe("smile", rna=paths), tmp_path).cells["rna"]

    assert cells.names.tolist() == ["a", "b", "c", "d"]
    assert cells.features == (*(f"rna{each}" for each in range(6)), "x", "y", "z", "w")
    np.testing.assert_array_equal(cells.raw[:3, :6], first.X)
    np.testing.assert_array_equal(cells.raw[2, 6:], second.X[0, [1, 2, 3, 5]])
    np.testing.assert_array_equal(cells.raw[3, [5, 6, 7, 8, 0, 9]], second.X[1])
    assert np.isnan(cells.raw[3, 1:5]).all()
    assert np.isnan(cells.raw[:2, 6:]).all()
    assert [cells.batch_names[each] for each in cells.batches] == ["rna, 1", "rna, 1", "rna, 2", "two, 1"]
    assert [cells.label_names[each] for each in cells.labels] == ["T", "B", "T", "NK"]
    np.testing.assert_allclose(cells.size_factor[:, 0], 1e4 / np.r_[first.X.sum(axis=1), second.X[1].sum()], rtol=1e-6)


def test_shared_features_of_files_that_share_a_cell_are_those_of_the_first(tmp_path: Path) -> None:
    first = write(tmp_path, "rna", ["a", "b", "c"])
    second = write(tmp_path, "two", ["c", "d"])
    second.var_names = ["rna5", "x", "y", "z", "rna0", "w"]
    second.write_h5ad(tmp_path / "two.h5ad")
    paths = {"path": ["rna.h5ad", "two.h5ad"], "values": "counts", "shared_features": True}
    cells = read_dataset(recipe("smile", rna=paths), tmp_path).cells["rna"]

    assert (cells.names.tolist(), cells.features) == (["a", "b", "c", "d"], ("rna0", "rna5"))
    assert scipy.sparse.issparse(cells.raw)
    np.testing.assert_array_equal(cells.raw.toarray(), [*first.X[:, [0, 5]], second.X[1, [4, 0]]])
    np.testing.assert_allclose(cells.size_factor[:, 0], 1e4 / np.r_[first.X.sum(axis=1), second.X[1].sum()], rtol=1e-6)


def test_methylation_levels_keep_zeros_and_missing_values(tmp_path: Path) -> None:
    levels = np.array([[0, 0.5, np.nan], [1, np.nan, 0.25], [0, 0, 0]], np.float32)
    obs, var = pd.DataFrame(index=list("abc")), pd.DataFrame(index=["p", "q", "r"])
    anndata.AnnData(levels, obs=obs, var=var).write_h5ad(tmp_path / "methylation.h5ad")
    cells = read_dataset(recipe("smile", methylation={}), tmp_path).cells["methylation"]
    np.testing.assert_array_equal(cells.raw, levels)
    np.testing.assert_array_equal(cells.size_factor, 1)


def test_contacts_beyond_the_distance_limit_are_dropped(data_folder: Path) -> None:
    limit = {"path": "schic_pfc_chr1.h5ad", "contacts": {"max_distance": 3_000_000}}
    cells = read_dataset(recipe("smile", hic=limit), data_folder).cells["hic"]
    distance = [
        int(name.split(":")[1].split("-")[1][:-2]) - int(name.split(":")[1].split("-")[0]) for name in cells.features
    ]
    assert set(distance) == {0, 1, 2, 3}
    assert "chr1:0-3Mb" in cells.features


def read_with(folder: Path, change: Callable[[anndata.AnnData], None]) -> Dataset:
    adata = anndata.read_h5ad(folder / "adt.h5ad")
    change(adata)
    adata.write_h5ad(folder / "adt.h5ad")
    return read(folder)


def test_a_cell_without_counts_is_dropped_from_that_modality_alone(two: Path, caplog: pytest.LogCaptureFixture) -> None:
    def empty(adata: anndata.AnnData) -> None:
        adata.X[0] = 0

    with pytest.raises(RecipeError, match="share 1 cells"):
        read_with(two, empty)
    assert "1 of 3 cells have no values and are left out" in caplog.text


@pytest.mark.parametrize("kind", ["label", "label_neighbour"])
def test_pairing_by_label_without_labels_is_rejected_before_training(two: Path, kind: str) -> None:
    fields = {name: {"data": {"path": f"{name}.h5ad", "source": SOURCE}} for name in ("rna", "adt")}
    settings = resolve_recipe(
        {**ABOUT, "variant": "composition", "modalities": fields, "students": {"pairing": {"kind": kind}}}, "x.toml"
    )
    with pytest.raises(
        RecipeError, match=r"students\.pairing is by label, but the cells of rna have none; .*label_key"
    ):
        read_dataset(settings, two)


def test_unpaired_cells_need_labels_in_both_modalities(tmp_path: Path) -> None:
    write(tmp_path, "rna", ["a", "b", "c"], kind=["T", "B", "B"])
    write(tmp_path, "adt", ["d", "e", "f"])
    fields = {name: {"data": {"path": f"{name}.h5ad", "source": SOURCE}} for name in ("rna", "adt")}
    fields["rna"]["data"]["label_key"] = "kind"
    settings = resolve_recipe(
        {**ABOUT, "variant": "psmile", "modalities": fields, "training": {"pairing": {"unpaired": True}}}, "x.toml"
    )
    with pytest.raises(RecipeError, match=r"training\.pairing is by label, but the cells of adt have none"):
        read_dataset(settings, tmp_path)
