"""The encoder: arrays in, arrays out."""

import dataclasses
import pickle

import numpy as np
import pytest
import scipy

from smile_runtime import QueryError


def test_embedding_is_float32_of_unit_length(encoder, raw_values):
    embedding = encoder.encode(*raw_values)
    assert embedding.shape == (40, encoder.record.n_latent)
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_different_cells_have_different_embeddings(encoder, raw_values):
    embedding = encoder.encode(*raw_values)
    assert len(np.unique(embedding, axis=0)) == len(embedding)


@pytest.mark.parametrize("form", ["csr_matrix", "csr_array", "csc_matrix", "coo_matrix"])
def test_sparse_values_equal_dense_values(encoder, raw_values, form):
    X, factors = raw_values
    sparse = encoder.encode(getattr(scipy.sparse, form)(X), factors)
    np.testing.assert_allclose(sparse, encoder.encode(X, factors), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 40])
def test_batch_size_changes_nothing(encoder, raw_values, batch_size):
    expected = encoder.encode(*raw_values, batch_size=512)
    np.testing.assert_allclose(encoder.encode(*raw_values, batch_size=batch_size), expected, atol=1e-6)


def test_order_of_rows_is_kept(encoder, raw_values):
    X, factors = raw_values
    order = np.random.default_rng(2).permutation(len(X))
    expected = encoder.encode(X, factors)[order]
    np.testing.assert_allclose(encoder.encode(X[order], factors[order], batch_size=16), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, np.uint8])
def test_other_number_types_are_accepted(encoder, raw_values, dtype):
    X, factors = raw_values
    expected = encoder.encode(X, factors)
    np.testing.assert_array_equal(encoder.encode(X.astype(dtype), factors.astype(np.float64)), expected)


def test_input_is_not_changed(encoder, raw_values):
    X, factors = raw_values
    before = X.copy(), factors.copy()
    encoder.encode(X, factors)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(factors, before[1])


def test_size_factor_may_be_a_column_or_a_list(encoder, raw_values):
    X, factors = raw_values
    expected = encoder.encode(X, factors)
    np.testing.assert_array_equal(encoder.encode(X, factors[:, None]), expected)
    np.testing.assert_array_equal(encoder.encode(X, factors.tolist()), expected)


def test_size_factor_of_scaled_values_is_one(encoder, raw_values):
    X, factors = raw_values
    scaled, ones = X * factors[:, None], np.ones(len(X))
    np.testing.assert_allclose(encoder.encode(scaled, ones), encoder.encode(X, factors), atol=1e-5)
    assert np.abs(encoder.encode(X, ones) - encoder.encode(X, factors)).max() > 1e-2


def test_size_factor_is_required_by_encoders_that_scale_cells(encoder, raw_values):
    with pytest.raises(QueryError, match=r"needs size_factor: 10000 / the cell's total .* and measured") as caught:
        encoder.encode(raw_values[0])
    assert "Space.project_arrays" in str(caught.value)


@pytest.mark.parametrize("n_missing", [20, 800])
def test_missing_feature_is_imputed_by_the_reference_mean_and_the_others_are_scaled_up(encoder, raw_values, n_missing):
    X, factors = raw_values
    features = encoder.features
    highest = np.argsort(features.mean)[-n_missing:]  # means far from zero
    unknown = X.copy()
    unknown[:, highest] = np.nan
    embedding = encoder.encode(unknown, factors)

    measured = np.isin(np.arange(len(features)), highest, invert=True)
    from_mean = np.where(measured, np.log1p(X.astype(np.float64) * factors[:, None]) - features.mean, 0.0)
    from_mean /= features.weight[measured].sum()
    filled = np.expm1(features.mean + from_mean) / factors[:, None]
    np.testing.assert_allclose(embedding, encoder.encode(filled, factors), atol=1e-5)

    zeros = X.copy()
    zeros[:, highest] = 0
    assert np.abs(embedding - encoder.encode(zeros, factors)).max() > 1e-3


