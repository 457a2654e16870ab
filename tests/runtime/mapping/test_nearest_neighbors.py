"""Nearest neighbors equal a sort of all distances."""

import numpy as np
import pytest

from smile_runtime.mapping import nearest_neighbors as module
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors


def unit(n: int, seed: int, width: int = 16) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, width))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def all_distances(embedding: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(embedding[:, None].astype(np.float64) - points[None], axis=2)


@pytest.mark.parametrize("k", [1, 5, 60])
def test_neighbors_equal_a_full_sort(k):
    embedding, points = unit(30, 0), unit(60, 1)
    neighbors = find_nearest_neighbors(embedding, points, k)
    distances = all_distances(embedding, points)
    np.testing.assert_array_equal(neighbors.indices, distances.argsort(axis=1)[:, :k])
    np.testing.assert_allclose(neighbors.distances, np.sort(distances, axis=1)[:, :k], atol=1e-5)
    assert neighbors.distances.dtype == np.float32


def test_reference_smaller_than_k_returns_all_points():
    neighbors = find_nearest_neighbors(unit(4, 0), unit(3, 1), 15)
    assert neighbors.indices.shape == neighbors.distances.shape == (4, 3)
    np.testing.assert_array_equal(np.sort(neighbors.indices, axis=1), np.tile([0, 1, 2], (4, 1)))


def test_distances_are_from_zero_to_two():
    east = np.array([[1, 0]], np.float32)
    points = np.array([[-1, 0], [0, 1], [1, 0]], np.float32)
    neighbors = find_nearest_neighbors(east, points, 3)
    np.testing.assert_array_equal(neighbors.indices, [[2, 1, 0]])
    np.testing.assert_allclose(neighbors.distances, [[0, np.sqrt(2), 2]], atol=1e-6)


def test_products_rounded_above_one_do_not_give_nan():
    points = unit(200, 3)
    neighbors = find_nearest_neighbors(points, points, 1)
    np.testing.assert_array_equal(neighbors.indices[:, 0], np.arange(200))
    np.testing.assert_allclose(neighbors.distances, 0, atol=1e-3)


def test_ties_go_to_the_first_points():
    points = np.repeat(unit(3, 4), 5, axis=0)
    neighbors = find_nearest_neighbors(points[5:6], points, 7)
    np.testing.assert_array_equal(neighbors.indices[0, :5], range(5, 10))
    np.testing.assert_array_equal(neighbors.distances[0, :5], 0)
    assert neighbors.indices[0, 5:].tolist() in ([0, 1], [10, 11])


@pytest.mark.parametrize(("m", "k"), [(7, 7), (60, 15), (1000, 15), (5003, 3)])
def test_every_block_size_equals_a_full_sort(m, k):
    embedding, points = unit(40, 0), unit(m, 1)
    distances = all_distances(embedding, points)
    neighbors = find_nearest_neighbors(embedding, points, k)
    np.testing.assert_array_equal(neighbors.indices, distances.argsort(axis=1)[:, :k])


def test_reference_of_identical_points_returns_the_first(monkeypatch):
    monkeypatch.setattr(module, "_BATCH_PAIRS", 100)
    points = np.repeat(unit(1, 0), 900, axis=0)
    neighbors = find_nearest_neighbors(unit(5, 1), points, 4)
    np.testing.assert_array_equal(neighbors.indices, np.tile(np.arange(4), (5, 1)))


@pytest.mark.parametrize("values", [1, 900 * 7, 900 * 29])
def test_chunks_do_not_change_a_bit(monkeypatch, values):
    points = unit(900, 1, 128)
    points = np.concatenate([points, points[:300], np.nextafter(points[:300], 2)])  # ties and near ties
    embedding = np.concatenate([points[:40], unit(40, 0, 128)])
    whole = find_nearest_neighbors(embedding, points, 6)
    monkeypatch.setattr(module, "_MAX_CHUNK_PRODUCTS", values)
    chunked = find_nearest_neighbors(embedding, points, 6)
    np.testing.assert_array_equal(chunked.indices, whole.indices)
    np.testing.assert_array_equal(chunked.distances, whole.distances)
    alone = find_nearest_neighbors(embedding[7:8], points, 6)
    np.testing.assert_array_equal(alone.indices[0], whole.indices[7])


def test_no_cells_have_no_neighbors():
    assert find_nearest_neighbors(unit(0, 0), unit(5, 1), 2).indices.shape == (0, 2)
