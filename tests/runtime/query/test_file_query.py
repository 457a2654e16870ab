"""The same cells give the same results from every kind of file, and other content of the file is kept."""

import anndata
import h5py
import hdf5plugin
import mudata
import numpy as np
import pytest
import scipy
import zarr
from pandas.testing import assert_frame_equal

from smile_runtime import OutputError, QueryError, ValueKindError, project, project_file
from smile_runtime.projection import stored_projection

ZARR_FORMATS = pytest.mark.filterwarnings("ignore:((Writing )?zarr v|Consolidated metadata):UserWarning")
FILTERS = {
    "none": {},
    "gzip": {"compression": "gzip"},
    "lzf": {"compression": "lzf"},
    "zstd": hdf5plugin.Zstd(),
    "blosc": hdf5plugin.Blosc(),
}
FORMS = {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix, "dense": lambda X: X.toarray()}


@pytest.fixture
def expected(counts, space) -> anndata.AnnData:
    return project(counts, space, copy=True)


@pytest.fixture(autouse=True)
def few_rows_per_read(monkeypatch):
    monkeypatch.setattr(stored_projection, "rows_per_read", lambda _matrix: 7)


def assert_results(result: anndata.AnnData, expected: anndata.AnnData) -> None:
    np.testing.assert_allclose(result.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-6)
    np.testing.assert_allclose(result.obsm["X_smile_map"], expected.obsm["X_smile_map"], atol=1e-3)
    for field in ("smile_label", "smile_confidence", "smile_similarity"):
        if result.obs[field].dtype == "category":
            assert result.obs[field].tolist() == expected.obs[field].tolist()
            assert list(result.obs[field].cat.categories) == list(expected.obs[field].cat.categories)
        else:
            np.testing.assert_allclose(result.obs[field], expected.obs[field], atol=1e-2)


def compress_values(path, options) -> None:
    with h5py.File(path, "a") as file:
        for name in ("X",) if hasattr(file["X"], "dtype") else ("X/data", "X/indices", "X/indptr"):
            values, attributes = file[name][:], dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=values, chunks=True, **options).attrs.update(attributes)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compression", FILTERS)
def test_h5ad(counts, expected, space, tmp_path, form, compression):
    query = counts.copy()
    query.X = FORMS[form](counts.X)
    query.write_h5ad(tmp_path / "query.h5ad")
    compress_values(tmp_path / "query.h5ad", FILTERS[compression])
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert_results(written, expected)
    assert (scipy.sparse.csr_matrix(written.X) != counts.X).nnz == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5ad", "query.h5ad"]


@ZARR_FORMATS
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("version", [2, 3])
def test_zarr(counts, expected, space, tmp_path, form, version):
    query = counts.copy()
    query.X = FORMS[form](counts.X)
    with anndata.settings.override(zarr_write_format=version):
        query.write_zarr(tmp_path / "query.zarr")
    project_file(tmp_path / "query.zarr", space, tmp_path / "out.zarr")
    written = anndata.read_zarr(tmp_path / "out.zarr")
    assert_results(written, expected)
    assert (scipy.sparse.csr_matrix(written.X) != counts.X).nnz == 0
    assert zarr.open_group(tmp_path / "out.zarr", mode="r").metadata.zarr_format == version


