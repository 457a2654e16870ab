"""Nearest neighbours, against a sort of all distances."""

import numpy as np
import pytest

from smile_runtime import neighbours as module
from smile_runtime.neighbours import nearest_neighbours


def unit(n: int, seed: int, width: int = 16) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, width))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def all_distances(embedding: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(embedding[:, None].astype(np.float64) - points[None], axis=2)


@pytest.mark.parametrize("k", [1, 5, 60])
def test_equals_a_full_sort(k):
    embedding, points = unit(30, 0), unit(60, 1)
    found = nearest_neighbours(embedding, points, k)
    distances = all_distances(embedding, points)
    np.testing.assert_array_equal(found.indices, distances.argsort(axis=1)[:, :k])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :k], atol=1e-5)
    assert found.distances.dtype == np.float32


def test_reference_smaller_than_k_gives_all_of_it():
    found = nearest_neighbours(unit(4, 0), unit(3, 1), 15)
    assert found.indices.shape == found.distances.shape == (4, 3)
    np.testing.assert_array_equal(np.sort(found.indices, axis=1), np.tile([0, 1, 2], (4, 1)))


def test_distances_from_zero_to_two():
    east = np.array([[1, 0]], np.float32)
    points = np.array([[-1, 0], [0, 1], [1, 0]], np.float32)
    found = nearest_neighbours(east, points, 3)
    np.testing.assert_array_equal(found.indices, [[2, 1, 0]])
    np.testing.assert_allclose(found.distances, [[0, np.sqrt(2), 2]], atol=1e-6)


def test_rounding_above_one_is_no_nan():
    points = unit(200, 3)
    found = nearest_neighbours(points, points, 1)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(200))
    np.testing.assert_allclose(found.distances, 0, atol=1e-3)


def test_ties_keep_the_nearest_and_repeat_no_point():
    points = np.repeat(unit(3, 4), 5, axis=0)
    found = nearest_neighbours(points[:1], points, 7)
    assert set(found.indices[0, :5]) == {0, 1, 2, 3, 4}
    assert len(set(found.indices[0])) == 7
    assert (np.diff(found.distances[0]) >= 0).all()
    again = nearest_neighbours(np.repeat(points[:1], 3, axis=0), points, 7)
    for row in again.indices:  # which of several equal points is taken does not matter
        assert sorted(row // 5) == sorted(found.indices[0] // 5)


@pytest.mark.parametrize("values", [1, 60 * 7, 60 * 29])
def test_chunks_change_nothing(monkeypatch, values):
    embedding, points = unit(30, 0), unit(60, 1)
    whole = nearest_neighbours(embedding, points, 6)
    monkeypatch.setattr(module, "_CHUNK_VALUES", values)
    chunked = nearest_neighbours(embedding, points, 6)
    np.testing.assert_array_equal(chunked.indices, whole.indices)
    np.testing.assert_allclose(chunked.distances, whole.distances, atol=1e-6)


def test_no_cells_have_no_neighbours():
    assert nearest_neighbours(unit(0, 0), unit(5, 1), 2).indices.shape == (0, 2)
