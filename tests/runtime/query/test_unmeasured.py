"""Features that are NaN in all cells were not measured; batches that measured different ones are rejected."""

import anndata
import dask.array
import numpy as np
import pytest
import scipy

from smile_runtime import ValueKindError, project, project_file

SEPARATELY = "features are NaN in the first cells but not in others, as after an outer join of batches; project each"


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
    assert "300 features are NaN in all cells and count as not measured" in caplog.text
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


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_batches_that_measured_different_features(counts, space):
    counts.X = counts.X.toarray()
    parts = [counts[:, 300:].copy()] * 10 + [counts[:, :-300].copy()]
    joined = anndata.concat(parts, join="outer")
    with pytest.raises(ValueKindError, match=SEPARATELY):
        project(joined, space)


def test_single_nan_values_are_rejected(counts, space):
    counts.X = counts.X.toarray()
    counts.X[3, 5] = np.nan
    with pytest.raises(ValueKindError, match="1 values are NaN"):
        project(counts, space)
