"""Damaged or unexpected query files are rejected with a clear error, and leave no output."""

import anndata
import h5py
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
import scipy
import zarr

from smile_runtime import DependencyError, QueryError, project, project_file
from smile_runtime.query import hdf5_filters


@pytest.fixture
def query(counts, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


@pytest.fixture
def store(counts, tmp_path):
    counts.write_zarr(tmp_path / "query.zarr")
    return tmp_path / "query.zarr"


pytestmark = pytest.mark.filterwarnings("ignore:(Writing )?zarr v:UserWarning")


def assert_error(path, space, text, error=QueryError) -> None:
    with pytest.raises(error, match=text) as caught:
        project_file(path, space, path.with_name(f"out{path.suffix}"))
    assert "\n" not in str(caught.value)
    assert sorted(other.name for other in path.parent.iterdir() if other.name.startswith("out")) == []


def chunks(store, name):
    return [path for path in (store / name).rglob("*") if path.is_file() and not path.name.startswith((".", "zarr"))]


@pytest.mark.parametrize("part", ["data", "indices"])
def test_missing_chunk_of_a_sparse_matrix_in_zarr(store, space, part):
    chunks(store, f"X/{part}")[0].unlink()
    assert_error(store, space, rf"/X/{part} in .*query\.zarr lacks 1 of \d+ chunks?; copy or export it again")


def test_missing_indptr(store, space):
    chunks(store, "X/indptr")[0].unlink()
    assert_error(
        store, space, r"the stored matrix is damaged: indptr describes 0 entries, but there are [\d,]+ values and"
    )


def test_missing_beginning_of_indptr(counts, tmp_path, space):
    counts.X = np.ones(counts.shape, np.float32)
    counts.X = scipy.sparse.csr_matrix(counts.X)
    counts.write_zarr(tmp_path / "query.zarr")
    group = zarr.open_group(tmp_path / "query.zarr")["X"]
    values = group["indptr"][:]
    values[:20] = 0
    group["indptr"][:] = values
    assert_error(tmp_path / "query.zarr", space, "a row has more entries than there are columns")


@pytest.mark.parametrize("table", ["obs", "var"])
def test_missing_names(store, space, table):
    index = zarr.open_group(store, mode="r")[table].attrs["_index"]
    chunks(store, f"{table}/{index}")[0].unlink()
    assert_error(store, space, rf"/{table}/{index} in .* lacks 1 of 1 chunk, so some names are unknown")


def test_missing_chunk_of_a_dense_matrix_in_zarr_is_a_warning(counts, space, tmp_path, caplog):
    counts.X = counts.X.toarray()
    counts.write_zarr(tmp_path / "query.zarr", chunks=(10, counts.n_vars))
    chunks(tmp_path / "query.zarr", "X")[0].unlink()
    project_file(tmp_path / "query.zarr", space, tmp_path / "out.zarr")
    assert "lacks 1 of 3 chunks" in caplog.text
    assert "values there are read as zeros" in caplog.text


def test_damaged_chunk(store, space):
    chunk = chunks(store, "X/data")[0]
    chunk.write_bytes(b"\x00" * 50)
    assert_error(store, space, "X/data cannot be read: .*; the file is damaged, copy or export it again")


def test_folder_that_is_not_a_zarr_store(tmp_path, space):
    (tmp_path / "query.zarr").mkdir()
    assert_error(tmp_path / "query.zarr", space, r"query\.zarr cannot be read as zarr")


def test_zarr_store_without_cells(tmp_path, space):
    zarr.open_group(tmp_path / "query.zarr", mode="w").create_group("images")
    assert_error(tmp_path / "query.zarr", space, r"query\.zarr cannot be read as zarr: .*no table of cells")


def test_damaged_last_chunk(query, space):
    """HDF5 opens such a dataset but cannot read it to its end."""
    with h5py.File(query, "a") as file:
        data = file["X/data"][:]
        del file["X/data"]
        dataset = file["X"].create_dataset("data", data=data, chunks=(1000,), compression="gzip")
        chunk = dataset.id.get_chunk_info(dataset.id.get_num_chunks() - 1)
    with query.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    assert_error(query, space, "/X/data cannot be read: .*; the file is damaged")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda file: file["X/indices"].__setitem__(0, 10**6),
            "the stored matrix is damaged: .*copy or export it again",
        ),
        (lambda file: file["X/indptr"].__setitem__(3, 0), "the stored matrix is damaged"),
        (lambda file: file["X/indptr"].__setitem__(0, 3), "the stored matrix is damaged: indptr begins with 3"),
        (
            lambda file: file["X"].attrs.__setitem__("shape", (29, file["X"].attrs["shape"][1])),
            r"X in .* has shape \(29, ",
        ),
        (lambda file: file["X"].attrs.__setitem__("shape", (30, 10**6)), "X in .* has shape"),
        (lambda file: file.__delitem__("obs"), "no table of cells"),
        (lambda file: file["var"].attrs.__delitem__("_index"), "no table of cells"),
    ],
)
def test_inconsistent_file(query, space, change, text):
    with h5py.File(query, "a") as file:
        change(file)
    assert_error(query, space, text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda file: file["X/indices"].__setitem__(0, 10**6),
            "it has entries in rows 0 to 1,000,000, but only 30 rows",
        ),
        (lambda file: file["X/indices"].__setitem__(0, -5), "it has entries in rows -5 to 29, but only 30 rows"),
        (lambda file: file["X/indptr"].__setitem__(3, 0), "its column pointers decrease"),
        (lambda file: file["X/indptr"].__setitem__(-1, 10**6), "indptr describes 1,000,000 entries, but there are"),
    ],
)
def test_inconsistent_csc_matrix(counts, tmp_path, space, change, text):
    counts.X = scipy.sparse.csc_matrix(counts.X)
    counts.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        change(file)
    assert_error(tmp_path / "query.h5ad", space, f"the stored matrix is damaged: {text}")