@ZARR_FORMATS
def test_zarr_output_can_replace_another_store_but_not_the_query(counts, expected, space, tmp_path):
    counts.write_zarr(tmp_path / "query.zarr")
    for _ in range(2):
        project_file(tmp_path / "query.zarr", space, tmp_path / "out.zarr", force=True)
        assert_results(anndata.read_zarr(tmp_path / "out.zarr"), expected)
    with pytest.raises(OutputError, match=r"is the input .* itself, which is never replaced"):
        project_file(tmp_path / "query.zarr", space, tmp_path / "query.zarr", force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zarr", "query.zarr"]


def test_h5mu(counts, expected, space, tmp_path):
    proteins = anndata.AnnData(np.ones((30, 3), np.float32), obs=counts.obs[[]].copy())
    proteins.var_names = ["CD3-protein", "CD4-protein", "CD19-protein"]
    with mudata.set_options(pull_on_update=False):
        mudata.MuData({"rna": counts, "adt": proteins}).write(tmp_path / "query.h5mu")
        project_file(tmp_path / "query.h5mu", space, tmp_path / "out.h5mu")
        written = mudata.read_h5mu(tmp_path / "out.h5mu")
    assert_results(written.mod["rna"], expected)
    assert list(written.mod["adt"].obs) == []
    assert list(written.mod["adt"].obsm) == []


@pytest.fixture
def write_h5mu(counts, tmp_path):
    """Return a function that writes an h5mu file with the counts in the first table and halves of them in others."""

    def write(first, *others):
        half = counts[:, :900].copy()
        with mudata.set_options(pull_on_update=False):
            mudata.MuData({first: counts, **{name: half.copy() for name in others}}).write(tmp_path / "query.h5mu")
        return tmp_path / "query.h5mu"

    return write


def projected_table(path, space, name, **options) -> anndata.AnnData:
    project_file(path, space, path.with_name("out.h5mu"), **options)
    return mudata.read_h5ad(path.with_name("out.h5mu"), name)


@pytest.mark.filterwarnings("ignore:var_names are not unique")
@pytest.mark.parametrize("name", ["gex", "RNA", "Gene Expression", "gene"])
def test_h5mu_table_is_found_by_a_synonym_of_the_modality(write_h5mu, expected, space, caplog, name):
    caplog.set_level("INFO")
    assert_results(projected_table(write_h5mu(name, "prot", "guide"), space, name), expected)
    assert f"reading rna from the table {name!r}" in caplog.text


@pytest.mark.filterwarnings("ignore:var_names are not unique")
def test_h5mu_table_can_be_chosen(write_h5mu, expected, space):
    assert_results(projected_table(write_h5mu("cells", "rna"), space, "cells", table="cells"), expected)


@pytest.mark.filterwarnings("ignore:var_names are not unique")
@pytest.mark.parametrize(("tables", "stated"), [(["cells", "prot"], None), (["gex", "gene"], None), (["rna"], "gex")])
def test_h5mu_without_a_clear_table_is_rejected(write_h5mu, space, tables, stated):
    name = stated or "rna"
    with pytest.raises(QueryError) as caught:
        projected_table(write_h5mu(*tables), space, name, table=stated)
    assert f"has no table {name!r}; it has: {', '.join(sorted(tables))}. Choose the one that holds the rna" in str(
        caught.value
    )
    assert caught.value.options == {"table": None}


def test_no_table_can_be_chosen_in_an_h5ad_file(counts, space, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    with pytest.raises(QueryError, match="is one table, so none can be chosen"):
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", table="rna")


@pytest.mark.filterwarnings("ignore:var_names are not unique")
def test_results_of_another_table_are_not_resumed(write_h5mu, expected, space, monkeypatch):
    path = write_h5mu("cells", "rna")
    monkeypatch.setattr("smile_runtime.projection.file_projection.write_output", interrupt)
    with pytest.raises(KeyboardInterrupt):
        projected_table(path, space, "rna")
    monkeypatch.undo()
    assert_results(projected_table(path, space, "cells", table="cells", resume=True), expected)


def interrupt(*_arguments, **_options):
    raise KeyboardInterrupt


def test_other_columns_and_fields_are_kept(counts, space, tmp_path):
    query = counts.copy()
    query.obs["sample"] = query.obs["sample"].astype("category")
    query.obs["smile_label"] = "mine"
    query.obs["n"] = np.arange(30)
    query.obsm["X_pca"] = np.ones((30, 2))
    query.layers["other"] = query.X * 2
    query.uns["note"] = "kept"
    query.raw = query
    query.write_h5ad(tmp_path / "query.h5ad")
    with pytest.raises(QueryError, match=r"already has obs\['smile_label'\]"):
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", overwrite=True)
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    after = project(query, space, overwrite=True, copy=True)
    assert_frame_equal(written.obs, after.obs, check_like=True, atol=1e-2)
    assert set(written.obsm) == {"X_pca", "X_smile", "X_smile_map"}
    assert (written.layers["other"] != query.layers["other"]).nnz == 0
    assert written.raw.shape == (30, counts.n_vars)
    assert written.uns["note"] == "kept"
    assert written.uns["smile"].keys() == {*after.uns["smile"], "options"}


def test_query_without_obs_columns(counts, expected, space, tmp_path):
    query = anndata.AnnData(counts.X, obs=counts.obs[[]].copy(), var=counts.var)
    query.write_h5ad(tmp_path / "query.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    assert_results(anndata.read_h5ad(tmp_path / "out.h5ad"), expected)


def test_old_files_are_converted(counts, expected, space, tmp_path, caplog):
    """A file as anndata wrote it before 0.7: tables as compound arrays, sparse values without an encoding."""
    with h5py.File(tmp_path / "query.h5ad", "w") as file:
        for name, frame in (("obs", counts.obs[[]]), ("var", counts.var[[]])):
            index = frame.index.to_numpy("S")
            file[name] = np.array(list(zip(index, strict=True)), dtype=[("index", index.dtype)])
        group = file.create_group("X")
        group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", counts.shape
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(counts.X, part)
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    assert "was written by anndata before 0.7; converting it in memory first" in caplog.text
    assert_results(anndata.read_h5ad(tmp_path / "out.h5ad"), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5ad", "query.h5ad"]


# Location of the values


def scaled(counts) -> anndata.AnnData:
    """Return cells as after a usual analysis: scaled values of some genes in X, their counts in a layer, all in raw."""
    query = counts[:, ::2].copy()
    query.raw = counts
    query.layers["counts"] = query.X.copy()
    dense = query.X.toarray()
    query.X = dense - dense.mean(axis=0)
    return query


@pytest.mark.parametrize("stored", [False, True])
def test_raw_and_layers_are_suggested_and_used(counts, expected, space, tmp_path, stored):
    query = scaled(counts)
    query.write_h5ad(tmp_path / "query.h5ad")

    def projected(**options):
        if not stored:
            return project(query, space, copy=True, **options)
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", force=True, **options)
        return anndata.read_h5ad(tmp_path / "out.h5ad")

    with pytest.raises(ValueKindError) as caught:
        projected()
    assert "values are negative, so the values were scaled" in str(caught.value)
    assert "In this query the layer 'counts' holds counts; raw holds counts (layer='counts', use_raw=True)" in str(
        caught.value
    )
    assert_results(projected(use_raw=True), expected)
    half = projected(layer="counts")
    assert half.uns["smile"]["n_features_matched"] < expected.uns["smile"]["n_features_matched"]
    with pytest.raises(QueryError, match="cannot come from both raw and the layer 'counts'"):
        projected(layer="counts", use_raw=True)


@pytest.mark.parametrize("stored", [False, True])
def test_missing_raw_and_x(counts, space, tmp_path, stored):
    query = counts.copy()
    query.layers["counts"] = query.X.copy()
    query.X = None
    query.write_h5ad(tmp_path / "query.h5ad")

    def projected(**options):
        if stored:
            project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", **options)
        else:
            project(query, space, **options)

    with pytest.raises(QueryError, match="has no raw; use X instead"):
        projected(use_raw=True)
    with pytest.raises(QueryError, match=r"has no X; choose the matrix .* are: 'counts'"):
        projected()


def test_cells_are_read_again_if_a_later_one_shows_log_normalized_values(lognorm, space, tmp_path):
    """The sampled cells hold only whole numbers."""
    X = np.zeros((1000, lognorm.n_vars), np.float32)
    X[300:330] = lognorm.X.toarray()
    query = anndata.AnnData(scipy.sparse.csr_matrix(X), var=lognorm.var)
    query.write_h5ad(tmp_path / "query.h5ad")
    steps = []
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", progress=lambda n, _total: steps.append(n))
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert written.uns["smile"]["values"] == "lognorm"
    expected = project(lognorm, space, copy=True)
    np.testing.assert_allclose(written.obsm["X_smile"][300:330], expected.obsm["X_smile"], atol=1e-6)
    assert min(steps) < 0
    assert sum(steps) == 1000
