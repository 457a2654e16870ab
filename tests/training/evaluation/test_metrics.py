"""Figures of an embedding, against their definitions."""

import numpy as np
import pytest

from smile_runtime.errors import RecipeError
from smile_training.evaluation import metrics


def two_groups(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    ids = np.arange(n) % 2
    noise = np.random.default_rng(0).standard_normal((n, 4))
    return (noise + 20 * ids[:, None]).astype(np.float32), ids


def foscttm_by_definition(a: np.ndarray, b: np.ndarray) -> float:
    n, values = len(a), []
    for x, y in ((a, b), (b, a)):
        for i in range(n):
            distance = [np.sqrt(((x[i] - y[j]) ** 2).sum()) for j in range(n)]
            others = [distance[j] for j in range(n) if j != i]
            values.append(sum((d < distance[i]) + 0.5 * (d == distance[i]) for d in others) / (n - 1))
    return float(np.mean(values))


def test_foscttm_is_its_definition_in_chunks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((23, 5))
    b = a + rng.standard_normal((23, 5))
    expected = foscttm_by_definition(a, b)
    assert 0.05 < expected < 0.45
    for values in (1, 23 * 7, 10**6):  # one row, seven rows, all rows at once
        monkeypatch.setattr(metrics, "MAX_CHUNK_DISTANCES", values)
        assert metrics.foscttm(a, b) == pytest.approx(expected, abs=1e-12)


def test_foscttm_takes_the_mean_of_both_directions() -> None:
    a, b = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [0.9], [0.8]])
    assert metrics.foscttm(a, b) == pytest.approx((1 / 6 + 2 / 6) / 2)
    assert metrics.foscttm(a, b) == pytest.approx(foscttm_by_definition(a, b))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_foscttm_of_a_collapsed_space_is_one_half_and_of_a_perfect_one_zero(dtype: type) -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((301, 128)).astype(dtype)
    collapsed = np.repeat(a[:1], 301, axis=0)
    assert metrics.foscttm(collapsed, collapsed) == 0.5
    assert metrics.foscttm(collapsed, np.repeat(a[1:2], 301, axis=0)) == 0.5
    assert metrics.foscttm(collapsed, a) == 0.5
    assert metrics.foscttm(a, a) == 0.0
    assert metrics.foscttm(a, -a) > 0.99


def test_foscttm_counts_cells_that_coincide_as_half() -> None:
    """Seven places of 43 cells each: for every cell the 42 others of its place tie with its partner."""
    places = np.random.default_rng(0).standard_normal((7, 128)).astype(np.float32)
    cells = np.tile(places, (43, 1))
    assert metrics.foscttm(cells, cells) == pytest.approx(0.5 * 42 / 300, abs=1e-15)


def test_foscttm_keeps_its_digits_far_from_the_origin() -> None:
    a = np.random.default_rng(0).standard_normal((50, 3))
    assert metrics.foscttm(a + 1e9, a + 1e9) == 0.0


def test_foscttm_of_one_pair_is_refused() -> None:
    with pytest.raises(RecipeError, match="FOSCTTM needs at least 2 pairs of cells, got 1; leave out more cells"):
        metrics.foscttm(np.zeros((1, 3)), np.zeros((1, 3)))


def test_silhouette_is_that_of_cells_with_a_group() -> None:
    values = np.array([[0.0], [2.0], [10.0], [12.0], [11.0]])
    ids = np.array([0, 0, 1, 1, -1])
    expected = np.mean([1 - 2 / 11, 1 - 2 / 9] * 2)  # 1 - own / other, outer and inner cells
    assert metrics.silhouette(values, ids) == pytest.approx(expected)


def test_silhouette_of_a_collapsed_space_is_zero() -> None:
    """Distances by dot products leave -0.16 of rounding here."""
    cells = np.repeat(np.random.default_rng(0).standard_normal((1, 128)).astype(np.float32), 300, axis=0)
    assert metrics.silhouette(cells, np.arange(300) % 3) == 0.0


@pytest.mark.parametrize("ids", [[0, 0, 0, -1], [0, 1, 2, -1], [-1, -1, -1, -1], [0, -1, -1, -1]])
def test_silhouette_needs_two_groups_and_a_group_of_two(ids: list[int]) -> None:
    assert metrics.silhouette(np.eye(4), np.array(ids)) is None


def test_silhouette_draws_cells_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    values, ids = two_groups()
    everything = metrics.silhouette(values, ids)
    monkeypatch.setattr(metrics, "MAX_SILHOUETTE_CELLS", 20)
    drawn = metrics.silhouette(values, ids)
    assert drawn == metrics.silhouette(values, ids, seed=0)
    assert len({everything, drawn, metrics.silhouette(values, ids, seed=1)}) == 3
    assert drawn == pytest.approx(everything, abs=0.05)


def test_ari_has_as_many_clusters_as_known_labels() -> None:
    """Ids need not be dense, and cells without a label, all far away, take no cluster."""
    values, ids = two_groups()
    far = np.full((5, 4), 1e3, np.float32)
    labels = np.concatenate([np.where(ids == 0, 3, 7), np.full(5, -1)])
    assert metrics.cluster_ari(np.concatenate([values, far]), labels, seed=0) == 1.0
    assert metrics.cluster_ari(values, np.arange(60) // 2 % 2, seed=0) == pytest.approx(0, abs=0.05)


def test_of_many_cells_some_are_clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = two_groups()
    monkeypatch.setattr(metrics, "MAX_CLUSTERED_CELLS", 20)
    assert metrics.cluster_ari(values, labels, seed=0) == 1.0
    labels[30:] = -1
    assert metrics.cluster_ari(values, labels, seed=0) == 1.0


def test_ari_of_a_collapsed_space_is_zero_and_of_one_label_none() -> None:
    assert metrics.cluster_ari(np.ones((12, 3), np.float32), np.arange(12) % 3, seed=0) == 0.0
    assert metrics.cluster_ari(np.eye(4), np.array([2, 2, -1, 2]), seed=0) is None


def test_accuracy_and_macro_f1_skip_cells_of_unknown_label() -> None:
    true = np.array([0, 0, 0, 1, -1, -1])
    predicted = np.array([0, 0, 1, 1, 1, 0])
    assert metrics.accuracy(true, predicted) == 0.75
    assert metrics.macro_f1(true, predicted) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert metrics.macro_f1(np.array([0, 1]), np.array([0, 0])) == pytest.approx((2 / 3 + 0) / 2)
