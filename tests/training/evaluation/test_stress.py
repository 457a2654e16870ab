"""The stress test: levels of degradation, baselines, pooled figures, and the floor that follows from them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smile_runtime.manifest import CalibrationRecord, SimilarityRecord, StressRecord
from smile_training.data import Cells, StressLevel, stress_cells
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.evaluation.queried_cells import QueriedCells
from smile_training.evaluation.stress import StressedCells, matched_floor, stress_baselines, stress_records
from smile_training.recipe.records import Recipe


def test_each_level_keeps_its_fraction(cells: Cells) -> None:
    levels = dict(stress_cells(cells, 0))
    assert levels[StressLevel("features", 1.0)] is cells
    total = cells.raw.sum()
    for (kind, fraction), each in levels.items():
        if kind == "depth":
            np.testing.assert_allclose(each.raw.sum() / total, fraction, rtol=0.1)
            np.testing.assert_allclose(each.size_factor * fraction, cells.size_factor, rtol=1e-5)
        elif fraction < 1:
            measured = 1 - np.isnan(each.raw).mean()
            assert abs(measured - fraction) < 0.15
    assert [fraction for kind, fraction in levels if kind == "depth"] == [0.5, 0.25, 0.1, 0.05]


@pytest.fixture
def fitted(cells: Cells, make_recipe: Callable[..., Recipe]) -> FittedBaselines:
    """Baselines trained on two thirds of the cells, none of the last label."""
    known = np.flatnonzero((np.arange(len(cells)) % 3 > 0) & (cells.labels < 2))
    return FittedBaselines.of(cells.subset(known), make_recipe().modalities["rna"], seed=0)


def test_baselines_are_trained_on_the_measured_features(cells: Cells, fitted: FittedBaselines) -> None:
    panel = dict(stress_cells(cells, 0))[StressLevel("features", 0.5)]
    few = fitted.on_features_of(panel)
    measured = [name for name, column in zip(panel.features, panel.raw.T, strict=True) if not np.isnan(column).any()]
    assert list(few.train.features) == [name for name in fitted.train.features if name in measured]
    assert 0 < len(few.train.features) < len(fitted.train.features)
    assert few.settings == fitted.settings
    assert fitted.on_features_of(cells) is fitted


def test_baselines_label_known_types_and_lose_accuracy_with_depth(cells: Cells, fitted: FittedBaselines) -> None:
    left_out = cells.subset(np.flatnonzero(np.arange(len(cells)) % 3 == 0))
    hits = stress_baselines(fitted, left_out, scaled=True)
    n_known = np.count_nonzero((left_out.labels >= 0) & (left_out.labels < 2))
    assert {len(right) for each in hits.values() for right in each.values()} == {n_known}
    for method in ("pca", "logistic regression"):
        full, panel, shallow = (
            hits[StressLevel(kind, fraction)][method].mean()
            for kind, fraction in (("features", 1.0), ("features", 0.5), ("depth", 0.05))
        )
        assert full > 0.9
        assert panel > 0.9
        assert shallow < full


def test_a_level_without_features_is_left_out(cells: Cells, fitted: FittedBaselines) -> None:
    few = replace(fitted, train=fitted.train.with_features(np.arange(4)))
    assert StressLevel("features", 0.05) not in stress_baselines(few, cells, scaled=True)


def stressed(fraction: float, right: list[bool], known: list[bool], distance: float, detected: int) -> StressedCells:
    n = len(right)
    return StressedCells(
        level=StressLevel("features" if fraction == 1 else "depth", fraction),
        cells=QueriedCells(
            names=np.arange(n).astype(str).astype(object),
            label=np.zeros((n, 1), np.int64),
            share=np.full((n, 1), 0.5, np.float32),
            right=np.array(right)[:, None],
            labeled=np.ones((n, 1), bool),
            determined=np.ones((n, 1), bool),
            known=np.array(known),
            distance=np.full(n, distance, np.float32),
            measures=None,
            own=np.zeros(n, np.int64),
            label_distance=np.ones((n, 1), np.float32),
            detected=np.ones(n, np.int64),
        ),
        detected=np.full(n, detected),
        measured=np.ones(n),
    )


def test_cells_of_known_types_are_pooled_over_folds() -> None:
    calibration = CalibrationRecord(
        evidence=[0.0, 1.0], probability=[0.75, 0.75], expected_calibration_error=0.0, n_cells=4
    )
    similarity = SimilarityRecord(quantiles=np.linspace(0, 1, 201).tolist(), n_cells=4)
    full, shallow = StressLevel("features", 1.0), StressLevel("depth", 0.1)
    folds = [
        stressed(1.0, [True, True, False], [True, True, False], 0.5, 100),  # the last is of an unknown type
        stressed(0.1, [True, False, False], [True, True, False], 0.99, 10),
        stressed(1.0, [True, False], [True, True], 0.5, 100),
        stressed(0.1, [False, False], [True, True], 0.5, 20),
    ]
    peers = [
        {full: {"pca": np.array([True, True])}, shallow: {"pca": np.array([True, False])}},
        {full: {"pca": np.array([True, True])}},
    ]
    depth, least, features = stress_records(folds, peers, calibration, similarity)
    assert [(each.kind, each.fraction) for each in (depth, least, features)] == [
        ("depth", 1.0),
        ("depth", 0.1),
        ("features", 1.0),
    ]
    assert (features.accuracy, features.unknown, features.n_cells, features.detected) == (0.75, 0.0, 4, 100)
    assert features.calibration_error == pytest.approx(0.0, abs=1e-6)
    assert (least.accuracy, least.unknown, least.detected) == (0.25, 0.5, 15)
    assert least.calibration_error == pytest.approx(0.5)
    assert (features.baselines, least.baselines) == ({"pca": 1.0}, {"pca": 0.5})
    assert (depth.accuracy, depth.detected) == (features.accuracy, features.detected)


def level(measured: float, accuracy: float) -> StressRecord:
    return StressRecord(
        kind="features",
        fraction=1.0,
        detected=1.0,
        measured=measured,
        accuracy=accuracy,
        unknown=0.0,
        calibration_error=0.0,
        baselines={},
        n_cells=1,
    )


def test_the_floor_is_the_least_weight_with_mostly_right_labels() -> None:
    assert matched_floor([level(1.0, 0.9), level(0.25, 0.8), level(0.08, 0.7), level(0.04, 0.4)], 0.1) == 0.08
    assert matched_floor([level(1.0, 0.9), level(0.25, 0.3)], 0.1) == 0.1
    assert matched_floor([], 0.1) == 0.1
