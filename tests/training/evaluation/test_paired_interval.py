"""Paired intervals of the lead of one method over another."""

import numpy as np
import pytest

from smile_training.evaluation import metrics
from smile_training.evaluation.paired_interval import accuracy_of, lead_interval, macro_f1_of


def labels(n_cells: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true labels, four of unequal frequency, and labels of which a share is right."""
    true = np.random.default_rng(0).choice(4, n_cells, p=[0.6, 0.25, 0.1, 0.05])
    rng = np.random.default_rng(seed)
    return true, np.where(rng.random(n_cells) < right, true, rng.integers(4, size=n_cells))


@pytest.mark.parametrize(("score", "metric"), [(accuracy_of, metrics.accuracy), (macro_f1_of, metrics.macro_f1)])
@pytest.mark.parametrize("right", [0.2, 0.9])
def test_scores_of_a_confusion_are_the_metrics(score, metric, right):
    true, predicted = labels(500, right, 1)
    true[:100] = 5  # a label between them, 4, stays without cells
    confusion = np.zeros((6, 6))
    np.add.at(confusion, (true, predicted), 1)
    assert score(confusion) == pytest.approx(metric(true, predicted))


@pytest.mark.parametrize("score", [accuracy_of, macro_f1_of])
def test_a_clear_lead_is_above_zero_and_its_reverse_below(score):
    true, good = labels(2_000, 0.9, 1)
    _, bad = labels(2_000, 0.8, 2)
    low, high = lead_interval(score, [true], good[None], bad[None])
    assert 0 < low < score_lead(score, true, good, bad) < high
    assert lead_interval(score, [true], bad[None], good[None]) == pytest.approx((-high, -low))


def score_lead(score, true, good, bad):
    def of(predicted):
        confusion = np.zeros((4, 4))
        np.add.at(confusion, (true, predicted), 1)
        return score(confusion)

    return of(good) - of(bad)


def test_equally_good_methods_are_not_apart():
    true, one = labels(500, 0.9, 1)
    _, other = labels(500, 0.9, 2)
    low, high = lead_interval(accuracy_of, [true] * 3, np.stack([one, other, one]), np.stack([other, one, other]))
    assert low < 0 < high


def test_cells_that_were_not_measured_do_not_count():
    true, good = labels(1_000, 0.9, 1)
    _, bad = labels(1_000, 0.6, 2)
    half = np.where(np.arange(1_000) < 500, true, -1)
    nothing = np.where(np.arange(1_000) < 500, good, -1), np.where(np.arange(1_000) < 500, bad, -1)
    expected = lead_interval(accuracy_of, [true[:500]], good[None, :500], bad[None, :500])
    assert lead_interval(accuracy_of, [half], nothing[0][None], nothing[1][None]) == pytest.approx(expected)


def test_methods_that_labeled_other_cells_are_not_compared():
    true, good = labels(100, 0.9, 1)
    assert lead_interval(accuracy_of, [true], good[None], np.where(true == 0, -1, good)[None]) is None
