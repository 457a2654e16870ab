"""Label sets: they hold a cell's own label as often as promised, at any depth and in new batches."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smile_runtime.manifest import CalibrationRecord
from smile_runtime.mapping import LabelSets
from smile_training.data import Cells
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.evaluation.label_set_evaluation import (
    SetPeers,
    fit_sets,
    measure_sets_of_batches,
    measure_sets_of_cells,
    score_by_regression,
)
from smile_training.evaluation.label_set_fit import COVERAGES, ScoredCells, fit_label_sets, widen_label_sets
from smile_training.evaluation.queried_cells import QueriedCells
from smile_training.recipe import Recipe

N_LABELS = 5
CALIBRATION = CalibrationRecord(evidence=[0.0, 1.0], probability=[0.0, 1.0], expected_calibration_error=0.0, n_cells=10)


def scored(n: int, seed: int, *, shallow: bool = False, accuracy: float = 1.0) -> ScoredCells:
    """Return cells whose own labels are drawn from their probabilities, which are too sure of shallow cells."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.full(N_LABELS, 0.3), n).astype(np.float32)
    own = (probability.cumsum(axis=1) > rng.random(n)[:, None] * 0.999).argmax(axis=1)
    wrong = rng.random(n) < (0.3 if shallow else 0.0) + 1 - accuracy
    own[wrong] = rng.integers(N_LABELS, size=wrong.sum())
    return ScoredCells(
        names=np.array([f"{seed}-{row}" for row in range(n)], object),
        own=own,
        nearest=probability.argmax(axis=1),
        probability=probability,
        detected=rng.integers(10, 100, n) if shallow else rng.integers(1000, 2000, n),
    )


def coverage_and_size(record, cells: ScoredCells, coverage: float) -> tuple[float, float]:
    members = LabelSets.of(record, coverage).members(cells.probability, cells.nearest, cells.detected)
    return members[np.arange(len(cells.own)), cells.own].mean(), members.sum(axis=1).mean()


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.97])
def test_sets_hold_their_labels_as_often_as_promised_at_any_depth(coverage: float) -> None:
    record = fit_label_sets([[scored(4000, 0), scored(4000, 1, shallow=True)]], left_out="cells")
    assert record is not None
    assert (record.n_cells, len(record.limits), record.left_out) == (8000, 4, "cells")
    sizes = []
    for seed, shallow in ((2, False), (3, True)):
        held, size = coverage_and_size(record, scored(8000, seed, shallow=shallow), coverage)
        assert held == pytest.approx(coverage, abs=0.015)
        sizes.append(size)
    assert sizes[1] > 1.1 * sizes[0]


def test_limits_increase_with_the_coverage_and_allow_all_labels_if_cells_are_too_few() -> None:
    record = fit_label_sets([[scored(40, 0, shallow=True)]], left_out="cells")
    assert record is not None
    assert (record.coverage, record.detected) == (list(COVERAGES), [])
    (limits,) = record.limits
    assert (np.diff(limits) >= 0).all()
    assert limits[-1] == 1.0
    assert fit_label_sets([[scored(0, 0)]], left_out="cells") is None


def test_a_limit_is_the_quantile_with_one_more_cell() -> None:
    cells = scored(99, 0)
    record = fit_label_sets([[cells]], left_out="cells")
    assert record is not None
    score = np.sort(cells.own_score)
    assert record.limits[0][40] == pytest.approx(score[89], abs=2e-6)  # 90% of 100 is the 90th of 99
    assert record.limits[0][40] >= score[89]


def test_groups_have_equal_weight() -> None:
    """Labels of the large batch are those that they seem; a mean over batches of 90% needs larger sets."""
    groups = [[scored(8000, 0)], [scored(1000, 1, accuracy=0.7)]]
    record = fit_label_sets(groups, left_out="batches")
    assert record is not None
    held = [coverage_and_size(record, scored(8000, 2, accuracy=accuracy), 0.9)[0] for accuracy in (1.0, 0.7)]
    assert held[0] > 0.92
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_widened_sets_hold_the_labels_of_the_added_cells_too() -> None:
    former = fit_label_sets([[scored(4000, 0)]], left_out="cells")
    assert former is not None
    added = scored(4000, 1, accuracy=0.7)
    assert coverage_and_size(former, scored(4000, 2, accuracy=0.7), 0.9)[0] < 0.85
    widened = widen_label_sets(former, [added])
    assert coverage_and_size(widened, scored(4000, 2, accuracy=0.7), 0.9)[0] == pytest.approx(0.9, abs=0.015)
    assert widened.n_cells == 8000
    assert all((np.array(each) >= one).all() for each, one in zip(widened.limits, former.limits, strict=True))
    assert widen_label_sets(former, []) == former


