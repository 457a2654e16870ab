"""Landmarks: a few points that stand for all reference cells."""

from dataclasses import replace

import numpy as np
import pytest

from smile_runtime.reference import Reference
from smile_training.landmarks import fit_landmarks


def reference(sizes: list[int], first_label: int = 0, seed: int = 0) -> Reference:
    """Return cells around one direction for each label, shuffled."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    label = rng.permutation(np.repeat(np.arange(first_label, first_label + len(sizes)), sizes))
    embedding = rng.standard_normal((n, 8)) * 0.3 + np.eye(8)[label]
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    position = embedding[:, :2] * 10
    names = tuple("abcdefgh"[: len(sizes)]) if first_label == 0 else ()
    return Reference(
        embedding=embedding.astype(np.float32),
        weight=np.ones(n, np.float32),
        map=position.astype(np.float32),
        label=label.astype(np.int64),
        modality=np.full(n, 1),
        labels=names,
        modalities=("rna", "atac"),
    )


@pytest.mark.parametrize("n_landmarks", [3, 20, 60])
def test_landmarks_stand_for_all_cells(n_landmarks: int) -> None:
    cells = reference([80, 30, 4])
    points = fit_landmarks(cells, n_landmarks, seed=0)

    assert points.weight.sum() == 114
    assert points.weight.min() >= 1
    for label, size in enumerate([80, 30, 4]):
        assert points.weight[points.label == label].sum() == size
        assert abs(np.count_nonzero(points.label == label) - max(1, n_landmarks * size / 114)) < 1
    np.testing.assert_allclose(np.linalg.norm(points.embedding, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points.weight @ points.map / 114, cells.map.mean(axis=0), atol=1e-4)
    assert (points.labels, points.modalities) == (cells.labels, cells.modalities)
    np.testing.assert_array_equal(points.modality, 1)
    assert (points.embedding.dtype, points.weight.dtype, points.map.dtype) == (np.float32,) * 3


def test_one_landmark_is_the_direction_of_the_mean() -> None:
    cells = reference([50])
    points = fit_landmarks(cells, 1, seed=0)
    mean = cells.embedding.mean(axis=0)
    np.testing.assert_allclose(points.embedding, [mean / np.linalg.norm(mean)], atol=1e-6)


def test_every_label_has_one_though_there_be_fewer_landmarks_than_labels() -> None:
    points = fit_landmarks(reference([40, 5, 1, 1]), 2, seed=0)
    assert set(points.label) == {0, 1, 2, 3}


@pytest.mark.parametrize("n_landmarks", [30, 31, 5000])
def test_where_there_are_no_more_cells_cells_stay(n_landmarks: int) -> None:
    cells = reference([20, 10])
    points = fit_landmarks(cells, n_landmarks, seed=0)
    assert len(points) == 30
    np.testing.assert_array_equal(points.weight, 1)

    def key(rows: Reference) -> list[tuple[int, ...]]:
        return sorted(zip(rows.label.tolist(), *np.round(rows.embedding, 4).T.tolist(), strict=True))

    np.testing.assert_allclose(key(points), key(cells), atol=2e-4)


def test_cells_without_labels_are_one_group() -> None:
    points = fit_landmarks(reference([25], first_label=-1), 5, seed=0)
    assert points.label.tolist() == [-1] * 5
    assert points.weight.sum() == 25


def test_cells_that_are_equal_share_a_landmark() -> None:
    """Fewer different cells than landmarks: no warning, no empty point."""
    cells = reference([40])
    rows = [0, 1, 2] * 10
    same = replace(
        cells,
        embedding=cells.embedding[rows],
        weight=cells.weight[:30],
        map=cells.map[rows],
        label=cells.label[:30],
        modality=cells.modality[:30],
        labels=(),
    )
    points = fit_landmarks(same, 12, seed=0)
    assert points.weight.sum() == 30
    assert points.weight.min() >= 1


def test_the_seed_decides() -> None:
    cells = reference([60, 20])
    first, again = (fit_landmarks(cells, 10, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.embedding, again.embedding)
    np.testing.assert_array_equal(first.weight, again.weight)