def test_nan_may_differ_between_cells(encoder, raw_values):
    X, factors = (array[:2].copy() for array in raw_values)
    whole = encoder.encode(X, factors)
    X[0, :100] = np.nan
    partly = encoder.encode(X, factors)
    np.testing.assert_allclose(partly[1], whole[1], atol=1e-6)
    assert np.abs(partly[0] - whole[0]).max() > 1e-4


def test_cells_without_measured_features_have_a_finite_embedding(encoder):
    embedding = encoder.encode(np.full((2, len(encoder.features)), np.nan, np.float32), np.ones(2))
    assert np.isfinite(embedding).all()
    np.testing.assert_allclose(embedding[0], embedding[1], atol=1e-6)


def test_pseudo_types_of_the_graph_are_probabilities(encoder, raw_values):
    X, factors = raw_values
    probabilities = encoder.dense_runner.run("pseudo_type", (X, factors[:, None]), None)
    assert probabilities.shape == (40, encoder.record.n_pseudo_types)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    alone = encoder.dense_runner.run("pseudo_type", (X[:3], factors[:3, None]), None)
    np.testing.assert_allclose(probabilities[:3], alone, atol=1e-6)


def test_no_cells_have_an_empty_embedding(encoder):
    empty = encoder.encode(np.empty((0, len(encoder.features)), np.float32), [])
    assert empty.shape == (0, encoder.record.n_latent)


@pytest.mark.parametrize("cut", [np.s_[:, :-1], np.s_[0], np.s_[:, :0]])
def test_wrong_shape_raises(encoder, raw_values, cut):
    X = raw_values[0][cut]
    with pytest.raises(QueryError, match=r"rna encoder takes an array of shape \(n, \d+\), got ") as caught:
        encoder.encode(X)
    assert str(X.shape) in str(caught.value)
    assert f"(n, {len(encoder.features)})" in str(caught.value)


@pytest.mark.parametrize("n", [39, 41, 1])
def test_wrong_number_of_size_factors_raises(encoder, raw_values, n):
    with pytest.raises(QueryError, match=rf"size_factor has shape \({n},\) for 40 rows"):
        encoder.encode(raw_values[0], np.ones(n))


def test_size_factor_of_wrong_shape_raises(encoder, raw_values):
    with pytest.raises(QueryError):
        encoder.encode(raw_values[0], np.ones((20, 2)))


@pytest.mark.parametrize("name", ["batch_size", "n_threads"])
@pytest.mark.parametrize("number", [0, -1])
def test_batch_size_and_threads_must_be_positive(encoder, raw_values, name, number):
    with pytest.raises(QueryError, match=f"{name} is {number}, it must be at least 1"):
        encoder.encode(*raw_values, **{name: number})


@pytest.mark.parametrize("name", ["batch_size", "n_threads"])
@pytest.mark.parametrize("number", [2.5, "8", np.float32(2)])
def test_batch_size_and_threads_must_be_integers(encoder, raw_values, name, number):
    with pytest.raises(QueryError, match=f"{name} is .*, it must be a whole number, at least 1"):
        encoder.encode(*raw_values, **{name: number})


def test_unopened_encoder_can_be_pickled(encoder, raw_values):
    copy = pickle.loads(pickle.dumps(dataclasses.replace(encoder)))
    np.testing.assert_array_equal(copy.encode(*raw_values), encoder.encode(*raw_values))


def test_preprocessing_has_the_settings_of_the_manifest_and_the_statistics_of_the_table(encoder):
    settings, preprocessing = encoder.record.preprocessing, encoder.preprocessing
    assert preprocessing.to_record(settings.values) == settings
    np.testing.assert_array_equal(preprocessing.mean, encoder.features.mean)
    np.testing.assert_array_equal(preprocessing.std, encoder.features.std)
