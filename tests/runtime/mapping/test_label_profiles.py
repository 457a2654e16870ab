"""Profiles of labels: surprise and deviation are those of their definitions."""

import dataclasses

import numpy as np
import pytest
import scipy

from smile_runtime import IntegrityError
from smile_runtime.mapping.label_profiles import LabelProfiles, read_profiles, write_profiles

SHARE = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])


def profiles(axes=((1.0, 0.0), (0.0, 2.0)), center=((0.0, 0.0), (8.0, 6.0)), average=(4.0, 3.0)) -> LabelProfiles:
    return LabelProfiles(
        log_profile=np.log(SHARE).astype(np.float32),
        axes=np.array(axes, np.float32),
        center=np.array(center, np.float32),
        average=np.array(average, np.float32),
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


def test_deviation_is_relative_to_the_distance_of_a_center_from_the_average():
    components = np.array([[0.0, 0.0], [4.0, 1.5], [3.0, 2.0], [8.0, 6.0]], np.float32)
    np.testing.assert_allclose(profiles().deviation(components), [0.0, 1.0, 1.0, 1.2], rtol=1e-6)


def test_a_center_far_from_the_average_allows_for_more_than_the_nearest():
    of_three = profiles(center=((1.0, 0.0), (-11.0, 0.0)), average=(0.0, 0.0))
    np.testing.assert_allclose(of_three.deviation(np.array([[-3.0, 0.0]], np.float32)), [8 / 11], rtol=1e-6)


def test_labels_without_cells_are_not_compared():
    of_two = profiles(center=((0.0, 0.0), (4.0, 3.0)))
    np.testing.assert_allclose(of_two.deviation(np.array([[4.0, 1.5]], np.float32)), [1.0], rtol=1e-6)


def test_deviation_of_a_cell_does_not_depend_on_the_cells_beside_it():
    rng = np.random.default_rng(0)
    axes, center = rng.normal(size=(50, 6)).astype(np.float32), rng.normal(size=(7, 6)).astype(np.float32)
    many = profiles(axes, center, np.zeros(6))
    components = rng.normal(size=(333, 50)).astype(np.float32)
    together = many.deviation(components)
    apart = np.concatenate([many.deviation(components[row : row + 1]) for row in range(len(components))])
    np.testing.assert_array_equal(together, apart)


def test_profiles_survive_the_file_in_half_precision(tmp_path):
    path = tmp_path / "rna.safetensors"
    write_profiles(profiles(), path)
    read = read_profiles(path, (2, 3), 2)
    np.testing.assert_allclose(read.log_profile, np.log(SHARE), atol=2e-3)
    for name in ("axes", "center", "average"):
        np.testing.assert_array_equal(getattr(read, name), getattr(profiles(), name))
    assert read.has_axes
    assert not read_empty(tmp_path).has_axes


def read_empty(folder):
    path = folder / "adt.safetensors"
    write_profiles(profiles(np.zeros((0, 0)), np.zeros((2, 0)), np.zeros(0)), path)
    return read_profiles(path, (2, 3), 2)


def test_profiles_of_other_shapes_are_rejected(tmp_path):
    path = tmp_path / "rna.safetensors"
    write_profiles(profiles(), path)
    with pytest.raises(IntegrityError, match=r"holds arrays of shapes .* not .*; pull or build the space again"):
        read_profiles(path, (2, 4), 2)
    with pytest.raises(IntegrityError, match="holds arrays of shapes"):
        read_profiles(path, (2, 3), 0)
    write_profiles(dataclasses.replace(profiles(), log_profile=np.ones((2, 3))), path)
    with pytest.raises(IntegrityError, match="holds a share above 1"):
        read_profiles(path, (2, 3), 2)
    write_profiles(profiles(center=((np.nan, 0.0), (4.0, 0.0))), path)
    with pytest.raises(IntegrityError, match="infinite or no numbers"):
        read_profiles(path, (2, 3), 2)
