"""Cross-validation and calibration: nothing leaks, and a probability is one."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from smile_runtime.calibration import confidence
from smile_runtime.errors import RecipeError
from smile_training.build import structure_metrics
from smile_training.cells import Cells
from smile_training.cross_validation import LeftOut, calibrate, cross_validate, folds, metric_record, summarise
from smile_training.recipe import Recipe, Reference

MakeRecipe = Callable[..., Recipe]

LABELS = np.array([0] * 20 + [1] * 13 + [-1] * 7 + [2] * 5)


class Fake:
    """An encoder that puts every cell where its label is: cell i's embedding turns on its own label alone."""

    def embed(self, cells: Cells) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[cells.labels]


@pytest.fixture
def labelled(cells: Cells) -> Cells:
    """45 cells, 7 of them without a label; the first feature tells which cell it is."""
    logged = cells.logged[:45].tolil()
    logged[:, 0] = np.arange(1, 46)[:, None]
    return Cells(logged.tocsr(), cells.features, cells.batches[:45], LABELS, ("a", "b", "c"))


def identity(cells: Cells) -> list[int]:
    return (cells.logged[:, [0]].toarray().ravel().astype(int) - 1).tolist()


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_each_labelled_cell_is_left_out_once_and_no_other_ever(n_folds: int) -> None:
    parts = list(folds(LABELS, n_folds, seed=0))
    assert len(parts) == n_folds
    left_out = np.concatenate([rows for _, rows in parts])
    np.testing.assert_array_equal(np.sort(left_out), np.flatnonzero(LABELS >= 0))
    for train, test in parts:
        assert set(train) & set(test) == set()
        assert set(train) | set(test) == set(range(45))
        assert set(np.unique(LABELS[train])) == {-1, 0, 1, 2}
        counts = np.bincount(LABELS[test], minlength=3)
        assert np.abs(counts - np.array([20, 13, 5]) / n_folds).max() <= 1


