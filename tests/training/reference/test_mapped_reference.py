"""The map of a reference: all cells laid out, or some of many."""

from dataclasses import replace

import numpy as np
import pytest

from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.data.label_columns import Labels
from smile_training.recipe.records import Reference
from smile_training.reference import mapped_reference
from smile_training.reference.mapped_reference import build_mapped_reference

N_CELLS = 120


@pytest.fixture
def dataset(cells: Cells) -> Dataset:
    labels = (Labels.from_ids("kind", "abc", np.arange(N_CELLS) % 3),)
    part = replace(cells.subset(np.arange(N_CELLS)), columns=labels)
    return Dataset({"rna": part, "adt": part})


@pytest.fixture
def embedding(dataset: Dataset) -> dict[str, np.ndarray]:
    """Each label in a direction of its own."""
    rng = np.random.default_rng(0)
    groups = {}
    for name, cells in dataset.cells.items():
        each = np.eye(4)[cells.labels] + 0.1 * rng.standard_normal((N_CELLS, 4))
        groups[name] = (each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32)
    return groups


def test_some_of_many_cells_are_laid_out_and_points_lie_among_them(
    dataset: Dataset, embedding: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out = []

    def fit_map(drawn: np.ndarray, _method: str, _seed: int) -> np.ndarray:
        laid_out.append(len(drawn))
        return drawn[:, :2] * 10

    monkeypatch.setattr(mapped_reference, "fit_map", fit_map)
    settings = Reference(n_landmarks=12, n_neighbors=5)
    everything = build_mapped_reference(dataset, embedding, settings, 0)
    monkeypatch.setattr(mapped_reference, "MAX_MAP_CELLS", 60)
    points = build_mapped_reference(dataset, embedding, settings, 0)

    assert laid_out == [2 * N_CELLS, 60]
    np.testing.assert_array_equal(points.embedding, everything.embedding)
    np.testing.assert_allclose(points.map, everything.map, atol=1.5)
    assert np.ptp(everything.map, axis=0).min() > 8
