"""Values and indices of any type give the same results, in memory and from files."""

import anndata
import h5py
import numpy as np
import pytest
import scipy

from smile_runtime import QueryError, project, project_file

FORMS = {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix, "dense": lambda X: X.toarray()}
VALUE_TYPES = ["<f2", "<f8", ">f2", ">f4", "<i1", "<u1", ">u2", ">i4", "<u8", "<f16"]
INDEX_TYPES = [("int32", "int64"), ("int64", "int32"), ("uint32", "uint32"), ("uint64", "int32"), (">i4", "<i8")]


def convert(path, types) -> None:
    """Store datasets in other types."""
    with h5py.File(path, "a") as file:
        for name, dtype in types.items():
            values, attributes = file[name][()].astype(dtype), dict(file[name].attrs)
            del file[name]
            file.create_dataset(name, data=values, dtype=dtype).attrs.update(attributes)


@pytest.fixture
def expected(counts, space) -> np.ndarray:
    return project(counts, space, copy=True).obsm["X_smile"]


def project_stored(path, space) -> np.ndarray:
    project_file(path, space, path.with_name("out.h5ad"), only_embedding=True)
    return anndata.read_h5ad(path.with_name("out.h5ad")).obsm["X_smile"]


@pytest.mark.parametrize(
    ("form", "dtype"), [*(("csr", dtype) for dtype in VALUE_TYPES), ("csc", ">f2"), ("dense", ">f2"), ("dense", "<u8")]
)
def test_types_of_values(counts, space, tmp_path, expected, form, dtype):
    counts.X = FORMS[form](counts.X)
    counts.write_h5ad(tmp_path / "query.h5ad")
    convert(tmp_path / "query.h5ad", {"X" if form == "dense" else "X/data": dtype})
    np.testing.assert_allclose(project_stored(tmp_path / "query.h5ad", space), expected, atol=1e-6)
    if form == "dense":
        counts.X = counts.X.astype(dtype)
    else:
        counts.X.data = counts.X.data.astype(dtype)
    project(counts, space)
    np.testing.assert_allclose(counts.obsm["X_smile"], expected, atol=1e-6)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize(("indices", "indptr"), INDEX_TYPES)
def test_types_of_indices(counts, space, tmp_path, expected, form, indices, indptr):
    counts.X = FORMS[form](counts.X)
    counts.write_h5ad(tmp_path / "query.h5ad")
    convert(tmp_path / "query.h5ad", {"X/indices": indices, "X/indptr": indptr})
    streamed = project_stored(tmp_path / "query.h5ad", space)
    np.testing.assert_allclose(streamed, expected, atol=1e-6)
    in_memory = project(anndata.read_h5ad(tmp_path / "query.h5ad"), space, copy=True).obsm["X_smile"]
    np.testing.assert_array_equal(in_memory, streamed)


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_an_index_that_exceeds_the_smaller_type_is_damage(counts, space, tmp_path, form):
    query = counts.copy()
    query.X = FORMS[form](counts.X)
    query.write_h5ad(tmp_path / "query.h5ad")
    convert(tmp_path / "query.h5ad", {"X/indices": "uint64"})
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        file["X/indices"][7] += 2**32
    with pytest.raises(QueryError, match="the stored matrix is damaged"):
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
