"""Calibration: a confidence is a probability."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smile_runtime.manifest import CalibrationRecord, DissimilarityRecord, EvidenceWeights, TrendRecord
from smile_runtime.mapping.confidence import calibrate_confidence, evidence_terms, weigh_evidence
from smile_runtime.mapping.dissimilarity import Measures
from smile_training.evaluation.calibration_fit import calibrate, fit_curve, pool_calibrations
from smile_training.evaluation.queried_cells import QueriedCells

PLAIN = TrendRecord(coefficients=[0.0] * 6, spread=1.0)
RECORD = DissimilarityRecord(
    profiles="p", log_detected=(0.0, 9.0), log_measured=(-4.0, 0.0), distance=PLAIN, surprise=PLAIN, deviation=None
)


def queried(
    right: np.ndarray, share: np.ndarray, distance: np.ndarray | None = None, detected: np.ndarray | None = None
) -> QueriedCells:
    """Return cells of one label column with the given votes and measures."""
    n = len(right)
    measures = None
    if distance is not None:
        measures = Measures(
            log_distance=distance.astype(float),
            surprise=np.zeros(n),
            deviation=None,
            log_detected=np.full(n, 5.0) if detected is None else detected,
            log_measured=np.zeros(n),
        )
    return QueriedCells(
        names=np.array([f"cell {row}" for row in range(n)], dtype=object),
        label=np.zeros((n, 1), np.int64),
        share=share[:, None],
        right=right[:, None],
        labeled=np.ones((n, 1), bool),
        determined=np.ones((n, 1), bool),
        known=np.ones(n, bool),
        distance=np.zeros(n, np.float32),
        measures=measures,
        own=np.zeros(n, np.int64),
        label_distance=np.ones((n, 1), np.float32),
        detected=np.ones(n, np.int64),
    )


def simulate_votes(probability: Callable[[np.ndarray], np.ndarray], n: int = 4000) -> list[QueriedCells]:
    """Return three repeats of cells whose labels are right with a probability that their share gives."""
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.2, 1.0, (3, n)).astype(np.float32)
    return [queried(rng.random(n) < probability(share), share) for share in shares]


@pytest.mark.parametrize("probability", [lambda share: share, lambda share: share**3, lambda share: 0.9 + 0 * share])
def test_confidence_is_the_probability_of_being_right(probability: Callable[[np.ndarray], np.ndarray]) -> None:
    record = calibrate(simulate_votes(probability), [], [], 0, None)

    assert record.weights is None
    assert (np.diff(record.evidence) > 0).all()
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
        right, share = rng.integers(2, size=60) == 0, rng.random(60).astype(np.float32)
        record = calibrate([queried(right, share)], [], [], 0, None)
        errors.append(record.expected_calibration_error)
        own.append(abs(calibrate_confidence(share, record).mean() - right.mean()))
    assert np.mean(errors) > 0.1
    assert np.mean(own) < 0.01


def test_labels_that_are_always_right_give_a_confidence_of_1() -> None:
    record = calibrate(simulate_votes(lambda share: np.ones_like(share)), [], [], 0, None)
    np.testing.assert_array_equal(calibrate_confidence(np.array([0.2, 0.6, 1.0], np.float32), record), 1)
    assert record.expected_calibration_error == 0


def test_a_last_digit_of_the_evidence_does_not_decide_on_the_confidence() -> None:
    rng = np.random.default_rng(4)
    share = rng.uniform(0.3, 1.0, 5000).astype(np.float32)
    cells = queried(rng.random(5000) < share, share, rng.gamma(2.0, 0.5, 5000))
    record = calibrate([cells], [], [], 0, RECORD)
    assert cells.measures is not None
    assert record.weights is not None
    evidence = weigh_evidence(evidence_terms(share, cells.measures, RECORD), record.weights)
    moved = calibrate_confidence(evidence + 1e-6, record) - calibrate_confidence(evidence, record)
    assert np.abs(moved).max() < 3e-5


def test_evidence_beside_the_votes_makes_confidence_a_probability_at_any_depth() -> None:
    """Votes are alike in deep and shallow cells, but labels of shallow ones are often wrong."""
    rng = np.random.default_rng(2)
    n = 6000
    share = rng.uniform(0.6, 1.0, n).astype(np.float32)
    deep = rng.random(n) < 0.5
    right = rng.random(n) < np.where(deep, 0.9, 0.4) + 0.1 * (share - 0.6)
    cells = queried(right, share, np.zeros(n), np.where(deep, 6.0, 3.0))
    record = calibrate([cells], [], [], 0, RECORD)
    assert record.weights is not None
    assert cells.measures is not None
    confidence = calibrate_confidence(
        weigh_evidence(evidence_terms(share, cells.measures, RECORD), record.weights), record
    )
    assert confidence[deep].mean() == pytest.approx(0.92, abs=0.02)
    assert confidence[~deep].mean() == pytest.approx(0.42, abs=0.03)
    assert record.expected_calibration_error < 0.03


def test_doublets_are_less_confident_than_cells_and_leave_these_calibrated() -> None:
    rng = np.random.default_rng(3)
    n = 4000
    share = rng.uniform(0.5, 1.0, n).astype(np.float32)
    cells = queried(rng.random(n) < 0.9, share, rng.normal(0, 0.5, n))
    mixed = queried(np.zeros(400, bool), share[:400], rng.normal(2, 0.5, 400))
    record = calibrate([cells], [], [mixed], 0, RECORD)
    assert record.weights is not None

    def confidence(of: QueriedCells) -> np.ndarray:
        assert of.measures is not None
        terms = evidence_terms(of.share[:, 0], of.measures, RECORD)
        return calibrate_confidence(weigh_evidence(terms, record.weights), record)  # type: ignore[arg-type]

    assert confidence(mixed).mean() < confidence(cells).mean() - 0.02
    assert confidence(cells).mean() == pytest.approx(0.9, abs=0.03)
    assert record.n_cells == n


@pytest.mark.parametrize("n_wrong", [0, 6])
def test_doublets_do_not_make_cells_doubtful_that_lie_as_far_away_where_labels_are_right(n_wrong: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        share = rng.uniform(0.8, 1.0, 600).astype(np.float32)
        cells = queried(np.arange(600) >= n_wrong, share, rng.normal(0, 0.5, 600))
        doublets = queried(np.zeros(400, bool), share[:400], rng.normal(3, 0.5, 400))
        assert min(calibrate([cells], [], [doublets], 0, RECORD).probability) > (0.999 if n_wrong == 0 else 0.6)


def test_no_cell_is_wrong_for_certain_because_few_were_seen() -> None:
    evidence, probability = fit_curve(np.linspace(0, 1, 50), np.arange(50) > 1)
    assert evidence[0] == 0
    assert 0.5 < probability[0] < 0.9


def test_calibrations_are_pooled_by_their_numbers_of_cells() -> None:
    weights = EvidenceWeights(vote=2.0, distance=0.0, detected=0.0, measured=0.0, distance_detected=0.0)
    one = CalibrationRecord(
        evidence=[0.0, 2.0], probability=[0.0, 1.0], expected_calibration_error=0.02, n_cells=300, weights=weights
    )
    other = CalibrationRecord(
        evidence=[1.0, 3.0], probability=[0.1, 0.5], expected_calibration_error=0.06, n_cells=100, weights=weights
    )
    pooled = pool_calibrations(one, other)
    assert pooled.evidence == [0.0, 1.0, 2.0, 3.0]
    assert pooled.probability == pytest.approx([0.025, 0.4, 0.825, 0.875])
    assert pooled.expected_calibration_error == pytest.approx(0.03)
    assert (pooled.n_cells, pooled.weights) == (400, weights)


def test_given_weights_are_kept() -> None:
    rng = np.random.default_rng(4)
    share = rng.uniform(0.6, 1.0, 500).astype(np.float32)
    cells = queried(rng.random(500) < share, share, rng.normal(0, 1, 500))
    weights = EvidenceWeights(vote=1.0, distance=-0.5, detected=0.1, measured=0.0, distance_detected=0.0)
    assert calibrate([cells], [], [], 0, RECORD, weights).weights == weights


def test_labels_that_leave_the_level_open_are_not_counted() -> None:
    """Every second cell has no finer label of its own or gets none, and would be wrong."""
    right = np.ones(400, bool)
    right[::2] = False
    share = np.linspace(0.3, 0.9, 400).astype(np.float32)
    cells = queried(right, share)
    labeled, determined = np.ones((2, 400, 1), bool)
    labeled[::4], determined[2::4] = False, False
    open_cells = replace(cells, labeled=labeled, determined=determined)
    record = calibrate([open_cells], [], [], 0, None)
    assert set(record.probability) == {1.0}
    assert record.n_cells == 200


def test_only_cells_that_count_are_counted() -> None:
    """A doublet has the name of one of its cells, which may be one whose level is open."""
    cells = queried(np.arange(100) % 5 > 0, np.linspace(0.3, 1, 100, dtype=np.float32), np.zeros(100))
    open_level = replace(cells, determined=np.arange(100)[:, None] < 60)
    assert calibrate([open_level], [], [cells], 0, RECORD).n_cells == 60