def replaced(name, values):
    """Return a change of a file that replaces a dataset but keeps its attributes."""

    def change(file):
        attributes = dict(file[name].attrs) if name in file else {}
        if name in file:
            del file[name]
        if values is not None:
            file[name] = values
            file[name].attrs.update(attributes)

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (replaced("X/indptr", np.zeros((31, 1), np.int32)), "indptr should be a list of numbers, but has shape"),
        (replaced("X/indices", np.zeros(5)), "indices should be a list of numbers, but has shape"),
        (replaced("X/data", None), "data should be a list of numbers, but has shape None"),
        (lambda file: file["X"].attrs.__delitem__("shape"), "it has no readable shape"),
        (lambda file: file["X"].attrs.__setitem__("shape", "text"), "it has no readable shape"),
        (lambda file: file["X/indptr"].__setitem__(-1, -7), "indptr describes|pointers decrease"),
        (
            lambda file: (file.__delitem__("X"), file.__setitem__("X", h5py.SoftLink("/gone"))),
            "/X is damaged: .*component not found",
        ),
        (replaced("layers", np.ones(3)), "layers should be a group, but is an array"),
        (lambda file: file["var"].attrs.__setitem__("_index", 5), "no table of cells"),
    ],
)
def test_crafted_structure(query, space, change, text):
    with h5py.File(query, "a") as file:
        change(file)
    assert_error(query, space, text)


@pytest.mark.parametrize("attribute", ["obs", "var"])
def test_codes_without_a_category(counts, tmp_path, space, attribute):
    getattr(counts, attribute)["kind"] = pd.Categorical(["a"] * len(getattr(counts, attribute)))
    counts.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        file[f"{attribute}/kind/codes"][3] = 100
    assert_error(
        tmp_path / "query.h5ad",
        space,
        f"{attribute}/kind would be copied, but .* categories have the codes 0 to 100, but there are 1",
    )


@pytest.mark.parametrize(
    ("name", "values", "encoding", "reason"),
    [
        ("obs/sample", np.ones(29), ["array", "0.2.0"], r"it has shape \(29,\) for 30 rows"),
        ("obsm/X_pca", np.ones((31, 2)), ["array", "0.2.0"], "it has 31 rows instead of 30"),
        ("uns/note", np.ones(3), ["array", 5], "is not a type and a version"),
    ],
)
def test_copied_tables_are_checked_first(query, space, tmp_path, name, values, encoding, reason):
    with h5py.File(query, "a") as file:
        replaced(name, values)(file)
        file[name].attrs.update(zip(("encoding-type", "encoding-version"), encoding, strict=True))
    assert_error(query, space, f"^{name} would be copied, but .*{reason}.*; or write only the results")
    project_file(query, space, tmp_path / "results.h5ad", only_embedding=True)