def test_folds_turn_on_the_seed_alone() -> None:
    first, again, other = ([rows.tolist() for _, rows in folds(LABELS, 3, seed)] for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_label_of_fewer_cells_than_folds_is_allowed() -> None:
    labels = np.array([0] * 9 + [1] * 2)
    left_out = np.concatenate([rows for _, rows in folds(labels, 3, seed=0)])
    assert sorted(left_out) == list(range(11))


def test_labels_too_rare_for_the_folds_are_refused_with_a_reason() -> None:
    with pytest.raises(RecipeError, match="folds"):
        list(folds(np.array([0, 0, 1, 1, -1]), 3, seed=0))


def test_no_encoder_sees_the_cells_it_is_measured_on(labelled: Cells, make_recipe: MakeRecipe) -> None:
    seen: dict[str, list[int]] = {}
    embedded: dict[str, list[list[int]]] = {}
    seeds: dict[str, int] = {}

    def train(some: Cells, seed: int, run: str) -> SimpleNamespace:
        seen[run], seeds[run], embedded[run] = identity(some), seed, []

        def embed(other: Cells) -> np.ndarray:
            embedded[run].append(identity(other))
            return Fake().embed(other)

        return SimpleNamespace(embed=embed)

    recipe = make_recipe(reference={"folds": 3, "repeats": 2, "kind": "cells"}, seed=7)
    left_out = cross_validate(labelled, recipe, train)

    assert len(seen) == 6
    for repeat in range(2):
        runs = [f"repeat-{repeat}-fold-{fold}" for fold in range(3)]
        assert {seeds[run] for run in runs} == {7 + repeat}
        measured = []
        for run in runs:
            reference = next(rows for rows in embedded[run] if set(rows) <= set(seen[run]))
            queries = next(rows for rows in embedded[run] if not set(rows) & set(seen[run]))
            assert not set(queries) & set(reference)
            assert all(LABELS[row] >= 0 for row in reference)
            measured += queries
        assert sorted(measured) == np.flatnonzero(LABELS >= 0).tolist()
    np.testing.assert_array_equal(left_out.true, LABELS[LABELS >= 0])
    np.testing.assert_array_equal(left_out.predicted, np.tile(left_out.true, (2, 1)))
    np.testing.assert_array_equal(left_out.share > 0.99, True)


def test_metrics_by_hand() -> None:
    true = np.array([0, 0, 0, 1])
    predicted = np.array([[0, 0, 0, 0], [0, 0, 1, 1]])
    accuracy, macro_f1 = LeftOut(true, predicted, np.ones((2, 4), np.float32)).metrics()
    # Row 1: F1 of label 0 is 6/7, of label 1 it is 0. Row 2: 4/5 and 2/3.
    assert (accuracy.mean, accuracy.std, accuracy.n_repeats) == (0.75, 0.0, 2)
    scores = (6 / 7 / 2, (4 / 5 + 2 / 3) / 2)
    assert macro_f1.mean == pytest.approx(sum(scores) / 2)
    assert macro_f1.std == pytest.approx((scores[1] - scores[0]) / 2)
    assert "accuracy" in accuracy.name
    assert "F1" in macro_f1.name


def test_a_metric_is_mean_and_standard_deviation_over_repeats() -> None:
    record = metric_record("figure", [1.0, 2.0, 6.0])
    assert (record.mean, record.n_repeats) == (3.0, 3)
    assert record.std == pytest.approx(np.sqrt(14 / 3))


def simulate_votes(probability: Callable[[np.ndarray], np.ndarray], n: int = 4000) -> LeftOut:
    rng = np.random.default_rng(0)
    share = rng.uniform(0.2, 1.0, (3, n)).astype(np.float32)
    right = rng.random((3, n)) < probability(share)
    true = rng.integers(4, size=n)
    return LeftOut(true, np.where(right, true, true + 1), share)


@pytest.mark.parametrize("probability", [lambda share: share, lambda share: share**3, lambda share: 0.9 + 0 * share])
def test_confidence_is_the_probability_of_being_right(probability: Callable[[np.ndarray], np.ndarray]) -> None:
    left_out = simulate_votes(probability)
    record = calibrate(left_out)

    assert (np.diff(record.share) > 0).all()
    assert (np.diff(record.probability) >= 0).all()
    assert min(record.probability) >= 0
    assert max(record.probability) <= 1
    assert 0 <= record.expected_calibration_error < 0.03
    assert record.n_cells == 4000
    share = np.linspace(0.25, 0.95, 30, dtype=np.float32)
    np.testing.assert_allclose(confidence(share, record), probability(share), atol=0.08)


def test_calibration_error_is_that_of_cells_the_fit_did_not_see() -> None:
    """Right by chance, each share once: a fit through its own cells would look better than it is."""
    rng = np.random.default_rng(1)
    true = np.zeros(60, np.int64)
    errors, own = [], []
    for _ in range(20):
        left_out = LeftOut(true, rng.integers(2, size=(1, 60)), rng.random((1, 60)).astype(np.float32))
        record = calibrate(left_out)
        errors.append(record.expected_calibration_error)
        fitted = confidence(left_out.share[0], record)
        own.append(abs(fitted.mean() - (left_out.predicted[0] == 0).mean()))
    assert np.mean(errors) > 0.1
    assert np.mean(own) < 0.01


def test_labels_that_are_always_right_give_a_confidence_of_1() -> None:
    record = calibrate(simulate_votes(lambda share: np.ones_like(share)))
    np.testing.assert_array_equal(confidence(np.array([0.2, 0.6, 1.0], np.float32), record), 1)
    assert record.expected_calibration_error == 0


def test_a_reference_is_made_of_labelled_cells(labelled: Cells) -> None:
    position = np.arange(90, dtype=np.float32).reshape(45, 2)
    points = summarise(labelled, Fake(), Reference(kind="cells"), 0, position)
    kept = LABELS >= 0
    np.testing.assert_array_equal(points.label, LABELS[kept])
    np.testing.assert_array_equal(points.map, position[kept])
    np.testing.assert_array_equal(points.embedding, np.eye(4)[LABELS[kept]])
    np.testing.assert_array_equal(points.weight, 1)
    assert points.labels == ("a", "b", "c")


def test_a_reference_without_labels_is_made_of_all_cells(labelled: Cells) -> None:
    unlabelled = Cells(labelled.logged, labelled.features, labelled.batches, np.full(45, -1), ())
    assert len(summarise(unlabelled, Fake(), Reference(kind="cells"), 0)) == 45
    landmarks = summarise(unlabelled, Fake(), Reference(n_landmarks=1), 0)
    assert landmarks.weight.sum() == 45
    assert set(landmarks.label) == {-1}


def test_silhouettes_count_cells_without_a_label_for_no_label(cells: Cells) -> None:
    """Two tight labels, apart; cells without a label in the midst of both."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, -1, -1], 20)
    centres = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    embedding = (np.repeat(centres, 20, axis=0) + 0.01 * rng.standard_normal((80, 2))).astype(np.float32)
    some = Cells(cells.logged[:80], cells.features, np.zeros(80, np.int64), labels, ("a", "b"))
    (by_label,) = structure_metrics(embedding, some)
    assert by_label.mean > 0.9


def test_silhouettes_are_named_and_left_out_where_there_is_one_group(cells: Cells) -> None:
    embedding = np.eye(4, dtype=np.float32)[cells.labels] + 0.01
    by_batch, by_label = structure_metrics(embedding, cells)
    assert "by batch" in by_batch.name
    assert "by label" in by_label.name
    assert by_label.mean == pytest.approx(1.0)
    assert abs(by_batch.mean) < 0.1
    alone = Cells(cells.logged, cells.features, np.zeros(180, np.int64), np.full(180, -1), ())
    assert structure_metrics(embedding, alone) == []
