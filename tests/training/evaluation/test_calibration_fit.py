"""Calibration: a confidence is a probability."""

from collections.abc import Callable

import numpy as np
import pytest

from smile_runtime.mapping.confidence import calibrate_confidence
from smile_training.evaluation.calibration_fit import calibrate


def simulate_votes(probability: Callable[[np.ndarray], np.ndarray], n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return which labels are right, and the share that each won, shape ``(3, n)`` each."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0.2, 1.0, (3, n)).astype(np.float32)
    return rng.random((3, n)) < probability(share), share


@pytest.mark.parametrize("probability", [lambda share: share, lambda share: share**3, lambda share: 0.9 + 0 * share])
def test_confidence_is_the_probability_of_being_right(probability: Callable[[np.ndarray], np.ndarray]) -> None:
    record = calibrate(*simulate_votes(probability))

    assert (np.diff(record.share) > 0).all()
    assert (np.diff(record.probability) >= 0).all()
    assert min(record.probability) >= 0
    assert max(record.probability) <= 1
    assert 0 <= record.expected_calibration_error < 0.03
    assert record.n_cells == 4000
    share = np.linspace(0.25, 0.95, 30, dtype=np.float32)
    np.testing.assert_allclose(calibrate_confidence(share, record), probability(share), atol=0.08)


def test_calibration_error_is_that_of_cells_the_fit_did_not_see() -> None:
    """Right by chance, each share once: a fit through its own cells would look better than it is."""
    rng = np.random.default_rng(1)
    errors, own = [], []
    for _ in range(20):
        right, share = rng.integers(2, size=(1, 60)) == 0, rng.random((1, 60)).astype(np.float32)
        record = calibrate(right, share)
        errors.append(record.expected_calibration_error)
        own.append(abs(calibrate_confidence(share[0], record).mean() - right[0].mean()))
    assert np.mean(errors) > 0.1
    assert np.mean(own) < 0.01


def test_labels_that_are_always_right_give_a_confidence_of_1() -> None:
    record = calibrate(*simulate_votes(lambda share: np.ones_like(share)))
    np.testing.assert_array_equal(calibrate_confidence(np.array([0.2, 0.6, 1.0], np.float32), record), 1)
    assert record.expected_calibration_error == 0
