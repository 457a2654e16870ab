"""Sparse rows through the packaged encoder: the same embedding as dense rows, and the choice of the runner."""

import logging
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import scipy

from smile_runtime import Encoder, IntegrityError, QueryError, Space
from smile_runtime.encoder import encoder as encoder_module
from smile_runtime.encoder.device import CPU, CUDA
from smile_runtime.encoder.encoder import SparseFiles
from smile_runtime.encoder.sparse_density import break_even_density, is_sparse_enough
from smile_runtime.space.parity import require_sparse_parity

csr = scipy.sparse.csr_matrix


@pytest.fixture
def fresh(space: Space) -> Encoder:
    """The packaged encoder, without any open session."""
    record = space.manifest.encoders["rna"]
    files = SparseFiles(space.path / record.sparse.first, space.path / record.sparse.trunk)
    return Encoder(
        modality="rna",
        record=record,
        features=space.encoders["rna"].features,
        graph=space.path / record.graph,
        device="cpu",
        sparse=files,
    )


@pytest.fixture(scope="session")
def thin(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Forty cells with counts in 5% of the features, two of them empty, and size factors."""
    rng = np.random.default_rng(3)
    X = rng.poisson(2, (40, len(encoder.features))) * (rng.random((40, len(encoder.features))) < 0.06)
    X[[0, 17]] = 0
    return X.astype(np.float32), rng.uniform(0.5, 5, 40).astype(np.float32)


def ran_sparse(encoder: Encoder) -> bool:
    """Return whether only the trunk was opened."""
    return "sparse_runner" in vars(encoder) and "session" not in vars(encoder)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.05, 0.005])
def test_sparse_rows_equal_dense_rows(fresh, thin, share):
    X, factors = thin
    measured = np.random.default_rng(4).random(X.shape[1]) < share
    X = np.where(measured, X, 0)
    sparse = fresh.encode(csr(X), factors, measured=measured)
    assert ran_sparse(fresh)
    dense = fresh.encode(np.where(measured, X, np.nan), factors)
    np.testing.assert_allclose(sparse, dense, atol=1e-5)
    assert np.ptp(dense, axis=0).max() > 1e-3


@pytest.mark.parametrize("share", [1.0, 0.6, 0.05, 0.005])
def test_sparse_rows_have_the_pseudo_types_of_dense_rows(fresh, thin, share):
    X, factors = thin
    measured = np.random.default_rng(4).random(X.shape[1]) < share
    X = np.where(measured, X, 0)
    sparse = fresh.sparse_runner.run("pseudo_type", (csr(X), factors[:, None]), measured)
    assert ran_sparse(fresh)
    dense = fresh.dense_runner.run("pseudo_type", (X, factors[:, None]), measured)
    np.testing.assert_allclose(sparse, dense, atol=1e-5)
    assert np.ptp(dense, axis=0).max() > 1e-3


def test_no_mask_equals_a_mask_of_all_features(fresh, thin):
    X, factors = thin
    expected = fresh.encode(csr(X), factors)
    np.testing.assert_array_equal(fresh.encode(csr(X), factors, measured=np.ones(X.shape[1], bool)), expected)


def test_mask_hides_values_of_dense_rows_without_changing_them(fresh, thin):
    X, factors = thin
    measured = np.arange(X.shape[1]) % 3 > 0
    before = X.copy()
    hidden = fresh.encode(X, factors, measured=measured.tolist())
    np.testing.assert_array_equal(hidden, fresh.encode(np.where(measured, X, np.nan), factors))
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("n", [0, 1])
def test_no_cells_and_one_cell_are_encoded(fresh, thin, n):
    X, factors = thin
    embedding = fresh.encode(csr(X[:n]), factors[:n])
    assert embedding.shape == (n, fresh.record.n_latent)
    np.testing.assert_allclose(embedding, fresh.encode(X[:n], factors[:n]), atol=1e-6)


def test_unsorted_and_duplicate_entries_change_nothing(fresh, thin):
    X, factors = thin
    rows = csr(X)
    backwards = csr((rows.data.copy(), rows.indices.copy(), rows.indptr.copy()), shape=rows.shape)
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        backwards.data[start:stop] = rows.data[start:stop][::-1]
        backwards.indices[start:stop] = rows.indices[start:stop][::-1]
    in_halves = csr((np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), 2 * rows.indptr), shape=rows.shape)
    expected = fresh.encode(rows, factors)
    for other in (backwards, in_halves):
        before = other.data.copy(), other.indices.copy()
        np.testing.assert_array_equal(fresh.encode(other, factors), expected)
        np.testing.assert_array_equal(other.data, before[0])
        np.testing.assert_array_equal(other.indices, before[1])
    assert ran_sparse(fresh)


@pytest.mark.parametrize("value_type", [np.float64, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_types_of_values_and_indices_change_nothing(fresh, thin, value_type, index_type):
    X, factors = thin
    rows = csr(X.astype(value_type))
    rows.indices, rows.indptr = rows.indices.astype(index_type), rows.indptr.astype(index_type)
    np.testing.assert_array_equal(fresh.encode(rows, factors), fresh.encode(csr(X), factors))
    assert ran_sparse(fresh)


@pytest.mark.parametrize("form", [csr, np.asarray])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("batch_size", [1, 7, 200, 512])
def test_threads_and_batches_change_nothing(fresh, thin, monkeypatch, form, n_threads, batch_size):
    X, factors = np.tile(thin[0], (10, 1)), np.tile(thin[1], 10)
    expected = fresh.encode(form(X), factors, n_threads=1)
    monkeypatch.setattr(encoder_module, "_MIN_ROWS_PER_THREAD", 16)
    order = np.random.default_rng(5).permutation(len(X))
    embedding = fresh.encode(form(X[order]), factors[order], batch_size=batch_size, n_threads=n_threads)
    np.testing.assert_allclose(embedding, expected[order], atol=1e-6)


def test_only_the_used_runner_is_opened_and_logged_once(fresh, thin, caplog):
    X, factors = thin
    with caplog.at_level(logging.INFO, "smile_runtime"):
        fresh.encode(csr(X), factors)
        fresh.encode(csr(X[:3]), factors[:3])
        assert ran_sparse(fresh)
        assert fresh.provider == CPU
        assert ran_sparse(fresh)
        fresh.encode(X, factors)
    assert [record.getMessage() for record in caplog.records] == [
        "cells go through the rna encoder as sparse rows, the first layer by scipy",
        "cells go through the rna encoder as dense rows, through the whole graph",
    ]


@pytest.mark.parametrize("rows", ["dense", "too many values", "nan", "no files"])
def test_other_rows_go_through_the_whole_graph(fresh, thin, rows):
    X, factors = thin
    matrix = {"dense": X, "too many values": csr(X + 1)}.get(rows, csr(X))
    if rows == "nan":
        matrix.data[5] = np.nan
    if rows == "no files":
        fresh.record, fresh.sparse = msgspec.structs.replace(fresh.record, sparse=None), None
    embedding = fresh.encode(matrix, factors)
    assert np.isfinite(embedding).all()
    assert not vars(fresh).keys() & {"sparse_runner"} or fresh.sparse_runner is None
    assert "session" in vars(fresh)


@pytest.mark.parametrize("provider", [CUDA, CPU])
def test_sparse_rows_go_through_the_whole_graph_on_cuda(fresh, thin, monkeypatch, provider):
    """If CUDA is available, only an open session shows whether it is used."""

    class Session:
        def get_providers(self):
            return [provider]

        def get_outputs(self):
            return [SimpleNamespace(name="embedding", shape=["n", fresh.record.n_latent])]

        def run(self, _names, inputs):
            return [np.zeros((len(inputs["X"]), fresh.record.n_latent), np.float32)]

    fresh.session = Session()
    monkeypatch.setattr(encoder_module, "may_use_cuda", lambda _device: True)
    embedding = fresh.encode(csr(thin[0]), thin[1])
    assert fresh.provider == provider
    assert ("sparse_runner" in vars(fresh)) == embedding.any() == (provider == CPU)


@pytest.mark.parametrize("width", [50, 1000])
@pytest.mark.parametrize("n_features", [2000, 20_000])
def test_rows_below_the_break_even_density_stay_sparse(width, n_features):
    density = break_even_density(n_features, width)
    assert 0 < density < 1
    for factor in (0.9, 1.1):
        rows = scipy.sparse.random_array((100, n_features), density=factor * density, format="csr", rng=0)
        assert is_sparse_enough(rows, width) == (factor < 1)


@pytest.mark.parametrize("measured", [np.ones(7, bool), "integers"])
def test_mask_must_be_boolean_for_each_feature(fresh, thin, measured):
    if isinstance(measured, str):
        measured = np.ones(len(fresh.features), int)
    with pytest.raises(QueryError, match=f"pass True or False for each of the {len(fresh.features):,} features"):
        fresh.encode(thin[0], thin[1], measured=measured)


def test_sparse_rows_with_values_of_missing_features_raise(fresh, thin):
    X, factors = thin
    measured = np.ones(X.shape[1], bool)
    measured[np.flatnonzero(X[5])[:3]] = False
    n = np.count_nonzero(X[:, ~measured])
    with pytest.raises(QueryError, match=f"{n} values belong to features that `measured` marks as missing"):
        fresh.encode(csr(X), factors, measured=measured)


def test_parity_holds_for_sparse_rows(fresh, space):
    path = space.path / fresh.record.parity
    assert 0 < require_sparse_parity(fresh, path) <= 1e-5
    fresh.sparse_runner.layer._mean = 1.001 * fresh.features.mean
    fresh.sparse_runner.layer._cached_constants = None
    with pytest.raises(
        IntegrityError, match="rna encoder of sparse rows computes embeddings that differ from torch's by"
    ):
        require_sparse_parity(fresh, path)


def test_trunk_of_another_width_raises(fresh):
    fresh.sparse = SparseFiles(fresh.sparse.first, fresh.graph)
    inputs = f"'X', .*{len(fresh.features)}.*"
    with pytest.raises(IntegrityError, match=rf"rna\.onnx has .*{inputs} the manifest says .*'first', .*, 50"):
        _ = fresh.sparse_runner.session
