"""Whatever anndata writes is projected, and all other content of the file is kept as it was."""

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy
import zarr
from anndata.tests import helpers

from smile_runtime import project, project_file

pytestmark = [
    pytest.mark.filterwarnings("ignore:(.*zarr v[23]|Consolidated metadata|Transforming to str)"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
X_TYPES = {
    "csr": scipy.sparse.csr_matrix,
    "csc": scipy.sparse.csc_matrix,
    "csr_array": scipy.sparse.csr_array,
    "dense": np.asarray,
}
FORMATS = ["h5ad", "gzip", "zarr2", "zarr3", "consolidated", "sharded"]


@pytest.fixture
def generate(pbmc_genes, monkeypatch):
    """Return a function that generates an AnnData with everything that anndata can write, but awkward arrays."""
    monkeypatch.setattr(helpers, "gen_awkward", lambda shape: np.zeros(shape[0]))

    def generated(**settings) -> anndata.AnnData:
        np.random.seed(0)  # noqa: NPY002 (the seed of the helpers)
        adata = helpers.gen_adata((25, 600), random_state=np.random.default_rng(0), **settings)
        adata.var_names = pbmc_genes[:600]
        return adata

    return generated


def write(adata, path, form):
    if form in ("h5ad", "gzip"):
        adata.write_h5ad(path / "query.h5ad", compression=None if form == "h5ad" else form)
        return path / "query.h5ad"
    version = 2 if form == "zarr2" else 3
    with anndata.settings.override(zarr_write_format=version, auto_shard_zarr_v3=form == "sharded"):
        adata.write_zarr(path / "query.zarr")
    if form == "consolidated":
        zarr.consolidate_metadata(path / "query.zarr")
    return path / "query.zarr"


def assert_projected(adata, query, space, **options) -> None:
    """Compare with a projection in memory, and compare all other fields with those of the query."""
    output = query.with_name(f"out{query.suffix}")
    project_file(query, space, output, n_sample=5, **options)
    read = anndata.read_h5ad if query.suffix == ".h5ad" else anndata.read_zarr
    before, after = read(query), read(output)
    expected = project(adata, space, copy=True, **options)
    np.testing.assert_allclose(after.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-5)
    del after.uns["smile"]
    del after.obsm["X_smile"], after.obsm["X_smile_map"]
    after.obs = after.obs[list(before.obs)]
    helpers.assert_equal(after, before)


@pytest.mark.parametrize("form", FORMATS)
def test_formats(generate, space, tmp_path, form):
    adata = generate()
    adata.raw = adata.copy()
    adata.obs["text"] = pd.array(["Zürich", "β"] * 12 + ["a"], dtype="object")
    adata.obs["batch"] = pd.Categorical(["a", "b"] * 12 + [None])
    assert_projected(adata, write(adata, tmp_path, form), space)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("csc", "f8"), ("csc", "u1"), ("csr_array", "i8"), ("dense", "u1"), ("dense", "f8")],
)
def test_matrices(generate, space, tmp_path, kind, dtype):
    adata = generate(X_type=X_TYPES[kind], X_dtype=np.dtype(dtype))
    assert_projected(adata, write(adata, tmp_path, "zarr3" if dtype == "f8" else "h5ad"), space)


@pytest.mark.parametrize("form", ["h5ad", "zarr2"])
def test_no_x(generate, space, tmp_path, form):
    adata = generate()
    adata.layers["counts"], adata.X = adata.X, None
    query = write(adata, tmp_path, form)
    assert_projected(adata, query, space, layer="counts")


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("form", ["h5ad", "zarr3"])
def test_nullable_names_and_columns(pbmc_genes, space, tmp_path, form, missing):
    names, genes = np.array([f"cell{row}" for row in range(25)], object), np.array(pbmc_genes[:600], object)
    if missing:
        names[3] = genes[5] = pd.NA
    index = {"obs": pd.Index(pd.array(names, dtype="string")), "var": pd.Index(pd.array(genes, dtype="string"))}
    frames = {key: pd.DataFrame({"text": each.to_series().array}, index=each) for key, each in index.items()}
    X = scipy.sparse.csr_matrix(np.random.default_rng(0).poisson(1.0, (25, 600)).astype(np.float32))
    adata = anndata.AnnData(X, **frames)
    with anndata.settings.override(allow_write_nullable_strings=True):
        query = write(adata, tmp_path, form)
    project_file(query, space, tmp_path / "out.h5ad", only_embedding=True)
    known = anndata.AnnData(X, var=pd.DataFrame(index=["" if name is pd.NA else name for name in genes]))
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_allclose(written.obsm["X_smile"], project(known, space, copy=True).obsm["X_smile"], atol=1e-5)
    assert written.obs_names.tolist() == ["" if name is pd.NA else name for name in names]


def test_columns_as_anndata_wrote_them_before_0_8(generate, space, tmp_path):
    """The codes of a categorical column then referred to categories in a group of their own."""
    adata = generate(obsm_types=(), varm_types=(), layers_types=())
    adata.obs = pd.DataFrame({"kind": ["a", "b"] * 12 + ["a"]}, index=adata.obs_names)
    adata.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        del file["obs/kind"]
        file["obs/__categories/kind"] = ["a", "b"]
        file["obs/kind"] = np.array([0, 1] * 12 + [-1], np.int8)
        file["obs/kind"].attrs["categories"] = file["obs/__categories/kind"].ref
        file["obs"].attrs["encoding-version"] = "0.1.0"
    summary = project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", batch_keys=["kind"], n_sample=25)
    assert list(summary.sample_batches["kind"].names) == ["a", "b"]
    assert np.bincount(summary.sample_batches["kind"].ids + 1).tolist() == [1, 12, 12]
