"""Landmarks: a few points that stand for all reference cells."""

from dataclasses import replace

import numpy as np
import pytest

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping.reference import Reference
from smile_training.reference import landmarks
from smile_training.reference.landmarks import fit_landmarks


def reference(sizes: list[int], seed: int = 0) -> Reference:
    """Return cells around one direction for each label, shuffled."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    label = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    embedding = rng.standard_normal((n, 8)) * 0.3 + np.eye(8)[label]
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    position = embedding[:, :2] * 10
    return Reference(
        embedding=embedding.astype(np.float32),
        weight=np.ones(n, np.float32),
        map=position.astype(np.float32),
        label=label.astype(np.int64)[:, None],
        modality=np.full(n, 1),
        label_columns=(LabelColumn(name="kind", labels=list("abcdefgh"[: len(sizes)])),),
        modalities=("rna", "atac"),
    )


@pytest.mark.parametrize("n_landmarks", [3, 20, 60])
def test_landmarks_stand_for_all_cells(n_landmarks: int) -> None:
    cells = reference([80, 30, 4])
    points = fit_landmarks(cells, n_landmarks, seed=0)

    assert points.weight.sum() == 114
    assert points.weight.min() >= 1
    for label, size in enumerate([80, 30, 4]):
        assert points.weight[points.label[:, 0] == label].sum() == size
    np.testing.assert_allclose(np.linalg.norm(points.embedding, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points.weight @ points.map / 114, cells.map.mean(axis=0), atol=1e-4)
    assert (points.label_columns, points.modalities) == (cells.label_columns, cells.modalities)
    np.testing.assert_array_equal(points.modality, 1)
    assert (points.embedding.dtype, points.weight.dtype, points.map.dtype) == (np.float32,) * 3


@pytest.mark.parametrize(
    ("sizes", "n_landmarks", "shares"),
    [
        ([900, 100], 40, [30, 10]),  # in proportion to the roots, 30 and 10
        ([900, 100, 4], 88, [63, 21, 4]),  # a rare type keeps its cells, and leaves the rest to the others
        ([900, 100, 1], 2, [1, 1, 1]),
    ],
)
def test_rare_types_are_told_in_more_detail(sizes: list[int], n_landmarks: int, shares: list[int]) -> None:
    points = fit_landmarks(reference(sizes), n_landmarks, seed=0)
    assert np.bincount(points.label[:, 0]).tolist() == shares


def test_one_landmark_is_the_direction_of_the_mean() -> None:
    cells = reference([50])
    points = fit_landmarks(cells, 1, seed=0)
    mean = cells.embedding.mean(axis=0)
    np.testing.assert_allclose(points.embedding, [mean / np.linalg.norm(mean)], atol=1e-6)


def test_every_label_has_one_though_there_be_fewer_landmarks_than_labels() -> None:
    points = fit_landmarks(reference([40, 5, 1, 1]), 2, seed=0)
    assert set(points.label[:, 0]) == {0, 1, 2, 3}


@pytest.mark.parametrize("n_landmarks", [30, 31, 5000])
def test_where_there_are_no_more_cells_cells_stay(n_landmarks: int) -> None:
    cells = reference([20, 10])
    points = fit_landmarks(cells, n_landmarks, seed=0)
    assert len(points) == 30
    np.testing.assert_array_equal(points.weight, 1)

    def key(rows: Reference) -> list[tuple[int, ...]]:
        return sorted(zip(rows.label[:, 0].tolist(), *np.round(rows.embedding, 4).T.tolist(), strict=True))

    np.testing.assert_allclose(key(points), key(cells), atol=2e-4)


def test_cells_without_labels_are_one_group() -> None:
    cells = replace(reference([10, 15]), label=np.empty((25, 0), np.int64), label_columns=())
    points = fit_landmarks(cells, 5, seed=0)
    assert points.label.shape == (5, 0)
    assert points.weight.sum() == 25


def test_a_landmark_has_one_label_in_every_column() -> None:
    cells = reference([60, 30])
    kind, tissue = cells.label[:, 0], np.random.default_rng(3).integers(3, size=90)
    whole = replace(
        cells,
        label=np.column_stack([kind, tissue]),
        label_columns=(*cells.label_columns, LabelColumn(name="tissue", labels=["x", "y", "z"])),
    )
    points = fit_landmarks(whole, 20, seed=0)
    for pair in {*map(tuple, whole.label.tolist())}:
        members = (whole.label == pair).all(axis=1)
        chosen = (points.label == pair).all(axis=1)
        assert points.weight[chosen].sum() == members.sum()
        np.testing.assert_allclose(
            points.weight[chosen] @ points.map[chosen], cells.map[members].sum(axis=0), rtol=1e-3, atol=1e-3
        )


def test_levels_split_no_landmark() -> None:
    """A coarser label follows from the finer one, so the landmarks are those of the finer labels alone."""
    cells = reference([40, 20, 10])
    parents = np.array([0, 1, 0])
    fine = LabelColumn(name="kind", labels=list("abc"), within="broad", parents=parents.tolist())
    leveled = replace(
        cells,
        label=np.column_stack([cells.label[:, 0], parents[cells.label[:, 0]]]),
        label_columns=(fine, LabelColumn(name="broad", labels=["ac", "b"])),
    )
    points, alone = fit_landmarks(leveled, 12, seed=0), fit_landmarks(cells, 12, seed=0)
    np.testing.assert_array_equal(points.embedding, alone.embedding)
    np.testing.assert_array_equal(points.label[:, :1], alone.label)
    np.testing.assert_array_equal(points.label[:, 1], parents[alone.label[:, 0]])


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
    )
    points = fit_landmarks(same, 12, seed=0)
    assert points.weight.sum() == 30
    assert points.weight.min() >= 1


def test_the_seed_decides() -> None:
    cells = reference([60, 20])
    first, again = (fit_landmarks(cells, 10, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first.embedding, again.embedding)
    np.testing.assert_array_equal(first.weight, again.weight)


def test_landmarks_of_many_cells_stand_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = reference([900, 300])
    exact = fit_landmarks(cells, 24, seed=0)
    monkeypatch.setattr(landmarks, "MAX_KMEANS_CELLS", 100)
    points = fit_landmarks(cells, 24, seed=0)
    assert points.weight.sum() == 1200
    assert points.weight[points.label[:, 0] == 1].sum() == 300
    spread = [
        np.mean(np.max(cells.embedding @ each.embedding.T, axis=1)) for each in (exact, points)
    ]  # similarity of a cell to its nearest landmark
    assert spread[1] > spread[0] - 0.02
