"""Directions that two modalities share."""

import numpy as np
import pytest
from numpy.typing import NDArray

from smile_training.model.canonical_variates import N_VARIATES, fit_canonical_variates


def paired_components(n_pairs: int, seed: int, noise: float = 0.1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return components that share two sources, the third of one and the second of the other, and the other way round.

    The widest component of either is its own.
    """
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(n_pairs, 2))
    first, second = rng.normal(size=(2, n_pairs, 6))
    first[:, 0] *= 2.0
    second[:, 0] *= 2.0
    first[:, [2, 1]] = sources + noise * rng.normal(size=sources.shape)
    second[:, [1, 2]] = sources + noise * rng.normal(size=sources.shape)
    return first.astype(np.float32), second.astype(np.float32) + 5.0


def test_variates_are_what_other_pairs_share_and_not_what_varies_most() -> None:
    to_first, to_second = fit_canonical_variates(*paired_components(400, seed=0))
    assert to_first.shape == to_second.shape == (6, 6)
    first, second = paired_components(300, seed=1)
    shared = [np.corrcoef(first @ a, second @ b)[0, 1] for a, b in zip(to_first.T, to_second.T, strict=True)]
    assert min(shared[:2]) > 0.95
    assert np.abs(shared[2:]).max() < 0.3
    assert np.abs(to_first[0, :2]).max() < 0.1


def test_variates_that_hardly_correlate_are_small_and_the_first_counts_twice() -> None:
    first, second = paired_components(400, seed=0)
    to_first, to_second = fit_canonical_variates(first, second)
    for components, combinations in ((first, to_first), (second, to_second)):
        spread = np.std(components @ combinations, axis=0)
        assert spread[0] == pytest.approx(2.0, abs=1e-5)
        assert spread[1] > 1.8
        assert spread[2:].max() < 0.5


def test_few_pairs_use_the_first_components_alone() -> None:
    first, second = paired_components(35, seed=0)
    to_first, to_second = fit_canonical_variates(first, second)
    assert to_first.shape == to_second.shape == (6, 3)
    assert not to_first[3:].any()
    assert not to_second[3:].any()


def test_dependent_components_give_no_variate_without_extent() -> None:
    """As discriminants are, whose sum is zero: a direction of zeros would have no weights in a space."""
    first, second = paired_components(400, seed=0)
    dependent = np.hstack([first, -first.sum(axis=1, keepdims=True)])
    for pair in ((dependent, second), (second, dependent), (dependent, dependent)):
        for components, combinations in zip(pair, fit_canonical_variates(*pair), strict=True):
            assert combinations.shape[1] == 6
            assert np.std(components @ combinations, axis=0).min() > 1e-3


def test_constant_components_and_a_large_number_of_them_do_no_harm() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(800, 60)).astype(np.float32)
    to_first, to_second = fit_canonical_variates(values, values[:, :50])
    assert to_first.shape == (60, N_VARIATES)
    assert to_second.shape == (50, N_VARIATES)
    flat, _ = fit_canonical_variates(np.ones((800, 4), np.float32), values)
    assert flat.shape == (4, 0)
