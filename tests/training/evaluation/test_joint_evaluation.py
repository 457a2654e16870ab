"""Evaluation of joint labels: on pairs that nothing was fitted to, beside each modality alone."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from smile_runtime.manifest import CalibrationRecord, LabelColumn
from smile_training.data import Cells, Dataset
from smile_training.data.label_columns import Labels
from smile_training.evaluation import joint_evaluation
from smile_training.evaluation.joint_evaluation import LeftOutCells, join_modalities
from smile_training.evaluation.queried_cells import QueriedCells

N = 200
COLUMN = LabelColumn(name="type", labels=["a", "b", "c", "d"])
IDENTITY = CalibrationRecord(evidence=[0.0, 1.0], probability=[0.0, 1.0], expected_calibration_error=0.0, n_cells=N)
GROUPS = {"rna": np.array([0, 0, 1, 1]), "adt": np.array([0, 1, 0, 1])}
OWN = np.random.default_rng(0).integers(4, size=N)
NAMES = np.array([f"cell{row}" for row in range(N)], object)


def queried(modality: str, rows: np.ndarray) -> QueriedCells:
    """Return cells whose modality tells one pair of labels from the other, and is undecided within the pair."""
    rng = np.random.default_rng(len(modality))
    own, n = OWN[rows], len(rows)
    distance = np.where(GROUPS[modality][own][:, None] == GROUPS[modality], 0.3, 1.5) + rng.uniform(0, 0.1, (n, 4))
    label = distance.argmin(axis=1)
    return QueriedCells(
        names=NAMES[rows],
        label=label[:, None],
        share=rng.uniform(0.4, 0.6, (n, 1)).astype(np.float32),
        right=(label == own)[:, None],
        labeled=np.ones((n, 1), bool),
        determined=np.ones((n, 1), bool),
        known=np.ones(n, bool),
        distance=np.ones(n, np.float32),
        measures=None,
        own=own,
        label_distance=distance.astype(np.float32),
        detected=np.ones(n, np.int64),
    )


def left_out(modality: str, folds: dict[str, np.ndarray], batches: dict[str, np.ndarray]) -> LeftOutCells:
    return LeftOutCells(
        measured={name: queried(modality, rows) for name, rows in folds.items()},
        degraded=[],
        doublets=[],
        between={name: queried(modality, rows) for name, rows in batches.items()},
        calibrations={"type": IDENTITY},
        record=None,
    )


@pytest.fixture
def dataset(cells: Cells) -> Dataset:
    labels = Labels(COLUMN, OWN)
    own = msgspec.structs.replace if False else None
    del own
    from dataclasses import replace

    several = replace(cells.subset(np.zeros(N, np.intp)), names=NAMES, columns=(labels,))
    return Dataset({"rna": several, "adt": several})
