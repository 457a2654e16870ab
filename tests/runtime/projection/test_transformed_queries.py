"""Queries in other logarithms, scaled or corrected land where their counts do, or are rejected with the right layer."""

import anndata
import dask.array as da
import numpy as np
import pytest
import scipy

from smile_runtime import ValueKindError, project, project_file
from smile_runtime.projection import file_projection

TRANSFORMS = {
    "log2(1 + x)": lambda scaled: np.log2(1 + scaled),
    "log10(1 + x)": lambda scaled: np.log10(1 + scaled),
    "ln(1 + ln(1 + x))": lambda scaled: np.log1p(np.log1p(scaled)),
    "arcsinh(x)": np.arcsinh,
    "sqrt(x)": np.sqrt,
}


def scaled(counts: anndata.AnnData) -> np.ndarray:
    X = counts.X.toarray().astype(np.float64)
    return X / X.sum(axis=1, keepdims=True) * 1e4


def with_values(counts: anndata.AnnData, X: np.ndarray) -> anndata.AnnData:
    return anndata.AnnData(
        scipy.sparse.csr_matrix(X.astype(np.float32)), obs=counts.obs.copy(), var=counts.var.copy(), uns={}
    )


def assert_same(one, other):
    np.testing.assert_allclose(one.obsm["X_smile"], other.obsm["X_smile"], atol=2e-4)
    assert one.obs["smile_label"].tolist() == other.obs["smile_label"].tolist()


@pytest.fixture
def expected(counts, space) -> anndata.AnnData:
    return project(counts, space, copy=True)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transformed_counts_land_where_counts_do(counts, space, expected, caplog, name):
    query = with_values(counts, TRANSFORMS[name](scaled(counts)))
    project(query, space)
    assert_same(query, expected)
    assert query.uns["smile"]["values_undone"] == name
    assert [record.getMessage() for record in caplog.records] == [f"the values are {name}; undoing it first"]


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data will no longer be the default")
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_a_file_in_another_logarithm_agrees_with_memory(counts, space, expected, tmp_path, suffix):
    query = with_values(counts, np.log2(1 + scaled(counts)))
    query.uns["log1p"] = {"base": 2}
    path = tmp_path / f"query.{suffix}"
    query.write_zarr(path) if suffix == "zarr" else query.write_h5ad(path)
    project_file(path, space, tmp_path / f"out.{suffix}")
    written = anndata.read_zarr(tmp_path / "out.zarr") if suffix == "zarr" else anndata.read_h5ad(tmp_path / "out.h5ad")
    assert_same(written, expected)
    assert str(written.uns["smile"]["values_undone"]) == "log2(1 + x)"


def test_dask_blocks_in_another_logarithm_agree_with_memory(counts, space, expected):
    query = with_values(counts, np.log2(1 + scaled(counts)))
    query.X = da.from_array(query.X.toarray(), chunks=(7, -1))
    project(query, space)
    assert_same(query, expected)


