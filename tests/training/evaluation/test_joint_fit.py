"""Weights of several modalities: fitted to complementary ones, and left to one where joining is no better."""

import numpy as np
import pytest

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import pool_probabilities
from smile_training.evaluation.joint_fit import fit_joint, pool_all
from smile_training.evaluation.paired_cells import PairedCells, concatenate_pairs

COLUMN = LabelColumn(name="type", labels=["a", "b", "c", "d"])
PAIR = ["rna", "adt"]


def probabilities(rng: np.random.Generator, guess: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """Return probabilities in which the guessed label leads and the others share the rest unevenly."""
    rest = rng.dirichlet(np.ones(3), len(guess)) * (1 - lead[:, None])
    rows = [np.insert(each, label, first) for each, label, first in zip(rest, guess, lead, strict=True)]
    return np.array(rows, np.float32)


def calibrated(rng: np.random.Generator, own: np.ndarray, lowest: float) -> np.ndarray:
    """Return probabilities whose leading label is right as often as it says, from a lowest share on."""
    lead = rng.uniform(lowest, 0.98, len(own))
    others = (own + rng.integers(1, 4, len(own))) % 4
    return probabilities(rng, np.where(rng.random(len(own)) < lead, own, others), lead)


def pairs(own: np.ndarray, *by_modality: np.ndarray) -> PairedCells:
    return PairedCells(
        names=np.array([f"cell{row}" for row in range(len(own))], object),
        own=own[:, None],
        single=[each.argmax(axis=1)[:, None] for each in by_modality],
        probabilities=[list(by_modality)],
    )


def complementary(n: int = 400) -> PairedCells:
    """Return cells of which one modality tells a and b from c and d, and the other a and c from b and d."""
    rng = np.random.default_rng(0)
    own = rng.integers(4, size=n)
    groups = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    by_modality = []
    for group in groups:
        share = np.where(group[own][:, None] == group, 0.45, 0.05) + rng.uniform(0, 0.02, (n, 4))
        by_modality.append((share / share.sum(axis=1, keepdims=True)).astype(np.float32))
    return pairs(own, *by_modality)


def test_complementary_modalities_are_pooled() -> None:
    cells = complementary()
    record = fit_joint(cells, PAIR, [COLUMN])
    assert record.is_pooled
    assert record.weights == pytest.approx([record.weights[1]] * 2, rel=0.2)
    label = pool_all(cells, record.weights, [COLUMN]).label
    assert (label == cells.own).mean() > 0.95
    assert max((each == cells.own).mean() for each in cells.single) < 0.6
    assert list(record.calibrations) == ["type"]
    assert record.calibrations["type"].n_cells == record.n_cells == 400


def test_weights_minimize_the_log_loss() -> None:
    rng = np.random.default_rng(1)
    own = rng.integers(4, size=600)
    cells = pairs(own, calibrated(rng, own, 0.4), calibrated(rng, own, 0.4))
    weights = np.array(fit_joint(cells, PAIR, [COLUMN]).weights)

    def loss(weights: np.ndarray) -> float:
        pooled = pool_probabilities(cells.probabilities[0], weights.tolist())
        return -float(np.log(pooled[np.arange(600), own]).mean())

    assert (weights > 0.3).all()
    for step in ([0.05, 0], [-0.05, 0], [0, 0.05], [0, -0.05]):
        assert loss(weights) < loss(weights + step)


@pytest.mark.parametrize("better", [0, 1])
def test_a_modality_that_adds_nothing_leaves_the_labels_to_the_better_one(better: int) -> None:
    rng = np.random.default_rng(2)
    own = rng.integers(4, size=300)
    good = calibrated(rng, own, 0.8)
    noise = probabilities(rng, rng.integers(4, size=300), np.full(300, 0.4))
    record = fit_joint(pairs(own, *((good, noise) if better == 0 else (noise, good))), PAIR, [COLUMN])
    assert record.weights == [float(better == 0), float(better == 1)]
    assert not record.calibrations


def test_confidence_in_joint_labels_is_the_share_of_right_ones() -> None:
    rng = np.random.default_rng(3)
    own = rng.integers(4, size=4000)
    cells = pairs(own, calibrated(rng, own, 0.3), calibrated(rng, own, 0.3))
    record = fit_joint(cells, PAIR, [COLUMN])
    label, probability = pool_all(cells, record.weights, [COLUMN])
    calibration = record.calibrations["type"]
    confidence = np.interp(probability[:, 0], calibration.evidence, calibration.probability)
    right = (label == cells.own)[:, 0]
    for low, high in ((0, 0.7), (0.7, 0.9), (0.9, 1.01)):
        inside = (low <= confidence) & (confidence < high)
        assert confidence[inside].mean() == pytest.approx(right[inside].mean(), abs=0.02)


def test_pairs_of_several_trainings_are_one_after_another() -> None:
    cells = complementary(20)
    halves = [cells.subset(np.arange(20) < 8), cells.subset(np.arange(20) >= 8)]
    joined = concatenate_pairs(halves)
    assert list(joined.names) == list(cells.names)
    np.testing.assert_array_equal(joined.probabilities[0][1], cells.probabilities[0][1])
    np.testing.assert_array_equal(joined.single[0], cells.single[0])
