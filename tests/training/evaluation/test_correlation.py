"""Correlation by feature, with weights and missing values, and the interval of a lead in it."""

import numpy as np
import pytest

from smile_training.evaluation.correlation import correlation_lead, correlations, explained_variance


@pytest.fixture
def measured() -> np.ndarray:
    return np.random.default_rng(0).normal(5, 2, (400, 3)).astype(np.float32)


def predicted(measured: np.ndarray, noise: float, seed: int) -> np.ndarray:
    return (measured + np.random.default_rng(seed).normal(0, noise, measured.shape)).astype(np.float32)


def test_correlations_are_those_of_numpy(measured):
    found = correlations(measured, predicted(measured, 2, 1))
    expected = [np.corrcoef(measured[:, each], predicted(measured, 2, 1)[:, each])[0, 1] for each in range(3)]
    np.testing.assert_allclose(found, [expected], atol=1e-6)


def test_a_weight_counts_a_cell_as_often(measured):
    other, weights = predicted(measured, 2, 1), np.random.default_rng(2).integers(0, 3, (2, 400))
    for row, found in zip(weights, correlations(measured, other, weights.astype(float)), strict=True):
        np.testing.assert_allclose(
            found, correlations(np.repeat(measured, row, 0), np.repeat(other, row, 0))[0], atol=1e-6
        )


def test_missing_values_are_left_out(measured):
    other, gaps = predicted(measured, 2, 1), measured.copy()
    gaps[:100, 0] = np.nan
    other[50:200, 0] = np.nan
    np.testing.assert_allclose(correlations(gaps, other)[0, 0], correlations(measured[200:], other[200:])[0, 0])
    np.testing.assert_allclose(
        explained_variance(gaps, other)[0], explained_variance(measured[200:], other[200:])[0], rtol=1e-5
    )


def test_a_constant_prediction_has_no_correlation_and_constant_measurements_none_at_all(measured):
    constant = np.full_like(measured, 0.1)
    np.testing.assert_array_equal(correlations(measured, constant), 0)
    assert np.isnan(correlations(constant, measured)).all()
    assert np.isnan(explained_variance(constant, measured)).all()


def test_the_mean_explains_nothing_and_worse_than_the_mean_is_negative(measured):
    mean = np.repeat(measured.mean(axis=0, keepdims=True), len(measured), axis=0)
    np.testing.assert_allclose(explained_variance(measured, mean), 0, atol=1e-6)
    np.testing.assert_allclose(explained_variance(measured, measured), 1)
    assert (explained_variance(measured, mean + 3) < -1).all()


def test_a_clear_lead_is_above_zero_and_its_reverse_below(measured):
    good, bad = predicted(measured, 1, 1)[None], predicted(measured, 3, 2)[None]
    low, high = correlation_lead(measured, good, bad)
    expected = (correlations(measured, good[0]) - correlations(measured, bad[0])).mean()
    assert 0.1 < low < expected < high
    assert correlation_lead(measured, bad, good)[1] < -0.1


def test_equal_methods_do_not_lead_and_noise_does_not_decide(measured):
    one, other = predicted(measured, 2, 1)[None], predicted(measured, 2, 2)[None]
    assert correlation_lead(measured, one, one) == (0, 0)
    low, high = correlation_lead(measured, one, other)
    assert low < 0 < high


def test_cells_that_a_repeat_did_not_leave_out_have_no_say(measured):
    good, bad = predicted(measured, 1, 1)[None], predicted(measured, 3, 2)[None]
    good[:, 300:] = bad[:, 300:] = np.nan
    low, high = correlation_lead(measured, good, bad)
    assert 0 < low < high


def test_features_that_never_vary_have_no_lead():
    constant = np.ones((50, 2), np.float32)
    assert correlation_lead(constant, constant[None], constant[None]) is None
