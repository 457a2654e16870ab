"""Dask arrays give the same results as cells in memory, with threads and on a cluster."""

import importlib

import anndata
import dask
import dask.array as da
import numpy as np
import pytest
import scipy
from dask.distributed import Client, LocalCluster

from smile_runtime import ValueKindError, project


def lazy(adata: anndata.AnnData, form=scipy.sparse.csr_matrix, rows: int = 7, columns: int = -1) -> anndata.AnnData:
    """Return the cells with X as a Dask array of sparse or dense blocks."""
    blocks = [form(adata.X[start : start + rows].toarray()) for start in range(0, adata.n_obs, rows)]
    array = da.concatenate([da.from_array(block, chunks=block.shape, asarray=False) for block in blocks])
    if columns > 0:
        array = array.rechunk({1: columns})
    return anndata.AnnData(array, obs=adata.obs.copy(), var=adata.var.copy())


def assert_same(one, other):
    np.testing.assert_allclose(one.obsm["X_smile"], other.obsm["X_smile"], atol=1e-6)
    np.testing.assert_allclose(one.obsm["X_smile_map"], other.obsm["X_smile_map"], atol=1e-3)
    assert one.obs["smile_label"].tolist() == other.obs["smile_label"].tolist()


@pytest.fixture(scope="module")
def client():
    """A cluster of two workers, each in a process of its own."""
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(2, processes=True, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, np.asarray])
@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_blocks_agree_with_memory(space, request, form, kind):
    query = request.getfixturevalue(kind)
    lazily = lazy(query, form)
    done = []
    project(lazily, space, progress=lambda *numbers: done.append(numbers))
    assert_same(lazily, project(query, space, copy=True))
    assert lazily.uns["smile"]["values"] == kind
    assert isinstance(lazily.X, da.Array)
    assert done == [(30, 30)]


def test_blocks_of_some_columns_agree_with_memory(counts, space):
    lazily = lazy(counts, np.asarray, columns=500)
    project(lazily, space)
    assert_same(lazily, project(counts, space, copy=True))


def test_cluster_agrees_with_memory(counts, space, client):
    lazily = lazy(counts)
    project(lazily, space)
    assert_same(lazily, project(counts, space, copy=True))
    workers = client.run(
        lambda: importlib.import_module("smile_runtime.projection.dask")._open_on_worker.cache_info().currsize
    )
    assert sorted(workers.values()) == [1, 1] or sorted(workers.values()) == [
        0,
        1,
    ]  # at most one space per worker


def test_worker_corrects_the_kind_of_values(lognorm, space, client):
    """The sampled cells hold only integers, so only a worker sees that the values are log-normalized."""
    X = np.zeros((1000, lognorm.n_vars), np.float32)
    X[300:330] = lognorm.X.toarray()
    query = anndata.AnnData(scipy.sparse.csr_matrix(X), var=lognorm.var)
    lazily = lazy(query, rows=250)
    project(lazily, space)
    assert lazily.uns["smile"]["values"] == "lognorm"
    expected = project(lognorm, space, copy=True)
    np.testing.assert_allclose(lazily.obsm["X_smile"][300:330], expected.obsm["X_smile"], atol=1e-6)


def test_errors_of_workers_reach_the_caller(counts, space, client):
    X = np.zeros((1000, counts.n_vars), np.float32)
    X[300, 0] = -1
    lazily = lazy(anndata.AnnData(scipy.sparse.csr_matrix(X), var=counts.var), rows=250)
    with pytest.raises(ValueKindError, match="1 value is negative"):
        project(lazily, space)
    assert list(lazily.obsm) == []
