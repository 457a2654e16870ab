"""Evaluation of joint labels: on pairs that nothing was fitted to, beside each modality alone."""

import numpy as np
import pytest

from smile_runtime.manifest import CalibrationRecord, JointRecord, LabelColumn
from smile_training.data import Cells, Dataset
from smile_training.data.label_columns import Labels
from smile_training.evaluation import joint_evaluation
from smile_training.evaluation.joint_evaluation import LeftOutCells, join_modalities
from smile_training.evaluation.joint_fit import fit_joint
from smile_training.evaluation.paired_cells import PairedCells
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
def dataset() -> Dataset:
    several = Cells(
        raw=np.ones((N, 1), np.float32),
        size_factor=np.ones(N, np.float32),
        features=("gene",),
        names=NAMES,
        batches=np.zeros(N, np.int64),
        batch_names=("batch",),
        columns=(Labels(COLUMN, OWN),),
    )
    return Dataset({"rna": several, "adt": several})


def test_complementary_modalities_lead_each_alone(dataset: Dataset) -> None:
    folds, batches = {"fold": np.arange(N // 2)}, {"batches": np.arange(N // 2, N)}
    cells = {name: left_out(name, folds, batches) for name in GROUPS}
    ((record, figures),) = join_modalities(cells, dataset, {"fold": 0}, "of left-out batches")
    assert (record.name, record.is_pooled, record.n_cells) == ("rna+adt", True, N)
    found = {(each.name, each.method): each for each in figures}
    assert {each.modality for each in figures} == {"rna+adt"}
    for cells_of in ("", " of left-out batches"):
        joint = found[f"label transfer accuracy{cells_of}", "smile"]
        assert joint.mean > 0.9
        for modality in GROUPS:
            alone = found[f"label transfer accuracy{cells_of}", f"{modality} alone"]
            assert 0.3 < alone.mean < 0.7
            assert 0 < alone.lead[0] < joint.mean - alone.mean < alone.lead[1]
    assert record.calibrations["type"].expected_calibration_error < 0.1


def test_pairs_are_measured_with_fits_to_others(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[set[str]] = []

    def fit(pairs: PairedCells, *arguments: object) -> JointRecord:
        fitted.append(set(pairs.names))
        return fit_joint(pairs, *arguments)

    monkeypatch.setattr(joint_evaluation, "fit_joint", fit)
    folds = {"first": np.arange(60), "second": np.arange(60, 120)}
    batches = {"batches-0": np.arange(60), "batches-1": np.arange(60, N)}
    cells = {name: left_out(name, folds, batches) for name in GROUPS}
    list(join_modalities(cells, dataset, {"first": 0, "second": 0}, "of left-out batches"))
    everything, *parts = fitted
    assert everything == set(NAMES)
    of_cells = sorted(NAMES[:120])
    assert parts[0] == everything - set(of_cells[::2])
    assert parts[1] == everything - set(of_cells[1::2])
    assert parts[2:] == [everything - set(NAMES[:60]), everything - set(NAMES[60:])]


def test_too_few_pairs_are_not_joined(dataset: Dataset) -> None:
    cells = {name: left_out(name, {"fold": np.arange(19)}, {}) for name in GROUPS}
    assert not list(join_modalities(cells, dataset, {"fold": 0}, ""))
