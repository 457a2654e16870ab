"""Profiles of labels: surprise and deviation are those of their definitions."""

import numpy as np
import pytest
import scipy

from smile_runtime import IntegrityError
from smile_runtime.mapping.label_profiles import LabelProfiles, read_profiles, write_profiles

SHARE = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])


def profiles(center=((0.0, 0.0), (4.0, 0.0)), whitening=((1.0, 0.0), (0.0, 2.0))) -> LabelProfiles:
    return LabelProfiles(
        log_profile=np.log(SHARE).astype(np.float32),
        center=np.array(center, np.float32),
        whitening=np.array(whitening, np.float32),
    )


def counts(*rows) -> scipy.sparse.csr_matrix:
    return scipy.sparse.csr_matrix(np.array(rows, np.float32))


def test_a_cell_with_the_proportions_of_a_label_is_no_surprise():
    np.testing.assert_allclose(profiles().surprise(counts([7, 2, 1], [70, 20, 10])), 0, atol=1e-6)


def test_surprise_is_the_log_probability_that_the_best_profile_lacks():
    (found,) = profiles().surprise(counts([0, 9, 1]))
    x = np.array([0, 0.9, 0.1])
    expected = min((p * np.log(p)).sum() - (x * np.log(p)).sum() for p in SHARE)
    assert expected > 0.5
    assert found == pytest.approx(expected, abs=1e-6)


def test_surprise_does_not_depend_on_depth_or_scale():
    cells = counts([0, 9, 1])
    np.testing.assert_allclose(profiles().surprise(cells), profiles().surprise(cells * np.float32(1234.5)), atol=1e-6)


def test_a_cell_without_counts_is_as_expected():
    np.testing.assert_array_equal(profiles().surprise(counts([0, 0, 0])), 0)


def test_shares_of_the_measured_features_sum_to_one():
    measured = profiles().select_features(np.array([True, False, True]))
    np.testing.assert_allclose(np.exp(measured.log_profile[:, [0, 2]]).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(measured.surprise(counts([7, 0, 1])), 0, atol=1e-6)


def test_deviation_is_the_limited_mean_square_from_the_nearest_center():
    components = np.array([[1.0, 0.5], [4.0, 0.0], [100.0, 100.0]], np.float32)
    found = np.exp(profiles().log_deviation(components))
    np.testing.assert_allclose(found, [1.0, 1e-6, 9.0], rtol=1e-4)  # (1 + 1) / 2; none, at least 1e-6; at most 9


def test_deviation_of_a_cell_does_not_depend_on_the_cells_beside_it():
    rng = np.random.default_rng(0)
    center, whitening = rng.normal(size=(7, 50)), rng.normal(size=(50, 50))
    many = LabelProfiles(log_profile=np.zeros((7, 3), np.float32), center=center, whitening=whitening)
    components = rng.normal(size=(333, 50)).astype(np.float32)
    together = many.log_deviation(components)
    apart = np.concatenate([many.log_deviation(components[row : row + 1]) for row in range(len(components))])
    np.testing.assert_array_equal(together, apart)


def test_profiles_survive_the_file_in_half_precision(tmp_path):
    path = tmp_path / "rna.safetensors"
    write_profiles(profiles(), path)
    read = read_profiles(path, (2, 3), 2)
    np.testing.assert_allclose(read.log_profile, np.log(SHARE), atol=2e-3)
    np.testing.assert_array_equal(read.center, profiles().center)
    assert read.has_components
    assert not read_empty(tmp_path).has_components


def read_empty(folder):
    path = folder / "adt.safetensors"
    write_profiles(profiles(np.zeros((2, 0)), np.zeros((0, 0))), path)
    return read_profiles(path, (2, 3), 0)


def test_profiles_of_other_shapes_are_rejected(tmp_path):
    path = tmp_path / "rna.safetensors"
    write_profiles(profiles(), path)
    with pytest.raises(IntegrityError, match=r"holds arrays of shapes .* not .*; pull or build the space again"):
        read_profiles(path, (2, 4), 2)
    write_profiles(
        LabelProfiles(log_profile=np.ones((2, 3)), center=np.zeros((2, 0)), whitening=np.zeros((0, 0))), path
    )
    with pytest.raises(IntegrityError, match="holds a share above 1"):
        read_profiles(path, (2, 3), 0)
    write_profiles(profiles(center=((np.nan, 0.0), (4.0, 0.0))), path)
    with pytest.raises(IntegrityError, match="infinite or no numbers"):
        read_profiles(path, (2, 3), 2)