def test_an_interrupted_projection_resumes_with_its_logarithm(counts, space, expected, tmp_path, monkeypatch):
    query = with_values(counts, np.log2(1 + scaled(counts)))
    query.write_h5ad(tmp_path / "query.h5ad")
    monkeypatch.setattr("smile_runtime.results.resumable_results.SAVE_INTERVAL_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(file_projection, "write_output", interrupt)
        with pytest.raises(KeyboardInterrupt):
            project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", resume=True)
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert_same(written, expected)
    assert written.uns["smile"]["values_undone"] == "log2(1 + x)"


def interrupt(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_a_noted_base_that_the_values_contradict_is_reported(lognorm, space, tmp_path, caplog):
    lognorm.uns["log1p"] = {"base": 10}
    lognorm.write_h5ad(tmp_path / "query.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    text = "uns['log1p'] notes a logarithm to base 10, but the values are ln(1 + x)"
    assert [record.getMessage() for record in caplog.records] == [text]


@pytest.mark.parametrize("noted", [{}, {"base": None}, {"base": "two"}, {"base": 0.5}, "log1p", {"base": [2, 3]}])
def test_a_note_without_a_valid_base_is_no_evidence(lognorm, space, caplog, noted):
    lognorm.uns["log1p"] = noted
    project(lognorm, space)
    assert caplog.records == []


@pytest.mark.parametrize("place", ["layer", "raw"])
def test_zeros_are_rejected_with_the_place_of_the_counts(counts, space, tmp_path, place):
    query = with_values(counts, np.zeros(counts.shape))
    if place == "layer":
        query.layers["counts"] = counts.X
    else:
        query.raw = counts
    named = (
        "the layer 'counts' holds counts .*layer='counts'" if place == "layer" else "raw holds counts .*use_raw=True"
    )
    with pytest.raises(ValueKindError, match=rf"all values of all 30 cells are zero; .*In this query {named}"):
        project(query, space)
    query.write_h5ad(tmp_path / "query.h5ad")
    with pytest.raises(ValueKindError, match=named):
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    assert not (tmp_path / "out.h5ad").exists()


def test_scattered_nan_are_rejected_with_the_layer_that_fits(counts, space):
    values = scaled(counts)
    values[0, 1] = values[3, 2] = np.nan
    query = with_values(counts, values)
    query.layers["counts"] = counts.X
    with pytest.raises(ValueKindError, match=r"hold NaN in 3 different sets of features.*layer 'counts' holds counts"):
        project(query, space)


def test_scaled_values_are_rejected_with_the_layer_that_fits(counts, space):
    logged = np.log1p(scaled(counts))
    query = with_values(counts, np.minimum(logged / np.maximum(logged.std(axis=0, ddof=1), 1e-9), 10))
    with pytest.raises(
        ValueKindError, match=r"standard deviation of 1.*; provide raw counts or log-normalized values$"
    ):
        project(query, space)
    query.layers["rescaled"] = query.X.copy()
    with pytest.raises(ValueKindError, match=r"In this query no other matrix would do: the layer 'rescaled'$"):
        project(query, space)
    query.layers["lognorm"] = scipy.sparse.csr_matrix(logged.astype(np.float32))
    with pytest.raises(ValueKindError, match=r"standard deviation of 1.*In this query the layer 'lognorm' holds"):
        project(query, space)


# Real data


@pytest.fixture
def cells(data_folder) -> anndata.AnnData:
    return anndata.read_h5ad(data_folder / "pbmc_3chem_counts_unlabelled.h5ad")[::9].copy()


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("n_genes", [None, 2000])
def test_real_cells_keep_their_labels_under_every_transform(cells, space, name, n_genes):
    X = scaled(cells)
    columns = slice(None) if n_genes is None else np.sort(np.argsort(np.log1p(X).var(axis=0))[-n_genes:])
    reference = with_values(cells, np.log1p(X))[:, columns].copy()
    query = with_values(cells, TRANSFORMS[name](X))[:, columns].copy()
    project(reference, space)
    project(query, space)
    same = query.obs["smile_label"].astype(str).to_numpy() == reference.obs["smile_label"].astype(str).to_numpy()
    assert same.mean() > (0.99 if query.uns["smile"]["values"] == "lognorm" else 0.9)


def test_real_counts_corrected_for_ambient_molecules_keep_their_labels(cells, space, caplog):
    X = cells.X.toarray().astype(np.float64)
    soup = X.sum(axis=0) / X.sum()
    query = with_values(cells, np.maximum(X - 0.05 * X.sum(axis=1, keepdims=True) * soup, 0))
    project(cells, space)
    project(query, space)
    assert "look like corrected or estimated counts; taking them as counts" in caplog.text
    assert (query.obs["smile_label"].astype(str) == cells.obs["smile_label"].astype(str)).mean() > 0.9


def test_real_genome_without_mitochondrial_genes_is_scaled_to_its_target(cells, space, caplog):
    X = np.log1p(scaled(cells))
    kept = ~cells.var_names.str.match("MT-|RP[LS]")
    complete, query = with_values(cells, X), with_values(cells, X)[:, kept].copy()
    assert query.n_vars >= 7000
    project(complete, space)
    project(query, space)
    assert query.uns["smile"]["target_sum"] == 1e4
    assert "assuming 10,000" in caplog.text
