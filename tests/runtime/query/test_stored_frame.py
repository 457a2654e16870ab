"""Names and columns are read in all the forms in which anndata, R and Julia store them."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

from smile_runtime import QueryError, project, project_file
from smile_runtime.query import MatrixLocation, open_query

pytestmark = pytest.mark.filterwarnings("ignore:((Writing )?zarr v|Consolidated metadata):UserWarning")


@pytest.fixture
def path(counts, tmp_path):
    counts.obs["donor"] = ["Zürich", "Genève"] * 15
    counts.var["note"] = "β"
    counts.write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


def replace(path, name, values, dtype=None) -> None:
    """Replace a dataset or group by a dataset of bytes, which HDF5 is told are ASCII."""
    with h5py.File(path, "a") as file:
        attributes = {} if isinstance(file[name], h5py.Group) else dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=values, dtype=dtype or h5py.string_dtype("ascii")).attrs.update(attributes)


def project_names(path, space) -> list[str]:
    project_file(path, space, path.with_name("out.h5ad"), only_embedding=True, force=True)
    return anndata.read_h5ad(path.with_name("out.h5ad")).obs_names.tolist()


def indexed(counts) -> anndata.AnnData:
    """Return the cells with categorical columns as names of the cells and features."""
    obs = pd.DataFrame({"n": range(30)}, index=pd.CategoricalIndex(counts.obs_names, name="cell_id"))
    var = pd.DataFrame({"n": range(counts.n_vars)}, index=pd.CategoricalIndex(counts.var_names, name="feature_name"))
    return anndata.AnnData(counts.X, obs=obs, var=var)


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_categorical_names(counts, space, tmp_path, suffix):
    query = tmp_path / f"query.{suffix}"
    getattr(indexed(counts), f"write_{suffix}")(query)
    with open_query(query, "rna") as stored:
        assert "codes" in stored.group["obs/cell_id"]
        assert stored.obs_names(slice(7, 9)).tolist() == ["cell7", "cell8"]
        assert stored.var(MatrixLocation()).index.tolist() == counts.var_names.tolist()
    project_file(query, space, tmp_path / f"out.{suffix}", n_sample=30)
    written = getattr(anndata, f"read_{suffix}")(tmp_path / f"out.{suffix}")
    np.testing.assert_allclose(written.obsm["X_smile"], project(counts, space, copy=True).obsm["X_smile"], atol=1e-6)
    assert written.obs_names.tolist() == project_names(query, space) == counts.obs_names.tolist()


@pytest.mark.parametrize("code", [-2, 30])
def test_damaged_codes(counts, space, tmp_path, code):
    indexed(counts).write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        file["obs/cell_id/codes"][3] = code
    with pytest.raises(QueryError, match=r"categories have the codes .*, but there are 30; the file is damaged"):
        project_names(tmp_path / "query.h5ad", space)


@pytest.mark.parametrize("missing", [False, True])
def test_nullable_names(counts, path, space, missing):
    names = counts.obs_names.to_numpy(object)
    with h5py.File(path, "a") as file:
        del file["obs/_index"]
        group = file["obs"].create_group("_index")
        group.attrs.update({"encoding-type": "nullable-string-array", "encoding-version": "0.1.0"})
        group["values"], group["mask"] = names, np.arange(30) == (3 if missing else -1)
    expected = names.tolist()
    expected[3] = "" if missing else "cell3"
    assert project_names(path, space) == expected


def test_utf8_that_is_stated_to_be_ascii(counts, path, space):
    replace(path, "obs/_index", [f"Zürich {row}".encode() for row in range(30)])
    replace(path, "obs/donor", [b"Z\xc3\xbcrich", b"\xff"] * 15)
    replace(path, "var/note", ["β".encode()] * counts.n_vars)
    summary = project_file(path, space, path.with_name("full.h5ad"), batch_keys=["donor"], n_sample=30)
    assert list(summary.sample_batches["donor"].names) == ["Zürich", "\ufffd"]
    assert summary.sample_names.tolist() == project_names(path, space) == [f"Zürich {row}" for row in range(30)]


def test_categories_that_are_stated_to_be_ascii(counts, path, space):
    with h5py.File(path, "a") as file:
        del file["obs/donor"]
        anndata.io.write_elem(file, "obs/donor", pd.Categorical.from_codes([0, 1, -1] * 10, ["a", "b"]))
    replace(path, "obs/donor/categories", [b"\xff", b"\xfe"])  # both become the same text
    with open_query(path, "rna") as stored:
        assert stored.obs("donor").isna().sum() == 10
        assert set(stored.obs("donor").dropna()) == {"\ufffd"}


def test_text_and_attributes_of_fixed_length(counts, path, space):
    """Julia and hdf5r write them so."""
    names = np.char.encode(counts.obs_names.to_numpy(str), "utf-8")
    replace(path, "obs/_index", names, names.dtype)
    features = np.char.encode(counts.var_names.to_numpy(str), "utf-8")
    replace(path, "var/_index", features, features.dtype)
    with h5py.File(path, "a") as file:
        for group in (file["obs"], file["var"], file["X"]):
            for key, value in dict(group.attrs).items():
                if isinstance(value, str):
                    group.attrs[key] = np.bytes_(value)
        file["obs"].attrs["column-order"] = np.array([b"sample", b"donor"])
        file["var"].attrs["column-order"] = np.bytes_("note")
    expected = project(counts, space, copy=True).obsm["X_smile"]
    project_file(path, space, path.with_name("full.h5ad"), batch_keys=["donor"])
    with h5py.File(path.with_name("full.h5ad")) as file:
        np.testing.assert_allclose(file["obsm/X_smile"][:], expected, atol=1e-6)
        assert list(file["obs"].attrs["column-order"][:3]) == ["sample", "donor", "smile_label"]
    assert project_names(path, space) == counts.obs_names.tolist()


def test_an_unreadable_column_of_var_is_ignored(path, space, caplog):
    with h5py.File(path, "a") as file:
        file["var/note"].attrs["encoding-type"] = "unknown"
        del file["var/note"]
        file["var"].create_group("note").attrs.update({"encoding-type": "unknown", "encoding-version": "9"})
    assert len(project_names(path, space)) == 30
    assert "the column 'note' of /var cannot be read" in caplog.text
    assert "The column is ignored" in caplog.text


@pytest.mark.parametrize("kind", ["unknown", "missing", "short", "objects"])
def test_an_unreadable_column_of_obs_is_rejected(path, space, kind):
    with h5py.File(path, "a") as file:
        del file["obs/donor"]
        if kind == "unknown":
            file["obs"].create_group("donor").attrs.update({"encoding-type": "unknown", "encoding-version": "9"})
        elif kind == "short":
            file["obs/donor"] = [1, 2]
        elif kind == "objects":  # a Python object, as h5py describes it
            opaque = h5py.h5t.create(h5py.h5t.OPAQUE, 8)
            opaque.set_tag(b"NUMPY:O")
            h5py.h5d.create(file["obs"].id, b"donor", opaque, h5py.h5s.create_simple((30,)))
    with pytest.raises(
        QueryError, match=r"the column 'donor' of /obs cannot be read: .*; remove it, or copy|/obs/donor lacks"
    ):
        project_file(path, space, path.with_name("full.h5ad"), batch_keys=["donor"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Categorical([2, 1, 1]), [2, 1, 1]),
        (pd.array([1, None, 3], dtype="Int64"), [1, np.nan, 3]),
        (pd.array([True, None, False], dtype="boolean"), [True, np.nan, False]),
        (np.array([1, 2, 3], ">i4"), [1, 2, 3]),
        (np.array([True, False, True]), [True, False, True]),
    ],
)
def test_other_columns(tmp_path, values, expected):
    group = zarr.open_group(tmp_path / "query.zarr", mode="w")
    frame = pd.DataFrame({"column": values}, index=list("abc"))
    anndata.io.write_elem(group, "/", anndata.AnnData(np.ones((3, 1)), obs=frame))
    with open_query(tmp_path / "query.zarr", "rna") as stored:
        column = stored.obs("column")
    pd.testing.assert_series_equal(
        column, pd.Series(expected, dtype=object if np.nan in expected else None), check_dtype=False
    )
    assert column.dtype.isnative
    assert column.astype(str).tolist() == list(map(str, expected))
