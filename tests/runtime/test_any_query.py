"""Any small query is projected to finite rows, or refused with an error of ours."""

import anndata
import numpy as np
import pandas as pd
import scipy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smile_runtime import FeatureMatchError, SmileError, project

SETTINGS = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@st.composite
def queries(draw):
    """How to make a query: the genes stand in the packaged space, which is known only in the test."""
    return {
        "n_obs": draw(st.integers(1, 5)),
        "share": draw(st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0])),
        "n_others": draw(st.integers(0, 30)),
        "mean": draw(st.sampled_from([0.0, 0.02, 1.0, 300.0, 1e7])),
        "dtype": draw(st.sampled_from([np.float32, np.float64, np.int32, np.int64])),
        "form": draw(st.sampled_from([np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix])),
        "log": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**16)),
    }


def make(genes, n_obs, share, n_others, mean, dtype, form, log, seed) -> anndata.AnnData:
    rng = np.random.default_rng(seed)
    wanted = rng.choice(genes, int(share * len(genes)), replace=False).tolist()
    names = rng.permutation([*wanted, *(f"OTHER{i}" for i in range(n_others))])
    X = rng.poisson(mean, (n_obs, len(names)))
    X = np.log1p(X.astype(np.float32)) if log else X.astype(dtype)
    obs = pd.DataFrame(index=[f"c{i}" for i in range(n_obs)])
    return anndata.AnnData(form(X), obs=obs, var=pd.DataFrame(index=pd.Index(names, dtype=object)))


def outcome(query, space) -> SmileError | None:
    try:
        project(query, space)
    except SmileError as error:
        return error
    return None


@SETTINGS
@given(queries())
def test_any_query_is_projected_or_refused(space, pbmc_genes, how):
    query = make(pbmc_genes, **how)
    record = space.encoder().record
    error = outcome(query, space)
    features = space.encoder().features
    known = np.isin(features.ids, query.var_names)
    if not known.any() or features.weight[known].sum() < record.min_matched:
        assert isinstance(error, FeatureMatchError)
        assert list(query.obsm) == []
        return
    assert error is None
    embedding = query.obsm["X_smile"]
    assert embedding.shape == (how["n_obs"], record.n_latent)
    assert np.isfinite(embedding).all()
    length = np.linalg.norm(embedding, axis=1)
    assert np.all((np.abs(length - 1) < 1e-4) | (length == 0))
    assert np.isfinite(query.obsm["X_smile_map"]).all()
    assert query.obs["smile_confidence"].between(0, 1).all()
    assert query.obs["smile_similarity"].between(0, 1).all()
    assert set(query.obs["smile_label"]) <= {*space.reference.label_columns[0].labels, "unknown"}
