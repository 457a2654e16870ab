"""Features that are NaN in all cells were not measured, and batches may have measured different features."""

import anndata
import dask.array
import numpy as np
import pytest
import scipy

from smile_runtime import FeatureMatchError, ValueKindError, project, project_file


@pytest.fixture
def expected(counts, space) -> np.ndarray:
    return project(counts[:, 300:].copy(), space, copy=True).obsm["X_smile"]


@pytest.fixture
def unmeasured(counts) -> anndata.AnnData:
    """Return the cells with NaN in the first 300 features."""
    counts.X = counts.X.toarray()
    counts.X[:, :300] = np.nan
    return counts


def test_unmeasured_features_in_memory(unmeasured, space, expected, caplog):
    result = project(unmeasured, space, copy=True)
    np.testing.assert_allclose(result.obsm["X_smile"], expected, atol=1e-6)
    assert result.n_vars == unmeasured.n_vars
    assert "300 features are NaN in all cells; not counted as measured" in caplog.text
    unmeasured.X = scipy.sparse.csr_matrix(unmeasured.X)
    np.testing.assert_allclose(project(unmeasured, space, copy=True).obsm["X_smile"], expected, atol=1e-6)


def test_unmeasured_features_in_a_file_and_in_dask(unmeasured, space, tmp_path, expected):
    unmeasured.write_h5ad(tmp_path / "query.h5ad")
    project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_allclose(written.obsm["X_smile"], expected, atol=1e-6)
    assert np.isnan(written.X[:, :300]).all()
    unmeasured.X = dask.array.from_array(unmeasured.X, chunks=(10, -1))
    np.testing.assert_allclose(project(unmeasured, space, copy=True).obsm["X_smile"], expected, atol=1e-6)


@pytest.fixture
def joined(counts) -> anndata.AnnData:
    """Return three batches of an outer join: without the first 300 features, with all, and without the last 300."""
    counts.X = counts.X.toarray()
    parts = np.array_split(np.arange(counts.n_obs), 3)
    counts.X[parts[0], :300] = np.nan
    counts.X[parts[2], -300:] = np.nan
    return counts


@pytest.fixture
def apart(joined, space) -> np.ndarray:
    parts = np.array_split(np.arange(joined.n_obs), 3)
    batches = [joined[parts[0], 300:], joined[parts[1]], joined[parts[2], :-300]]
    return np.concatenate([project(batch.copy(), space, copy=True).obsm["X_smile"] for batch in batches])


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix, lambda X: dask.array.from_array(X, (10, -1))])
def test_batches_that_measured_different_features_land_where_they_do_apart(joined, space, apart, form, caplog):
    rng = np.random.default_rng(0).permutation(joined.n_obs)
    mixed = anndata.AnnData(form(joined.X[rng]), var=joined.var)
    result = project(mixed, space, copy=True)
    np.testing.assert_allclose(result.obsm["X_smile"], apart[rng], atol=1e-6)
    assert result.uns["smile"]["n_feature_sets"] == 3
    assert result.uns["smile"]["lowest_weight_matched"] < result.uns["smile"]["weight_matched"]
    assert "cells measured 3 different sets of features" in caplog.text


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_batches_in_a_file(joined, space, apart, tmp_path, suffix):
    query, output = tmp_path / f"query.{suffix}", tmp_path / f"out.{suffix}"
    getattr(joined, f"write_{suffix}")(query)
    summary = project_file(query, space, output)
    written = getattr(anndata, f"read_{suffix}")(output)
    np.testing.assert_allclose(written.obsm["X_smile"], apart, atol=1e-6)
    assert summary.provenance["n_feature_sets"] == 3


def test_log_normalized_batches_keep_their_own_totals(joined, space):
    parts = np.array_split(np.arange(joined.n_obs), 3)
    totals = np.nansum(joined.X, axis=1, keepdims=True)
    joined.X = np.log1p(joined.X / totals * 1e4)
    result = project(joined, space, copy=True).obsm["X_smile"][parts[0]]
    expected = project(joined[parts[0], 300:].copy(), space, copy=True).obsm["X_smile"]
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_a_batch_without_the_encoder_s_features_is_rejected(joined, space):
    joined.X[: joined.n_obs // 3, 20:] = np.nan
    with pytest.raises(FeatureMatchError, match=r"some cells, in which .* features are NaN.*or drop these cells"):
        project(joined, space)


def test_scattered_nan_is_rejected(counts, space):
    counts.X = counts.X.toarray()
    counts.X[3, 5] = np.nan
    name = counts.var_names[5]
    with pytest.raises(
        ValueKindError, match=f"2 different sets of features.*cell 3 .*most cells in the feature '{name}'"
    ):
        project(counts, space)
    counts.X[np.random.default_rng(0).random(counts.shape) < 0.01] = np.nan
    with pytest.raises(ValueKindError, match="different sets of features, at most 64"):
        project(counts, space)
