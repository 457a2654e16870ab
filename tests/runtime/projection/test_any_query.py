"""Any small query is either projected to finite rows or rejected with a SmileError."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smile_runtime import FeatureMatchError, SmileError, ValueKindError, project, project_file

SETTINGS = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def queries(draw):
    """Draw the arguments of `make`, except for the genes, which only the test knows."""
    return {
        "n_obs": draw(st.integers(1, 5)),
        "fraction": draw(st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0])),
        "n_others": draw(st.integers(0, 30)),
        "mean": draw(st.sampled_from([0.0, 0.02, 1.0, 300.0, 1e7])),
        "dtype": draw(st.sampled_from([np.float32, np.float64, np.int32, np.int64])),
        "form": draw(st.sampled_from([np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix])),
        "log": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**16)),
    }


BAD = {"nan": np.nan, "infinite": np.inf, "negative": -1.0, "half": 0.5, "beyond float32": 1e39}


def make(genes, n_obs, fraction, n_others, mean, dtype, form, log, seed, bad=None) -> anndata.AnnData:
    rng = np.random.default_rng(seed)
    known = rng.choice(genes, int(fraction * len(genes)), replace=False).tolist()
    names = rng.permutation([*known, *(f"OTHER{i}" for i in range(n_others))])
    X = rng.poisson(mean, (n_obs, len(names)))
    X = np.log1p(X.astype(np.float32)) if log else X.astype(dtype)
    if bad is not None and X.size:
        X = X.astype(np.float64)
        X[rng.integers(len(X)), rng.integers(X.shape[1])] = BAD[bad]
    obs = pd.DataFrame(index=[f"c{i}" for i in range(n_obs)])
    return anndata.AnnData(form(X), obs=obs, var=pd.DataFrame(index=pd.Index(names, dtype=object)))


def projection_error(query, space) -> SmileError | None:
    try:
        project(query, space)
    except SmileError as error:
        return error
    return None


@SETTINGS
@given(queries())
def test_any_query_is_projected_or_rejected(space, pbmc_genes, arguments):
    query = make(pbmc_genes, **arguments)
    assert_projected_or_rejected(query, projection_error(query, space), space)


def assert_projected_or_rejected(query, error, space) -> None:
    record = space.encoder().record
    features = space.encoder().features
    known = np.isin(features.ids, query.var_names)
    if not known.any() or features.weight[known].sum() < record.min_matched:
        assert isinstance(error, FeatureMatchError)
        assert list(query.obsm) == []
        return
    if not query.X.any() if isinstance(query.X, np.ndarray) else not query.X.count_nonzero():
        assert isinstance(error, ValueKindError)
        return
    assert error is None
    embedding = query.obsm["X_smile"]
    assert embedding.shape == (query.n_obs, record.n_latent)
    assert np.isfinite(embedding).all()
    length = np.linalg.norm(embedding, axis=1)
    assert np.all((np.abs(length - 1) < 1e-4) | (length == 0))
    assert np.isfinite(query.obsm["X_smile_map"]).all()
    assert query.obs["smile_confidence"].between(0, 1).all()
    assert query.obs["smile_similarity"].between(0, 1).all()
    assert set(query.obs["smile_label"]) <= {*space.reference.label_columns[0].labels, "unknown"}


@SETTINGS
@given(queries(), st.sampled_from(sorted(BAD)))
def test_any_unusual_value_is_projected_or_rejected(space, pbmc_genes, arguments, bad):
    query = make(pbmc_genes, **arguments, bad=bad)
    error = projection_error(query, space)
    if error is None:
        assert bad == "half" or query.n_vars == 0
        assert np.isfinite(query.obsm["X_smile"]).all()
    else:
        assert isinstance(error, ValueKindError | FeatureMatchError)
        assert list(query.obsm) == []


@settings(SETTINGS, max_examples=20)
@given(queries(), st.sampled_from([None, *sorted(BAD)]))
def test_any_file_agrees_with_memory(space, pbmc_genes, tmp_path_factory, arguments, bad):
    query = make(pbmc_genes, **arguments, bad=bad)
    folder = tmp_path_factory.mktemp("any")
    query.write_h5ad(folder / "query.h5ad")
    error = projection_error(query, space)
    if error is not None:
        with pytest.raises(type(error)) as caught:
            project_file(folder / "query.h5ad", space, folder / "out.h5ad")
        assert str(caught.value) == str(error)
        assert [path.name for path in folder.iterdir()] == ["query.h5ad"]
        return
    project_file(folder / "query.h5ad", space, folder / "out.h5ad")
    written = anndata.read_h5ad(folder / "out.h5ad")
    np.testing.assert_allclose(written.obsm["X_smile"], query.obsm["X_smile"], atol=1e-6)
    assert written.obs["smile_label"].tolist() == query.obs["smile_label"].tolist()
