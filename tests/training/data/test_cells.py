"""Reading the cells of a modality: values, labels, batches and errors."""

import logging
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy
from msgspec.structs import replace

from smile_runtime.errors import QueryError, RecipeError, ValueKindError
from smile_training.data.cell_table import columns_of_kind
from smile_training.data.cells import Cells, read_cells, warn_of_empty_features
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.recipe.records import Data, Modality, PreprocessingSettings, Source

COUNTS = np.array([[1, 3, 0, 6], [0, 0, 5, 0], [2, 2, 2, 2]], np.float32)

Read = Callable[..., Cells]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that writes an AnnData to an h5ad file and reads its cells back."""

    def write_and_read(
        adata: anndata.AnnData, settings: PreprocessingSettings | None = None, **fields: object
    ) -> Cells:
        adata.write_h5ad(tmp_path / "cells.h5ad")
        return read_cells("rna", modality(settings, **fields), tmp_path)

    return write_and_read


def modality(settings: PreprocessingSettings | None = None, **fields: object) -> Modality:
    data = Data(**{"path": "cells.h5ad", "source": Source(name="simulated", license="CC0-1.0"), **fields})
    return Modality(kind="rna", data=data, preprocessing=settings or PreprocessingSettings())


def logged(cells: Cells, settings: PreprocessingSettings | None = None) -> np.ndarray:
    """Return values after per-cell scale and log, ndarray of shape ``(n_cells, n_features)``."""
    fitted = fit_preprocessing(cells, settings or PreprocessingSettings())
    return fitted.transform(cells.raw, cells.size_factor).toarray()


def small(X: np.ndarray = COUNTS, **obs: list) -> anndata.AnnData:
    names = pd.DataFrame(index=[f"gene{column}" for column in range(X.shape[1])])
    cells = pd.DataFrame(obs, index=[f"cell{row}" for row in range(len(X))])
    return anndata.AnnData(scipy.sparse.csr_matrix(X), obs=cells, var=names)


def test_counts_are_scaled_to_the_target_sum_and_log_transformed(read: Read) -> None:
    cells = read(small())
    by_hand = np.log(1 + COUNTS * np.array([[1e4 / 10], [1e4 / 5], [1e4 / 8]]))
    np.testing.assert_allclose(logged(cells), by_hand, rtol=1e-6)
    np.testing.assert_array_equal(cells.raw.toarray(), COUNTS)
    np.testing.assert_allclose(cells.size_factor, [[1e4 / 10], [1e4 / 5], [1e4 / 8]])
    assert cells.raw.dtype == cells.size_factor.dtype == np.float32
    assert cells.features == ("gene0", "gene1", "gene2", "gene3")
    assert len(cells) == 3


def test_dense_and_sparse_values_give_the_same_cells(read: Read) -> None:
    dense = small()
    dense.X = COUNTS
    np.testing.assert_array_equal(logged(read(dense)), logged(read(small())))


def test_indices_narrower_than_their_pointers_are_read(tmp_path: Path) -> None:
    """anndata writes them with ``write_csr_csc_indices_with_min_possible_dtype``; scipy cannot compute with them."""
    adata = small(np.tile(COUNTS, (1, 30)))
    with anndata.settings.override(write_csr_csc_indices_with_min_possible_dtype=True):
        adata.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "r+") as file:
        indptr = file["X/indptr"][:]
        del file["X/indptr"]
        file["X/indptr"] = indptr.astype(np.int64)
        assert file["X/indices"].dtype == np.uint8
    np.testing.assert_array_equal(read_cells("rna", modality(), tmp_path).raw.toarray(), np.tile(COUNTS, (1, 30)))


def test_another_target_sum_without_logarithm(read: Read) -> None:
    settings = PreprocessingSettings(target_sum=10.0, log1p=False)
    values = logged(read(small(), settings), settings)
    np.testing.assert_allclose(values, COUNTS * 10 / COUNTS.sum(axis=1, keepdims=True), rtol=1e-6)


def test_target_sum_none_leaves_totals_as_they_are(read: Read) -> None:
    settings = PreprocessingSettings(target_sum="none")
    np.testing.assert_allclose(logged(read(small(), settings), settings), np.log1p(COUNTS), rtol=1e-6)


@pytest.mark.parametrize("total", [1e4, 1e6])
def test_lognormalized_values_give_the_same_as_their_counts(
    read: Read, simulated: Callable[..., anndata.AnnData], total: float
) -> None:
    """The total that they were normalized to makes no difference."""
    counts = simulated()
    lognorm = counts.copy()
    lognorm.X = (counts.X.multiply(total / counts.X.sum(axis=1))).log1p().tocsr()
    np.testing.assert_allclose(logged(read(lognorm)), logged(read(counts)), rtol=2e-5, atol=1e-6)


def test_a_layer_is_read_instead_of_x(read: Read) -> None:
    adata = small(-COUNTS)
    adata.layers["counts"] = scipy.sparse.csr_matrix(COUNTS)
    np.testing.assert_array_equal(logged(read(adata, layer="counts")), logged(read(small())))


def test_a_stated_kind_of_values_is_not_verified(read: Read) -> None:
    """Estimated counts, for example, are not integers."""
    cells = read(small(COUNTS * 1.5), values="counts")
    np.testing.assert_allclose(logged(cells), logged(read(small())), rtol=1e-6)


def joint() -> anndata.AnnData:
    """The small cells with three antibodies among their genes, one of them of the same name as a gene."""
    adata = small(np.hstack([np.full((3, 2), 500, np.float32), COUNTS, np.full((3, 1), 700, np.float32)]))
    adata.var_names = ["AB_1", "gene0", "gene0", "gene1", "gene2", "gene3", "AB_2"]
    antibodies = ["Antibody Capture"] * 2
    adata.var["feature_types"] = [*antibodies, *["Gene Expression"] * 4, antibodies[0]]
    return adata


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_a_joint_file_is_read_as_the_features_of_the_modality_alone(
    read: Read, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone, genes = read(small()), read(joint())
    assert genes.features == alone.features
    np.testing.assert_array_equal(genes.raw.toarray(), COUNTS)
    np.testing.assert_array_equal(genes.size_factor, alone.size_factor)
    assert "3 of 7 columns are left out: 3 antibodies, as var['feature_types'] states" in caplog.text
    settings = PreprocessingSettings(values="counts", target_sum="none", clr=True)
    antibodies = read_cells("protein", replace(modality(settings), kind="adt"), tmp_path)
    assert antibodies.features == ("AB_1", "gene0", "AB_2")


@pytest.mark.filterwarnings("ignore:var_names are not unique")
def test_the_table_of_a_modality_is_found_by_its_synonyms(tmp_path: Path) -> None:
    with mudata.set_options(pull_on_update=False):
        mudata.MuData({"gex": small(), "prot": small(COUNTS + 1)}).write(tmp_path / "cells.h5mu")
    np.testing.assert_array_equal(read_cells("rna", modality(path="cells.h5mu"), tmp_path).raw.toarray(), COUNTS)
    adt = replace(modality(path="cells.h5mu"), kind="adt")
    np.testing.assert_array_equal(read_cells("adt", adt, tmp_path).raw.toarray(), COUNTS + 1)


def test_antibodies_are_recognized_by_their_ids(read: Read) -> None:
    adata = small(np.tile(COUNTS, 2))
    adata.var_names = ["gene0", "gene1", "gene2", "gene3", *(f"CD{number}_TotalSeqB" for number in range(4))]
    assert read(adata).features == ("gene0", "gene1", "gene2", "gene3")


def test_label_and_batch_ids_index_sorted_names(read: Read) -> None:
    cells = read(small(kind=["b", None, "a"], donor=["z", "y", "z"]), label_key="kind", batch_key="donor")
    assert cells.label_names == ("a", "b")
    np.testing.assert_array_equal(cells.labels, [1, -1, 0])
    assert cells.batch_names == ("y", "z")
    np.testing.assert_array_equal(cells.batches, [1, 0, 1])


def test_unused_categories_are_not_labels(read: Read) -> None:
    adata = small(kind=["b", "a", "b"])
    adata.obs["kind"] = pd.Categorical(adata.obs["kind"], categories=["c", "b", "a"])
    cells = read(adata, label_key="kind")
    assert cells.label_names == ("a", "b")
    np.testing.assert_array_equal(cells.labels, [1, 0, 1])


def test_numbers_can_be_labels(read: Read) -> None:
    cells = read(small(cluster=[10, 9, 10]), label_key="cluster")
    assert cells.label_names == ("9", "10")
    np.testing.assert_array_equal(cells.labels, [1, 0, 1])


def test_without_keys_there_are_no_labels_and_one_batch(read: Read) -> None:
    cells = read(small())
    assert cells.label_names == ()
    np.testing.assert_array_equal(cells.labels, [-1, -1, -1])
    np.testing.assert_array_equal(cells.batches, [0, 0, 0])


def test_cells_without_a_batch_are_rejected(read: Read) -> None:
    with pytest.raises(RecipeError, match="donor"):
        read(small(donor=["a", None, "b"]), batch_key="donor")


def test_an_empty_cell_is_dropped_with_a_warning(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    X = COUNTS.copy()
    X[1] = 0
    with caplog.at_level(logging.WARNING):
        cells = read(small(X, kind=["b", "c", "a"]), label_key="kind")
    assert "1 of 3 cells have no values and are left out" in caplog.text
    assert len(cells) == 2
    assert [cells.label_names[label] for label in cells.labels] == ["b", "a"]
    assert list(cells.names) == ["cell0", "cell2"]
    np.testing.assert_allclose(logged(cells)[1], np.log1p(COUNTS[2] * 1e4 / 8), rtol=1e-6)


def test_a_cell_with_only_stored_zeros_is_empty(read: Read) -> None:
    adata = small(np.vstack([COUNTS, COUNTS[:1]]))
    adata.X.data[adata.X.indptr[1] : adata.X.indptr[2]] = 0.0
    assert len(read(adata)) == 3


def test_a_single_cell_with_values_is_too_few(read: Read) -> None:
    X = np.zeros_like(COUNTS)
    X[1] = 1
    with pytest.raises(RecipeError, match="1 cells with values are too few to train on; at least 2 are needed"):
        read(small(X))


def test_subsets_select_the_same_rows_and_columns_of_every_array(cells: Cells) -> None:
    rows, columns = np.array([7, 3, 50]), np.array([5, 1])
    part = cells.subset(rows).with_features(columns)
    np.testing.assert_array_equal(part.raw.toarray(), cells.raw.toarray()[rows][:, columns])
    np.testing.assert_array_equal(part.size_factor, cells.size_factor[rows])
    np.testing.assert_array_equal(part.names, cells.names[rows])
    np.testing.assert_array_equal(part.labels, cells.labels[rows])
    np.testing.assert_array_equal(part.batches, cells.batches[rows])
    assert part.features == ("gene5", "gene1")
    assert part.label_names == cells.label_names


def test_an_error_names_a_missing_column_and_the_available_ones(read: Read) -> None:
    for field in ("label_key", "batch_key"):
        with pytest.raises(
            RecipeError, match=r"cells\.h5ad has no obs column 'celltype'; its columns are: kind, donor"
        ):
            read(small(kind=["a", "b", "a"], donor=["x", "x", "y"]), **{field: "celltype"})


def test_an_error_names_a_missing_layer(read: Read) -> None:
    adata = small()
    adata.layers["raw"] = adata.X
    with pytest.raises(QueryError, match="no layer 'counts', its layers are: 'raw'"):
        read(adata, layer="counts")


def test_an_error_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"there is no data file .*cells\.h5ad; pass the folder that holds it \(data_folder\)"
    ):
        read_cells("rna", modality(), tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_rejected(read: Read, tmp_path: Path, share: float) -> None:
    read(small())
    path = tmp_path / "cells.h5ad"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecipeError, match=r"cells\.h5ad cannot be read as h5ad"):
        read_cells("rna", modality(), tmp_path)


@pytest.mark.filterwarnings("ignore:.*was written without encoding metadata")
def test_an_hdf5_file_that_is_not_anndata_is_rejected(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cells.h5ad", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(RecipeError, match=r"cells\.h5ad cannot be read as h5ad"):
        read_cells("rna", modality(), tmp_path)


def test_nan_is_rejected(read: Read) -> None:
    X = COUNTS.copy()
    X[0, 0] = np.nan
    with pytest.raises(ValueKindError, match="2 different sets of features"):
        read(small(X))


def test_features_that_are_nan_in_all_cells_are_dropped(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    X = np.column_stack([COUNTS, np.full(3, np.nan, np.float32)])
    cells = read(small(X))
    np.testing.assert_array_equal(cells.raw.toarray(), COUNTS)
    assert cells.features == ("gene0", "gene1", "gene2", "gene3")
    assert "1 feature is NaN in all cells; not counted as measured" in caplog.text


def test_joined_batches_that_measured_different_features_are_rejected(read: Read) -> None:
    X = np.tile(COUNTS, (200, 1))
    X[:300, 2] = np.nan
    with pytest.raises(
        ValueKindError, match=r"cells measured 2 different sets of features; write each batch to a file"
    ):
        read(small(X))


def test_files_of_different_cells_that_share_no_features_are_rejected(tmp_path: Path) -> None:
    """Files of the same cells may hold different features of them."""
    one, two = small(), small()
    two.var_names = [f"ENSG{number}" for number in range(4)]
    one.write_h5ad(tmp_path / "one.h5ad")
    two.write_h5ad(tmp_path / "two.h5ad")
    assert len(read_cells("rna", modality(path=["one.h5ad", "two.h5ad"]), tmp_path).features) == 8
    with pytest.raises(
        RecipeError, match=r"one shares only 0 of its 4 features with the other files.*'gene0'.*'ENSG0'"
    ):
        read_cells("rna", modality(path=["one.h5ad", "two.h5ad"], distinct_cells=True), tmp_path)


def test_numbers_of_features_have_separators_of_thousands(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_empty_features(1204, 13714)
    assert "1,204 of 13,714 features are zero in all cells" in caplog.text


def test_negative_values_are_rejected(read: Read) -> None:
    with pytest.raises(ValueKindError, match="8 values are negative"):
        read(small(-COUNTS))


def test_values_of_an_unknown_kind_are_rejected(read: Read) -> None:
    with pytest.raises(ValueKindError, match="neither counts nor log-normalized"):
        read(small(COUNTS * 10.5))


def test_repeated_feature_names_are_rejected(read: Read) -> None:
    adata = small()
    adata.var_names = ["gene0", "gene1", "gene0", "gene3"]
    with pytest.raises(RecipeError, match="repeated feature names"):
        read(adata)


def test_real_lognormalized_cells(data_folder: Path) -> None:
    pbmc = modality(path="pbmc_rna.h5ad", batch_key="batch", label_key="cell_type")
    cells = read_cells("rna", pbmc, data_folder)
    assert cells.raw.shape == (900, 1767)
    assert len(cells.label_names) == 9
    assert sorted(np.unique(cells.batches)) == [0, 1, 2]
    # The file was reduced to 1767 genes after normalization, so its values already are the expected ones.
    stored = anndata.read_h5ad(data_folder / "pbmc_rna.h5ad").X
    np.testing.assert_allclose(logged(cells), stored.toarray(), rtol=1e-5)


def test_real_counts_with_a_fractional_batch_are_taken_with_a_warning(
    data_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = read_cells("rna", modality(path="pancreas_rna.h5ad"), data_folder)
    assert "look like corrected or estimated counts; taking them as counts" in caplog.text
    np.testing.assert_allclose(np.expm1(logged(cells)).sum(axis=1), 1e4, rtol=1e-4)


def test_a_file_in_another_logarithm_gives_the_same_as_its_counts(
    read: Read, simulated: Callable[..., anndata.AnnData], caplog: pytest.LogCaptureFixture
) -> None:
    counts = simulated()
    scaled = counts.X.toarray() / counts.X.sum(axis=1) * 1e4
    other = counts.copy()
    other.X = scipy.sparse.csr_matrix(np.log2(1 + np.asarray(scaled)).astype(np.float32))
    np.testing.assert_allclose(logged(read(other)), logged(read(counts)), rtol=1e-4, atol=1e-5)
    assert "the values are log2(1 + x); undoing it first" in caplog.text


def test_errors_name_fields_of_the_recipe(read: Read) -> None:
    adata = small(np.zeros((3, 4), np.float32))
    adata.layers["counts"] = scipy.sparse.csr_matrix(COUNTS)
    with pytest.raises(
        ValueKindError, match=r"the layer 'counts' holds counts \(in the recipe: data.layer = \"counts\"\)"
    ):
        read(adata)
    with pytest.raises(ValueKindError, match=r"applies to log-normalized values.*\(in the recipe: data.target_sum\)$"):
        read(small(), target_sum=1e4)


def test_antibodies_that_are_no_counts_are_rejected(read: Read) -> None:
    X = np.random.default_rng(0).negative_binomial(1.2, 0.02, (30, 14)).astype(np.float64)
    settings = PreprocessingSettings(values="counts", target_sum="none", clr=True)
    with pytest.raises(ValueKindError, match=r"this encoder needs raw counts.*data.values = \"counts\"\)"):
        read(small(np.log1p(X / X.mean(axis=0)).astype(np.float32)), settings)
    by_cell = np.log1p(X / np.exp(np.log1p(X).mean(axis=1, keepdims=True)))
    cells = read(small(by_cell.astype(np.float32)), settings)
    np.testing.assert_allclose(cells.raw.toarray(), X, atol=0.01)


def test_genes_of_another_species_than_the_recipe_are_refused() -> None:
    var = pd.DataFrame(index=["Cd3e", "Ms4a1", "Nkg7", "Lyz2", "H2-Aa"])
    adata = anndata.AnnData(np.ones((2, 5), np.float32), var=var)
    with pytest.raises(RecipeError, match="has genes of Mus musculus, such as 'Cd3e', but the recipe states organism"):
        columns_of_kind(adata, Path("cells.h5ad"), kind="rna", organism="human")
    assert columns_of_kind(adata, Path("cells.h5ad"), kind="rna", organism="Mus musculus") is None
