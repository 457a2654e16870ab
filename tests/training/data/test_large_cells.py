"""Cells read in two passes, compared with the same cells read as a whole."""

import logging
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
from msgspec.structs import replace

from smile_runtime.errors import QueryError, RecipeError, ValueKindError
from smile_training.data import large_cells, large_file
from smile_training.data.cells import Cells, read_cells
from smile_training.data.dataset import read_dataset
from smile_training.data.large_cells import are_large, read_large_cells
from smile_training.model.preprocessing_fit import fit_preprocessing, select_features
from smile_training.recipe.records import Data, Modality, PreprocessingSettings, Source

pytestmark = pytest.mark.filterwarnings("ignore:((Writing )?zarr v|Consolidated metadata):UserWarning")

N_TOP = 20


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_cells, "MAX_WHOLE_BYTES", 0)
    monkeypatch.setattr(large_cells, "MAX_JOINED_BYTES", 0)
    monkeypatch.setattr(large_file, "MAX_CHUNK_CELLS", 7)


@pytest.fixture
def counts(simulated: Callable[..., anndata.AnnData]) -> anndata.AnnData:
    """Return 180 cells of two batches, not sorted by batch."""
    return simulated()


def modality(settings: PreprocessingSettings | None = None, **fields: object) -> Modality:
    defaults = {"path": "cells.h5ad", "batch_key": "batch", "label_key": "cell_type", "n_top_features": N_TOP}
    data = Data(**{**defaults, "source": Source(name="simulated", license="CC0-1.0"), **fields})
    return Modality(kind="rna", data=data, preprocessing=settings or PreprocessingSettings())


def read_both(adata: anndata.AnnData, folder: Path, how: Modality) -> tuple[Cells, Cells]:
    """Return the cells as selected from all features, and from those of two passes."""
    adata.write_h5ad(folder / "cells.h5ad")
    return tuple(
        select_features(cells, how.data, how.preprocessing)
        for cells in (read_cells("rna", how, folder), read_large_cells(how, folder))
    )


def assert_same(cells: Cells, expected: Cells) -> None:
    assert cells.features == expected.features
    np.testing.assert_array_equal(cells.raw.toarray(), expected.raw.toarray())
    np.testing.assert_array_equal(cells.size_factor, expected.size_factor)
    np.testing.assert_array_equal(cells.batches, expected.batches)
    np.testing.assert_array_equal(cells.labels, expected.labels)
    assert (cells.batch_names, cells.label_names) == (expected.batch_names, expected.label_names)
    assert cells.names.tolist() == expected.names.tolist()
    assert cells.raw.dtype == cells.size_factor.dtype == np.float32
    assert cells.raw.has_sorted_indices


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {}),
        ({}, {"batch_key": None, "label_key": None}),
        ({}, {"min_cells": 120}),
        ({}, {"select": "count"}),
        ({}, {"select": "idf", "min_cells": 30}),
        ({"values": "presence", "target_sum": "none", "binarize": True}, {}),
        ({"values": "counts", "target_sum": "none", "log1p": False}, {}),
    ],
)
def test_two_passes_select_the_same_features(
    counts: anndata.AnnData, tmp_path: Path, settings: dict, fields: dict
) -> None:
    how = modality(PreprocessingSettings(**settings), **fields)
    expected, cells = read_both(counts, tmp_path, how)
    assert len(cells.features) == N_TOP
    assert_same(cells, expected)


@pytest.mark.parametrize("store", ["csc", "dense", "lognorm", "zarr", "layer", "narrow indices"])
def test_two_passes_read_every_form_of_values(counts: anndata.AnnData, tmp_path: Path, store: str) -> None:
    how = modality(layer="counts" if store == "layer" else None)
    if store == "csc":
        counts.X = counts.X.tocsc()
    elif store == "dense":
        counts.X = counts.X.toarray()
    elif store == "layer":
        counts.layers["counts"] = counts.X.copy()
    elif store == "lognorm":
        totals = np.asarray(counts.X.sum(axis=1))
        counts.X = scipy.sparse.csr_matrix(counts.X.multiply(1e4 / totals).log1p())
    elif store == "narrow indices":
        counts.X.indptr = counts.X.indptr.astype(np.int64)
        counts.X.indices = counts.X.indices.astype(np.int8)
    expected, cells = read_both(counts, tmp_path, how)
    if store == "zarr":
        counts.write_zarr(tmp_path / "cells.zarr")
        how = replace(how, data=replace(how.data, path="cells.zarr"))
        cells = select_features(read_large_cells(how, tmp_path), how.data, how.preprocessing)
    assert_same(cells, expected)


