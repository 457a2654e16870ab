"""The stress test: levels of degradation, and the floor that follows from them."""

import numpy as np

from smile_runtime.manifest import StressRecord
from smile_training.data import Cells, StressLevel, stress_cells
from smile_training.evaluation.stress import matched_floor


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
