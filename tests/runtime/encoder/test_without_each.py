"""Cells embedded without each of their features: the same as leaving the feature out and encoding again."""

from pathlib import Path

import numpy as np
import pytest
import scipy

from smile_runtime import Encoder, QueryError, SpaceError, open_space
from smile_runtime.encoder import Preprocessing
from smile_runtime.encoder.first_layer import FirstLayer
from smile_runtime.encoder.sparse_runner import SparseRunner

SPACES = Path(__file__).parents[3] / "zoo/smile_zoo/spaces"


def by_brute_force(encoder: Encoder, X: np.ndarray, factors: np.ndarray, measured, removals) -> np.ndarray:
    """Return the embeddings without the features of removals, each encoded from its raw values."""
    rows = X[removals.cells]
    rows[np.arange(len(rows)), removals.features] = 0
    return encoder.encode(scipy.sparse.csr_matrix(rows), factors[removals.cells], measured=measured)


@pytest.mark.parametrize("name", ["pbmc", "mouse-skin", "mouse-marrow"])
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_removals_equal_brute_force(name, share):
    encoder = open_space(SPACES / name, device="cpu").encoder("rna")
    rng = np.random.default_rng(0)
    measured = rng.random(len(encoder.features)) < share
    X = rng.poisson(0.3, (4, len(encoder.features))).astype(np.float32) * measured
    X[2] = 0  # a cell without counts has no features to remove
    factors = rng.uniform(0.5, 20, 4).astype(np.float32)
    embedding, parts = encoder.encode_without_each(
        scipy.sparse.csr_matrix(X), factors, measured=measured, batch_size=300
    )
    parts = list(parts)
    np.testing.assert_array_equal(
        np.concatenate([[part.cells, part.features] for part in parts], axis=1), np.nonzero(X)
    )
    np.testing.assert_allclose(embedding, encoder.encode(X, factors, measured=measured), atol=1e-5)
    moved = 0.0
    for part in parts:
        expected = by_brute_force(encoder, X, factors, measured, part)
        np.testing.assert_allclose(part.embedding, expected, atol=1e-5)
        moved = max(moved, float(np.abs(expected - embedding[part.cells]).max()))
    assert moved > 1e-3


def test_dense_rows_ignore_features_that_were_not_measured(encoder, raw_values):
    X, factors = raw_values[0][:3], raw_values[1][:3]
    measured = np.arange(X.shape[1]) % 2 == 0
    _, of_dense = encoder.encode_without_each(X, factors, measured=measured)
    _, of_sparse = encoder.encode_without_each(scipy.sparse.csr_matrix(X * measured), factors, measured=measured)
    for dense, sparse in zip(of_dense, of_sparse, strict=True):
        np.testing.assert_array_equal(dense.features, sparse.features)
        np.testing.assert_allclose(dense.embedding, sparse.embedding, atol=1e-6)


@pytest.mark.parametrize("steps", [{"clr": True}, {"idf": np.linspace(0.5, 3, 30)}, {"binarize": True}])
def test_factors_of_the_whole_cell_stay(steps):
    rng = np.random.default_rng(0)
    preprocessing = Preprocessing(
        target_sum=None, log1p=True, scaling="sd", mean=rng.random(30), std=np.ones(30), **steps
    )
    weight = rng.normal(size=(30, 4)).astype(np.float32)
    runner = SparseRunner(preprocessing, FirstLayer(weight, preprocessing.mean, np.full(30, 1 / 30)), None, "")
    runner.run_trunk = lambda _output, first: first.copy()
    measured = np.arange(30) % 5 > 0
    X = rng.poisson(1.0, (3, 30)).astype(np.float32) * measured
    batch = scipy.sparse.csr_matrix(X), np.ones((3, 1), np.float32)
    transformed = preprocessing.transform(*batch, measured).toarray()
    for part in runner.run_without_each(batch, measured, 7)[1]:
        without = transformed[part.cells]
        without[np.arange(len(without)), part.features] = 0
        expected = np.where(measured, without - preprocessing.mean, 0) @ weight / (24 / 30)
        np.testing.assert_allclose(part.embedding, expected, rtol=1e-4, atol=1e-5)
    group = np.array([1, 2, 8, 17])
    without = transformed.copy()
    without[:, group] = 0
    expected = np.where(measured, without - preprocessing.mean, 0) @ weight / (24 / 30)
    np.testing.assert_allclose(runner.run_without(batch, measured, group), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(batch[0].toarray(), X)


def test_a_group_is_left_out_together(encoder, raw_values):
    X, factors = raw_values[0][:5], raw_values[1][:5]
    group = np.flatnonzero(X.sum(axis=0))[::7]
    without = X.copy()
    without[:, group] = 0
    found = encoder.encode_without(scipy.sparse.csr_matrix(X), group, factors)
    np.testing.assert_allclose(found, encoder.encode(without, factors), atol=1e-5)
    assert np.abs(found - encoder.encode(X, factors)).max() > 1e-3


def test_values_are_those_before_centering(encoder, raw_values):
    X, factors = raw_values[0][:2], raw_values[1][:2]
    _, parts = encoder.encode_without_each(X, factors)
    part = next(parts)
    np.testing.assert_allclose(part.values, np.log1p(X[part.cells, part.features] * factors[part.cells]), rtol=1e-5)


def test_missing_values_of_measured_features_are_refused(encoder, raw_values):
    X = raw_values[0][:2].copy()
    X[0, 3] = np.nan
    with pytest.raises(QueryError, match=r"missing \(NaN\) in features that other cells measured"):
        encoder.encode_without_each(X, raw_values[1][:2])


def test_an_encoder_without_sparse_files_is_refused(encoder, raw_values):
    dense = Encoder(modality="rna", record=encoder.record, features=encoder.features, graph=encoder.graph, device="cpu")
    with pytest.raises(SpaceError, match="has no sparse first layer, which is needed to leave features out"):
        dense.encode_without_each(*raw_values)
