"""Positions on the map: among reference points, whatever the batch."""

from types import SimpleNamespace

import numpy as np
import pytest

from smile_runtime import Reference
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping.map_position import kernel_width, map_positions
from smile_runtime.mapping.reference_mapper import ReferenceMapper

SQUARE = np.array([[0, 0], [0.1, 0], [0, 0.1], [0.1, 0.1]], np.float32)
ISLANDS = np.concatenate([SQUARE, SQUARE + 10])


def positions(weights: list[list[float]]) -> np.ndarray:
    neighbors = np.repeat(ISLANDS[None], len(weights), axis=0)
    return map_positions(neighbors, np.array(weights, np.float32), kernel_width(ISLANDS))


def test_a_cell_between_two_types_lies_within_the_likelier_one() -> None:
    left, right = positions([[0.15] * 4 + [0.1] * 4, [0.1] * 4 + [0.15] * 4])
    np.testing.assert_allclose(left, [0.05, 0.05], atol=0.02)
    np.testing.assert_allclose(right, [10.05, 10.05], atol=0.02)


def test_within_a_type_a_cell_lies_between_its_neighbors() -> None:
    (position,) = positions([[0.5, 0.5, 0, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(position, [0.05, 0], atol=0.02)


def test_the_batch_makes_no_difference() -> None:
    rng = np.random.default_rng(0)
    neighbors = rng.normal(size=(50, 15, 2)).astype(np.float32)
    weights = rng.random((50, 15), np.float32)
    together = map_positions(neighbors, weights, 0.3)
    np.testing.assert_array_equal(
        np.concatenate([map_positions(*each, 0.3) for each in one_by_one(neighbors, weights)]), together
    )


def one_by_one(neighbors: np.ndarray, weights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(neighbors[row : row + 1], weights[row : row + 1]) for row in range(len(weights))]


@pytest.mark.parametrize("points", [np.zeros((1, 2)), np.zeros((5, 2)), np.array([[0, 0], [3, 4]])])
def test_a_tiny_reference_has_a_width(points: np.ndarray) -> None:
    assert 0 < kernel_width(points.astype(np.float32)) <= 10


def test_a_label_that_only_its_mean_voted_for_leaves_the_position_to_all_neighbors() -> None:
    """Both points of A are so much farther than the one of B that they weigh nothing; the mean of A wins."""
    points = [[np.cos(0.5), np.sin(0.5), 0], [np.cos(0.5), -np.sin(0.5), 0], [np.cos(0.01), 0, np.sin(0.01)]]
    reference = Reference(
        embedding=np.array(points, np.float32),
        weight=np.ones(3, np.float32),
        map=np.eye(3, 2, dtype=np.float32),
        label=np.array([[0], [0], [1]]),
        modality=np.zeros(3, np.int64),
        label_columns=(LabelColumn(name="type", labels=["A", "B"]),),
        modalities=("rna",),
    )
    record = SimpleNamespace(calibrations={}, similarity=None)
    mapper = ReferenceMapper(reference=reference, record=record, n_neighbors=3, unknown_rate=0.05)  # type: ignore[arg-type]
    (found,) = mapper.map(np.array([[1, 0, 0]], np.float32))
    assert found["nearest"][0] == 0
    np.testing.assert_allclose(found["map"], reference.map[2], atol=1e-6)
