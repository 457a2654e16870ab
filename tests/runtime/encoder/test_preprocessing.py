"""Preprocessing: size factors, scales, and the record in the manifest."""

import numpy as np
import pytest

from smile_runtime.encoder.preprocessing import Preprocessing
from smile_runtime.features.feature_table import FeatureTable

MEAN = np.array([0.5, 0.0, 2.0])
STD = np.array([4.0, 0.0, 0.25])


def preprocessing(**changes) -> Preprocessing:
    settings = {"target_sum": 1e4, "log1p": True, "scaling": "sd", "mean": MEAN, "std": STD}
    return Preprocessing(**{**settings, **changes})


def test_size_factor_is_target_over_total():
    factors = preprocessing().size_factors(np.array([1e4, 2500.0, 0.0, 1.0]))
    assert factors.dtype == np.float32
    np.testing.assert_array_equal(factors, [[1.0], [4.0], [1.0], [1e4]])


def test_size_factor_is_one_without_target():
    factors = preprocessing(target_sum=None).size_factors(np.array([3.0, 0.0]))
    assert factors.dtype == np.float32
    np.testing.assert_array_equal(factors, [[1.0], [1.0]])


@pytest.mark.parametrize(
    ("scaling", "scale"), [("sd", [0.25, 1.0, 4.0]), ("sqrt_sd", [0.5, 1.0, 2.0]), ("none", [1.0, 1.0, 1.0])]
)
def test_scale_of_each_kind_keeps_constant_features(scaling, scale):
    np.testing.assert_allclose(preprocessing(scaling=scaling).scale, scale)


def test_values_are_centered_then_scaled():
    logged = np.array([[4.5, 3.0, 1.0]], np.float32)
    centered = preprocessing().centered(logged)
    assert centered.dtype == np.float32
    np.testing.assert_allclose(centered, [[1.0, 3.0, -4.0]])
    np.testing.assert_array_equal(logged, [[4.5, 3.0, 1.0]])  # the input is not changed


@pytest.mark.parametrize("changes", [{}, {"clr": True}, {"idf": STD}, {"band": np.arange(3), "band_mean": MEAN}])
def test_record_and_table_restore_the_preprocessing(changes):
    before = preprocessing(**changes)
    table = FeatureTable(("a", "b", "c"), mean=MEAN, std=STD, weight=MEAN, idf=before.idf, band=before.band)
    after = Preprocessing.from_record(before.to_record("counts"), table)
    np.testing.assert_equal(vars(after), vars(before))