def queried(cells: ScoredCells) -> QueriedCells:
    """Return cells whose vote shares are the probabilities of their nearest labels."""
    n = len(cells.own)
    rows, ones = np.arange(n), np.ones((n, 1), bool)
    return QueriedCells(
        names=cells.names,
        label=cells.nearest[:, None],
        share=cells.probability[rows, cells.nearest][:, None],
        right=(cells.nearest == cells.own)[:, None],
        labeled=ones,
        determined=ones,
        known=ones[:, 0],
        distance=np.zeros(n, np.float32),
        measures=None,
        own=cells.own,
        label_distance=np.maximum(cells.probability, 1e-3) ** -0.25,
        detected=cells.detected,
    )


def test_cells_get_the_probabilities_of_a_projection() -> None:
    cells = scored(2000, 0)
    same = ScoredCells.of(queried(cells), CALIBRATION, None)
    sure = cells.probability.max(axis=1) > 0.5
    np.testing.assert_allclose(same.probability[sure], cells.probability[sure], atol=5e-3)
    some = replace(queried(cells), known=np.arange(2000) % 2 > 0, own=np.where(np.arange(2000) < 500, -1, cells.own))
    assert len(ScoredCells.of(some, CALIBRATION, None).own) == 750


def test_limits_are_those_of_left_out_batches_if_there_are_any() -> None:
    within, batches = [queried(scored(1000, 0))], [[queried(scored(1000, seed, accuracy=0.8))] for seed in (1, 2)]
    alone, several = (fit_sets(within, each, CALIBRATION, None) for each in ([], batches))
    assert alone is not None
    assert several is not None
    assert (alone.left_out, several.left_out) == ("cells", "batches")
    assert several.n_cells == 2000
    assert several.limits[0][40] > alone.limits[0][40]


def test_sets_are_measured_on_other_cells_than_they_were_fitted_to() -> None:
    peers = SetPeers(within=[scored(3000, 0)], between=[scored(1000, 1), scored(1000, 2)])
    measured = [queried(scored(3000, 0))]
    degraded = [queried(scored(3000, 0, shallow=True))]
    records = {
        (each.name, each.method): each.mean
        for each in measure_sets_of_cells("rna", measured, degraded, [], None, peers)
    }
    for method in ("smile", "logistic regression"):
        assert records["coverage of 90% sets", method] == pytest.approx(0.9, abs=0.02)
        assert 1 < records["mean size of 90% sets", method] < 3


def test_sets_of_a_batch_have_the_limits_of_the_others() -> None:
    """In the third batch, every second label is another than it seems, which the others do not tell."""
    folds = [[queried(scored(2000, 0))], [queried(scored(2000, 1))], [queried(scored(2000, 2, accuracy=0.5))]]

    def coverage(some: list[list[QueriedCells]]) -> float:
        records = measure_sets_of_batches("rna", some, CALIBRATION, None, SetPeers(), "of left-out batches")
        return {each.name: each.mean for each in records}["coverage of 90% sets of left-out batches"]

    assert coverage(folds[:2]) == pytest.approx(0.9, abs=0.02)
    assert coverage(folds) < 0.9
    assert coverage(folds[2:]) == pytest.approx(0.9, abs=0.03)  # halves of the only fold
    assert not list(measure_sets_of_batches("rna", [], CALIBRATION, None, SetPeers(), ""))


def test_a_fold_without_cells_of_known_types_has_no_scores(cells: Cells, make_recipe: Callable[..., Recipe]) -> None:
    first = cells.labels == 0
    fitted = FittedBaselines.of(cells.subset(np.flatnonzero(~first)), make_recipe().modalities["rna"], seed=0)
    scored = score_by_regression(fitted, cells.subset(np.flatnonzero(first)))
    assert scored.probability.shape == (0, 3)