def test_content_from_a_later_anndata_is_copied(query, space, tmp_path):
    with h5py.File(query, "a") as file:
        file["uns/new"] = np.arange(3)
        file["uns/new"].attrs.update({"encoding-type": "later", "encoding-version": "9.0.0"})
    project_file(query, space, tmp_path / "out.h5ad")
    with h5py.File(tmp_path / "out.h5ad") as file:
        assert file["uns/new"][:].tolist() == [0, 1, 2]


def test_a_damaged_batch_column_is_an_error(query, space, tmp_path):
    with h5py.File(query, "a") as file:
        replaced("obs/sample", np.ones((29, 2)))(file)
    with pytest.raises(QueryError, match="the column 'sample' of /obs cannot be read"):
        project_file(query, space, tmp_path / "out.h5ad", batch_keys=["sample"], only_embedding=True)


@pytest.mark.parametrize("dtype", ["<f2", ">f4", ">f8", ">i4", "<u2", "<f16"])
@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "dense"])
def test_every_type_of_number_gives_the_same_results(counts, space, tmp_path, dtype, form):
    expected = project(counts, space, copy=True)
    counts.X = counts.X.toarray() if form == "dense" else getattr(scipy.sparse, form)(counts.X)
    counts.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        name = "X" if form == "dense" else "X/data"
        replaced(name, file[name][:].astype(dtype))(file)
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", only_embedding=True)
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_allclose(written.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-6)


def test_flags_in_a_file_are_not_counts(query, space):
    with h5py.File(query, "a") as file:
        replaced("X/data", file["X/data"][:] > 0)(file)
    assert_error(query, space, "the values are only True or False")


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_chunks_of_x_that_were_never_written(counts, space, tmp_path, caplog, form):
    counts.X = counts.X.toarray() if form == "dense" else counts.X
    counts.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        name = "X" if form == "dense" else "X/data"
        values, attributes = file[name][:], dict(file[name].attrs)
        del file[name]
        array = file.create_dataset(name, values.shape, values.dtype, chunks=(10, *values.shape[1:]))
        array[:20] = values[:20]
        array.attrs.update(attributes)
    if form == "csr":
        assert_error(tmp_path / "query.h5ad", space, r"/X/data lacks [\d,]+ of its [\d,]+ chunks \(never written\)")
    else:
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
        assert "lacks 1 of 3 chunks" in caplog.text


@pytest.mark.parametrize("kind", ["strings", "empty", "one dimension"])
def test_x_that_is_not_a_numeric_matrix(counts, query, space, kind):
    with h5py.File(query, "a") as file:
        del file["X"]
        if kind == "strings":
            file["X"] = np.full(counts.shape, b"3", dtype="S1")
        elif kind == "empty":
            file["X"] = h5py.Empty("f4")
        else:
            file["X"] = np.ones(30, np.float32)
    assert_error(query, space, "numbers are needed|has shape|no values|has no X")


def test_no_cells(counts, tmp_path, space):
    counts[:0].write_h5ad(tmp_path / "query.h5ad")
    assert_error(tmp_path / "query.h5ad", space, "the query has no cells")


def test_missing_filter_error_names_the_package_to_install(query, space, monkeypatch):
    with h5py.File(query, "a") as file:
        data = file["X/data"][:]
        del file["X/data"]
        file["X"].create_dataset("data", data=data, **hdf5plugin.Zstd())
    monkeypatch.setattr(hdf5_filters, "_unavailable", lambda _dataset: [32015])
    monkeypatch.setattr(hdf5_filters, "_load_plugins", lambda _numbers: False)
    assert_error(query, space, r"compressed with zstd, .*pip install 'smile-zoo\[codecs\]'", DependencyError)


def test_truncated_file(query, space):
    with query.open("r+b") as file:
        file.truncate(query.stat().st_size - 100)
    assert_error(query, space, r"cannot be read as h5ad: .*truncated")


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_repeated_cell_names_are_kept(counts, tmp_path, space):
    counts.obs_names = ["same"] * 30
    counts.write_h5ad(tmp_path / "query.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", only_embedding=True)
    assert anndata.read_h5ad(tmp_path / "out.h5ad").obs_names.tolist() == ["same"] * 30
