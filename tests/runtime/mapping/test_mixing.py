"""Batch mixing: cases with a known answer, and helpers against plain definitions."""

import numpy as np
import pytest
import scipy.stats
from scipy.optimize import brentq

from smile_runtime.mapping.mixing import batch_mixing, inverse_simpson, perplexity_weights


def cells_around(centers: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return unit vectors scattered around the centers, shape (n, 16)."""
    points = centers + np.random.default_rng(seed).normal(0, 0.1, centers.shape)
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def corner(number: np.ndarray) -> np.ndarray:
    return np.eye(16)[number]


def test_equal_batches_are_mixed() -> None:
    rng = np.random.default_rng(1)
    label, batch = rng.integers(3, size=2000), rng.integers(4, size=2000)
    assert batch_mixing(cells_around(corner(label)), label, batch) == pytest.approx(1, abs=0.03)


def test_unequal_composition_does_not_lower_mixing() -> None:
    rng = np.random.default_rng(2)
    label = rng.integers(3, size=3000)
    share_of_second = np.array([0.05, 0.5, 0.9])[label]  # batch 1 is rare in one label, common in another
    batch = (rng.random(3000) < share_of_second).astype(int)
    assert batch_mixing(cells_around(corner(label)), label, batch) == pytest.approx(1, abs=0.03)


def test_separate_batches_do_not_mix() -> None:
    rng = np.random.default_rng(3)
    label, batch = rng.integers(2, size=1500), rng.integers(3, size=1500)
    assert batch_mixing(cells_around(corner(3 * label + batch)), label, batch) == pytest.approx(0, abs=1e-6)


def test_half_separate_batches_mix_by_half() -> None:
    rng = np.random.default_rng(4)
    batch = rng.integers(2, size=2000)
    apart = rng.random(2000) < 0.5  # half of the cells are near their own batch only
    mixing = batch_mixing(cells_around(corner(np.where(apart, 1 + batch, 0))), np.zeros(2000, int), batch)
    assert mixing == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("label", "batch"),
    [
        ([0, 1, 0, 1], [0, 0, 0, 0]),  # one batch
        ([0, 1, 0, 1], [0, 1, 0, 1]),  # no label in two
        ([0, 0], [0, 1]),  # each has one neighbor
        ([0], [0]),
        ([], []),
    ],
)
def test_mixing_is_none_without_batches_to_mix(label: list[int], batch: list[int]) -> None:
    embedding = cells_around(corner(np.array(label, int)))
    assert batch_mixing(embedding, np.array(label, int), np.array(batch, int)) is None


def test_labels_of_a_single_batch_are_ignored() -> None:
    rng = np.random.default_rng(7)
    batch = rng.integers(2, size=1500)
    label = np.where(rng.random(1500) < 0.5, 0, 1 + batch)
    corner_id = np.where(label == 0, batch, 2)  # batches of the shared label are separate; mixed cells differ in label
    assert batch_mixing(cells_around(corner(corner_id)), label, batch) == pytest.approx(0, abs=1e-6)


def test_copies_of_one_cell_are_mixed() -> None:
    label = np.zeros(200, int)
    copies = corner(label).astype(np.float32)  # all identical
    assert batch_mixing(copies, label, np.arange(200) % 2) == pytest.approx(1, abs=0.05)


def test_seed_determines_the_sample() -> None:
    rng = np.random.default_rng(5)
    batch = rng.integers(2, size=12_000)
    embedding, label = cells_around(corner(batch * (rng.random(12_000) < 0.5))), np.zeros(12_000, int)
    first, again, other = (batch_mixing(embedding, label, batch, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first == pytest.approx(other, abs=0.02)


def test_weights_have_the_perplexity_of_lisi() -> None:
    distances = np.sort(np.random.default_rng(6).random((5, 89)), axis=1).astype(np.float32)
    weights = perplexity_weights(distances)
    for row, result in zip(distances.astype(float), weights, strict=True):

        def entropy(beta: float, row: np.ndarray = row) -> float:
            share = np.exp(-beta * row)
            return float(scipy.stats.entropy(share))

        beta = brentq(lambda beta: entropy(beta) - np.log(89 / 3), 1e-6, 1e3)
        expected = np.exp(-beta * row) / np.exp(-beta * row).sum()
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_inverse_simpson_is_the_effective_number_of_batches() -> None:
    weights = np.full((3, 4), 0.25)
    batch = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 2, 3]])
    np.testing.assert_allclose(inverse_simpson(weights, batch), [1, 2, 4])