def test_twice_as_many_features_are_read_as_selected(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts.write_h5ad(tmp_path / "cells.h5ad")
    cells = read_large_cells(modality(), tmp_path)
    assert len(cells.features) == 2 * N_TOP
    assert cells.left_out is not None
    assert sorted(cells.features + cells.left_out.features) == sorted(counts.var_names)
    np.testing.assert_array_equal(cells.left_out.n_cells, np.bincount(cells.batches))


def test_a_fold_of_whole_batches_selects_the_same_features(counts: anndata.AnnData, tmp_path: Path) -> None:
    """The bins of one batch hold all features, although only some were read."""
    counts.write_h5ad(tmp_path / "cells.h5ad")
    how = modality()
    whole, large = read_cells("rna", how, tmp_path), read_large_cells(how, tmp_path)
    fold = np.flatnonzero(whole.batches == 1)
    expected = select_features(whole.subset(fold), how.data, how.preprocessing)
    chosen = select_features(large.subset(fold), how.data, how.preprocessing)
    known = set(expected.features) & set(large.features)
    assert known <= set(chosen.features)
    assert len(known) > N_TOP / 2
    half = np.flatnonzero(np.arange(len(whole)) % 2)
    assert len(select_features(large.subset(half), how.data, how.preprocessing).features) == N_TOP


def test_a_dataset_reads_large_files_in_passes(
    counts: anndata.AnnData, tmp_path: Path, make_recipe: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts.write_h5ad(tmp_path / "counts.h5ad")
    recipe = make_recipe(data={"batch_key": "batch", "label_key": "cell_type", "n_top_features": N_TOP})
    assert len(read_dataset(recipe, tmp_path).cells["rna"].features) == 2 * N_TOP
    monkeypatch.setattr(large_cells, "MAX_WHOLE_BYTES", 8 * counts.X.nnz)
    assert len(read_dataset(recipe, tmp_path).cells["rna"].features) == counts.n_vars


def test_the_size_of_dense_values_is_that_of_their_sparse_form(
    counts: anndata.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts.X = counts.X.toarray() * (np.random.default_rng(0).random(counts.shape) < 0.1)
    counts.write_h5ad(tmp_path / "cells.h5ad")
    monkeypatch.setattr(large_cells, "MAX_WHOLE_BYTES", 8 * np.count_nonzero(counts.X) - 1)
    assert are_large(modality(), tmp_path)
    monkeypatch.setattr(large_cells, "MAX_WHOLE_BYTES", 8 * np.count_nonzero(counts.X))
    assert not are_large(modality(), tmp_path)


@pytest.mark.parametrize("fields", [{"simulate": "mark"}, {"path": "cells.h5mu"}, {"layer": "missing"}])
def test_other_data_is_read_as_a_whole(counts: anndata.AnnData, tmp_path: Path, fields: dict) -> None:
    counts.write_h5ad(tmp_path / "cells.h5ad")
    assert not are_large(modality(**fields), tmp_path)
    levels = PreprocessingSettings(values="levels", target_sum="none", log1p=False)
    assert not are_large(modality(levels), tmp_path)


def test_several_files_are_joined_in_the_features_that_all_measured(
    counts: anndata.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts[:100, 10:].copy().write_h5ad(tmp_path / "one.h5ad")
    counts[100:, np.arange(79, -1, -1)].copy().write_h5ad(tmp_path / "two.h5ad")
    how = modality(path=["one.h5ad", "two.h5ad"], n_top_features=40)
    with caplog.at_level(logging.WARNING):
        cells = read_large_cells(how, tmp_path)
    assert "20 features are left out, because not all of the 2 files measured them; 70 are shared" in caplog.text
    assert cells.features == tuple(counts.var_names[10:80])
    np.testing.assert_array_equal(cells.raw.toarray(), counts.X.toarray()[:, 10:80])
    assert scipy.sparse.issparse(cells.raw)
    totals = np.concatenate([counts.X[:100, 10:].sum(axis=1), counts.X[100:, :80].sum(axis=1)])
    np.testing.assert_allclose(cells.size_factor, 1e4 / totals, rtol=1e-6)
    whole = read_cells("rna", how, tmp_path)
    assert cells.batch_names == whole.batch_names == ("one, batch0", "one, batch1", "two, batch0", "two, batch1")
    np.testing.assert_array_equal(cells.batches, whole.batches)
    np.testing.assert_array_equal(cells.labels, whole.labels)
    assert cells.names.tolist() == whole.names.tolist()


def test_shared_features_of_files_read_as_a_whole_are_the_same(
    counts: anndata.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts[:100, 10:].copy().write_h5ad(tmp_path / "one.h5ad")
    counts[100:, np.arange(79, -1, -1)].copy().write_h5ad(tmp_path / "two.h5ad")
    how = modality(path=["one.h5ad", "two.h5ad"], n_top_features=40, shared_features=True)
    with caplog.at_level(logging.WARNING):
        whole = read_cells("rna", how, tmp_path)
    assert "20 features are left out, because not all of the 2 files measured them; 70 are shared" in caplog.text
    assert_same(read_large_cells(how, tmp_path), whole)


def test_labels_and_genes_of_several_studies_are_named_alike_in_both_ways(
    counts: anndata.AnnData, tmp_path: Path
) -> None:
    """Of 90 genes, four have a former symbol or an Ensembl id in one file, and one of these is there twice."""
    symbols = [f"feature {column}" for column in range(90)]
    one, two = counts[:100].copy(), counts[100:].copy()
    one.var_names = ["RACK1", "CD4", "CD19", "MS4A1", *symbols[4:]]
    two.var_names = ["GNB2L1", "ENSG00000010610", "ENSG00000177455.3", "MS4A1", "ENSG00000204628", *symbols[5:]]
    one.obs["fine"] = one.obs["cell_type"].astype(str) + "a"
    two.obs["cell_type"] = two.obs["cell_type"].astype(str).str.replace("type0", "first")
    for name, adata in (("one", one), ("two", two)):
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    how = modality(
        path=["one.h5ad", "two.h5ad"],
        n_top_features=45,
        levels=["broad"],
        finer_levels=["fine"],
        renamed_labels={"first": "type0"},
        groups={"broad": {"low": ["type0", "type1"]}},
        gene_symbols=True,
        shared_features=True,
    )
    whole, large = (
        read_cells("rna", how, tmp_path, organism="Homo sapiens"),
        read_large_cells(how, tmp_path, organism="Homo sapiens"),
    )
    assert_same(large, whole)
    assert whole.features == ("RACK1", "CD4", "CD19", "MS4A1", *symbols[5:])
    # of RACK1 and of its id, the first that is named by a current name
    np.testing.assert_array_equal(whole.raw.toarray()[100:, 0], counts.X.toarray()[100:, 4])
    np.testing.assert_allclose(whole.size_factor[100:, 0], 1e4 / counts.X[100:].sum(axis=1).A1, rtol=1e-6)
    assert whole.label_names == ("type0", "type1", "type2")
    for labels, others in zip(whole.columns, large.columns, strict=True):
        assert labels.names().tolist() == others.names().tolist()
    assert [labels.column.name for labels in whole.columns] == ["cell_type", "broad", "fine"]
    assert set(whole.columns[1].names()) == {"low", "type2"}
    assert set(whole.columns[2].names()[100:]) == {None}


def test_several_files_select_by_their_own_batches(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts[counts.obs["batch"] == "batch1"].copy().write_h5ad(tmp_path / "b.h5ad")
    counts[counts.obs["batch"] == "batch0"].copy().write_h5ad(tmp_path / "a.h5ad")
    how = modality(path=["b.h5ad", "a.h5ad"])
    whole, large = read_cells("rna", how, tmp_path), read_large_cells(how, tmp_path)
    assert_same(
        select_features(large, how.data, how.preprocessing), select_features(whole, how.data, how.preprocessing)
    )


def test_a_cell_name_in_two_files_is_rejected(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts[:100].copy().write_h5ad(tmp_path / "one.h5ad")
    counts[98:].copy().write_h5ad(tmp_path / "two.h5ad")
    message = "2 cells have the name of a cell in another file, such as 'cell98'; set data.distinct_cells = true"
    with pytest.raises(RecipeError, match=message):
        read_large_cells(modality(path=["one.h5ad", "two.h5ad"]), tmp_path)
    cells = read_large_cells(modality(path=["one.h5ad", "two.h5ad"], distinct_cells=True), tmp_path)
    assert set(cells.names) >= {"one, cell98", "two, cell98"}


def test_files_without_shared_features_are_rejected(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts[:100, :40].copy().write_h5ad(tmp_path / "one.h5ad")
    counts[100:, 40:].copy().write_h5ad(tmp_path / "two.h5ad")
    with pytest.raises(RecipeError, match="the 2 data files share no features, such as 'gene0' in"):
        read_large_cells(modality(path=["one.h5ad", "two.h5ad"]), tmp_path)


def test_empty_cells_are_dropped_and_other_cells_kept(
    counts: anndata.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counts.X.data[counts.X.indptr[5] : counts.X.indptr[6]] = 0
    with caplog.at_level(logging.WARNING):
        expected, cells = read_both(counts, tmp_path, modality())
    assert_same(cells, expected)
    assert len(cells) == 179
    assert caplog.text.count("1 of 180 cells have no values and are left out") == 2
    assert caplog.text.count("1 of 90 features are zero in all cells and contribute nothing to training") == 2


def test_features_measured_in_no_cell_are_dropped(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts.X = counts.X.toarray()
    counts.X[:, 3] = np.nan
    expected, cells = read_both(counts, tmp_path, modality())
    assert_same(cells, expected)


def test_a_cell_that_contradicts_the_sample_starts_the_pass_again(counts: anndata.AnnData, tmp_path: Path) -> None:
    """Estimated counts in a few cells outside the sample make all values fractional counts."""
    many = anndata.concat([counts] * 12, index_unique="-")
    many.X = scipy.sparse.csr_matrix(many.X)
    estimated = slice(int(many.X.indptr[400]), int(many.X.indptr[440]))
    many.X.data[estimated] += 0.25
    expected, cells = read_both(many, tmp_path, modality())
    assert_same(cells, expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda adata: setattr(adata, "X", adata.X * -1.0), ValueKindError, r"cells\.h5ad: .* values are negative"),
        (lambda adata: adata.obs.drop(columns="batch", inplace=True), RecipeError, "has no obs column 'batch'"),
        (lambda adata: setattr(adata, "var_names", ["g"] * 90), RecipeError, "has repeated feature names, such as 'g'"),
        (lambda adata: setattr(adata, "obs_names", ["c"] * 180), RecipeError, "has repeated cell names, such as 'c'"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_errors_name_the_file(
    counts: anndata.AnnData, tmp_path: Path, change: Callable, error: type[QueryError], message: str
) -> None:
    change(counts)
    counts.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(error, match=message):
        read_large_cells(modality(), tmp_path)


def test_a_table_of_cells_is_joined(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts.obs[["batch", "cell_type"]].iloc[::-1].to_csv(tmp_path / "obs.tsv", sep="\t")
    bare = anndata.AnnData(counts.X, obs=pd.DataFrame(index=counts.obs_names), var=counts.var)
    expected, cells = read_both(bare, tmp_path, modality(obs="obs.tsv"))
    assert_same(cells, expected)
    assert cells.batch_names == ("batch0", "batch1")


def test_a_filter_that_leaves_no_feature_is_rejected(counts: anndata.AnnData, tmp_path: Path) -> None:
    counts.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(RecipeError, match=r"no feature is found in data\.min_cells = 181 cells"):
        read_large_cells(modality(min_cells=181), tmp_path)


def test_statistics_equal_those_of_cells_read_as_a_whole(counts: anndata.AnnData, tmp_path: Path) -> None:
    expected, cells = (
        fit_preprocessing(each, PreprocessingSettings()) for each in read_both(counts, tmp_path, modality())
    )
    np.testing.assert_array_equal(cells.mean, expected.mean)
    np.testing.assert_array_equal(cells.std, expected.std)
