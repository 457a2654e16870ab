"""Probabilities of all labels: around the confidence, and never those of another order."""

from types import SimpleNamespace

import numpy as np
import pytest

from smile_runtime import Reference
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import ReferenceMapper, find_runner_up, label_distances, label_probabilities


def simulated(n: int = 300, n_labels: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, n).astype(np.float32)
    distance = rng.uniform(0, 2, (n, n_labels)).astype(np.float32)
    distance[:5, 2] = 0
    return rng.integers(n_labels, size=n), confidence, distance


def test_others_share_the_rest_by_the_fourth_power_of_their_closeness():
    nearest, confidence = np.array([1]), np.array([0.9], np.float32)
    result = label_probabilities(nearest, confidence, np.array([[1.0, 0.3, 0.5]], np.float32))
    np.testing.assert_allclose(result, [[0.1 / 17, 0.9, 0.1 * 16 / 17]], rtol=1e-6)


def test_rows_sum_to_one_around_the_confidence():
    nearest, confidence, distance = simulated()
    result = label_probabilities(nearest, confidence, distance)
    assert result.dtype == np.float32
    assert (result >= 0).all()
    np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(result.argmax(axis=1), nearest)
    certain = confidence >= 1 / 6
    np.testing.assert_array_equal(result[np.arange(300), nearest][certain], confidence[certain])
    np.testing.assert_allclose(result[~certain], 1 / 6, rtol=1e-6)


def test_what_is_too_much_for_one_label_goes_to_the_rest():
    result = label_probabilities(
        np.array([0]), np.array([0.4], np.float32), np.array([[0.1, 0.1, 0.4, 0.4]], np.float32)
    )
    np.testing.assert_allclose(result, [[0.4, 0.4, 0.1, 0.1]], rtol=1e-6)
    assert result[0, 1] < result[0, 0]


def test_a_row_does_not_depend_on_others():
    nearest, confidence, distance = simulated()
    together = label_probabilities(nearest, confidence, distance)
    alone = [
        label_probabilities(nearest[row : row + 1], confidence[row : row + 1], distance[row : row + 1])[0]
        for row in range(300)
    ]
    np.testing.assert_array_equal(together, alone)


def test_runner_up_is_the_second_most_probable_label():
    nearest, confidence, distance = simulated()
    probability = label_probabilities(nearest, confidence, distance)
    label, margin = find_runner_up(probability, nearest)
    two = np.sort(probability, axis=1)[:, -2:]
    np.testing.assert_array_equal(margin, two[:, 1] - two[:, 0])
    assert (label != nearest).all()
    np.testing.assert_array_equal(probability[np.arange(300), label], two[:, 0])


def test_a_single_label_has_no_runner_up():
    probability = label_probabilities(np.array([0]), np.array([0.7], np.float32), np.ones((1, 1), np.float32))
    assert probability.tolist() == [[1.0]]
    assert find_runner_up(probability, np.array([0])).label.tolist() == [-1]


@pytest.fixture
def reference() -> Reference:
    """Five hundred points of four labels, of which the third has none."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(500, 8))
    return Reference(
        embedding=(points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32),
        weight=np.ones(500, np.float32),
        map=np.zeros((500, 2), np.float32),
        label=rng.choice([0, 1, 3], 500)[:, None],
        modality=np.zeros(500, np.int64),
        label_columns=(LabelColumn(name="type", labels=list("abcd")),),
        modalities=("rna",),
    )


def test_distances_are_those_of_the_nearest_point_of_each_label(reference):
    cells = reference.embedding[:40] + np.float32(0.1)
    cells = (cells / np.linalg.norm(cells, axis=1, keepdims=True)).astype(np.float32)
    every = np.linalg.norm(cells[:, None] - reference.embedding, axis=2)
    distance = label_distances(cells, reference)
    for label in (0, 1, 3):
        np.testing.assert_allclose(distance[:, label], every[:, reference.label[:, 0] == label].min(axis=1), atol=1e-6)
    assert (distance[:, 2] == 2).all()
    alone = np.concatenate([label_distances(cells[row : row + 1], reference) for row in range(40)])
    np.testing.assert_array_equal(distance, alone)


def test_records_hold_probabilities_only_on_request(reference):
    def records(**options):
        record = SimpleNamespace(calibrations={}, similarity=None)
        mapper = ReferenceMapper(reference=reference, record=record, n_neighbors=5, unknown_rate=0.05, **options)
        return mapper.map(reference.embedding[:7])

    assert records()["probability"].shape == (7, 0)
    with_them = records(probabilities=True)
    np.testing.assert_array_equal(with_them["probability"].argmax(axis=1), with_them["nearest"][:, 0])
    for name in ("label", "nearest", "confidence", "map"):
        np.testing.assert_array_equal(with_them[name], records()[name])
