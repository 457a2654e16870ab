"""The reference that a space keeps: of which cells, and in what order."""

from dataclasses import replace

import numpy as np
import pytest

from smile_runtime.manifest import LabelColumn
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.data.label_columns import Labels
from smile_training.recipe.records import Reference
from smile_training.reference.reference_points import build_reference

LABELS = np.array([0] * 20 + [1] * 13 + [-1] * 7 + [2] * 5)
EMBEDDING = np.eye(4, dtype=np.float32)[LABELS]


@pytest.fixture
def labeled(cells: Cells) -> Cells:
    """45 cells, 7 of them without a label."""
    return replace(cells.subset(np.arange(45)), columns=(Labels.from_ids("kind", "abc", LABELS),))


def test_a_reference_is_made_of_labeled_cells(labeled: Cells) -> None:
    position = np.arange(90, dtype=np.float32).reshape(45, 2)
    points = build_reference(
        Dataset({"rna": labeled}), {"rna": EMBEDDING}, Reference(kind="cells"), 0, {"rna": position}
    )
    kept = LABELS >= 0
    np.testing.assert_array_equal(points.label, LABELS[kept][:, None])
    np.testing.assert_array_equal(points.map, position[kept])
    np.testing.assert_array_equal(points.embedding, np.eye(4)[LABELS[kept]])
    np.testing.assert_array_equal(points.weight, 1)
    np.testing.assert_array_equal(points.modality, 0)
    assert points.label_columns == (LabelColumn(name="kind", labels=["a", "b", "c"]),)
    assert points.modalities == ("rna",)


def test_a_reference_without_labels_is_made_of_all_cells(labeled: Cells) -> None:
    unlabeled = Dataset({"rna": replace(labeled, columns=())})
    assert len(build_reference(unlabeled, {"rna": EMBEDDING}, Reference(kind="cells"), 0)) == 45
    landmarks = build_reference(unlabeled, {"rna": EMBEDDING}, Reference(n_landmarks=1), 0)
    assert landmarks.weight.sum() == 45
    assert landmarks.label.shape == (1, 0)


def test_points_of_several_modalities_stand_one_after_the_other(labeled: Cells) -> None:
    few = replace(labeled.subset(np.arange(15, 40)), features=tuple(f"peak{number}" for number in range(90)))
    embedding = {"rna": EMBEDDING, "atac": -EMBEDDING[15:40]}
    points = build_reference(Dataset({"rna": labeled, "atac": few}), embedding, Reference(kind="cells"), 0)
    np.testing.assert_array_equal(points.modality, [0] * 38 + [1] * 18)
    assert points.modalities == ("rna", "atac")
    own = points.select_modalities(["atac"])
    np.testing.assert_array_equal(own.embedding, -EMBEDDING[15:33])
    np.testing.assert_array_equal(own.label[:, 0], LABELS[15:33])


@pytest.mark.parametrize("settings", [Reference(kind="cells"), Reference(n_landmarks=300)])
def test_cells_without_an_active_unit_are_left_out(labeled: Cells, settings: Reference) -> None:
    embedding = EMBEDDING.copy()
    embedding[[3, 44]] = 0
    for dataset in (Dataset({"rna": labeled}), Dataset({"rna": replace(labeled, columns=())})):
        points = build_reference(dataset, {"rna": embedding}, settings, 0)
        np.testing.assert_allclose(np.linalg.norm(points.embedding, axis=1), 1)
        assert points.weight.sum() == len(build_reference(dataset, {"rna": EMBEDDING}, Reference(kind="cells"), 0)) - 2
