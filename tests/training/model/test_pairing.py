"""Partners of a cell: itself, or the nearest cells in each batch."""

import numpy as np
import pytest

from smile_training.model import pairing
from smile_training.model.pairing import MAX_PARTNERS, neighbor_partners, self_partners


def test_by_default_a_cell_is_its_own_partner() -> None:
    np.testing.assert_array_equal(self_partners(4), [[0], [1], [2], [3]])


def test_partners_are_the_nearest_cells_of_every_batch() -> None:
    rng = np.random.default_rng(0)
    components = rng.standard_normal((60, 7)).astype(np.float32)
    batches = rng.choice([4, 1, 9], 60)  # batch ids may be unsorted and have gaps
    partners = neighbor_partners(components, batches, n_neighbors=3)

    assert partners.shape == (60, 9)
    distances = np.linalg.norm(components[:, None].astype(np.float64) - components[None], axis=2)
    for row in range(60):
        nearest = [np.flatnonzero(batches == b)[np.argsort(distances[row, batches == b])[:3]] for b in (1, 4, 9)]
        assert set(partners[row]) == set(np.concatenate(nearest))
        assert row in partners[row]


def test_all_cells_of_a_small_batch_are_repeated() -> None:
    components = np.arange(10, dtype=np.float32)[:, None]
    batches = np.array([0] * 8 + [1] * 2)
    partners = neighbor_partners(components, batches, n_neighbors=5)

    assert partners.shape == (10, 10)
    own, small = partners[0, :5], partners[0, 5:]
    np.testing.assert_array_equal(np.sort(own), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(np.bincount(small, minlength=10)[8:], [3, 2])  # the nearer cell is repeated once more
    np.testing.assert_array_equal(np.bincount(partners[9, 5:], minlength=10)[8:], [2, 3])


def test_a_batch_of_one_cell_gives_that_cell_to_all() -> None:
    partners = neighbor_partners(np.arange(5, dtype=np.float32)[:, None], np.array([0, 0, 0, 0, 1]), n_neighbors=2)
    assert (partners[:, 2:] == 4).all()
    assert set(partners[0, :2]) == {0, 1}


def test_with_labels_partners_are_the_nearest_cells_with_the_same_label() -> None:
    rng = np.random.default_rng(1)
    components = rng.standard_normal((90, 4)).astype(np.float32)
    batches, labels = rng.integers(2, size=90), rng.integers(-1, 3, 90)
    partners = neighbor_partners(components, batches, n_neighbors=3, labels=labels)

    assert partners.shape == (90, 6)
    distances = np.linalg.norm(components[:, None].astype(np.float64) - components[None], axis=2)
    for row in range(90):
        for batch in (0, 1):
            allowed = (batches == batch) & ((labels == labels[row]) | (labels[row] < 0))
            nearest = np.flatnonzero(allowed)[np.argsort(distances[row, allowed])[:3]]
            assert set(partners[row, 3 * batch : 3 * batch + 3]) == set(nearest)


def test_a_cell_is_its_own_partner_in_a_batch_without_its_label() -> None:
    components = np.arange(6, dtype=np.float32)[:, None]
    batches, labels = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 0, 0, 0])
    partners = neighbor_partners(components, batches, n_neighbors=2, labels=labels)
    assert partners[2].tolist() == [2, 2, 2, 2]
    assert set(partners[3, :2]) == {0, 1}


def test_with_many_batches_partners_come_from_some_that_have_the_label() -> None:
    rng = np.random.default_rng(2)
    n_batches, n_neighbors = 40, 15
    components = rng.standard_normal((4000, 4)).astype(np.float32)
    batches, labels = rng.integers(n_batches, size=4000), rng.integers(3, size=4000)
    labels[(batches >= 2) & (labels == 2)] = 1  # label 2 is in batches 0 and 1 alone
    partners = neighbor_partners(components, batches, n_neighbors=n_neighbors, labels=labels)

    assert partners.shape == (4000, MAX_PARTNERS // n_neighbors * n_neighbors)
    np.testing.assert_array_equal(labels[partners], np.repeat(labels[:, None], partners.shape[1], axis=1))
    assert set(batches[partners[labels == 2]].ravel()) == {0, 1}
    assert len(set(batches[partners].ravel())) == n_batches
    rare = np.flatnonzero(labels == 2)
    assert (partners[rare] != rare[:, None]).mean() > 0.9
    np.testing.assert_array_equal(
        partners, neighbor_partners(components, batches, n_neighbors=n_neighbors, labels=labels)
    )


def test_partners_of_one_label_are_sought_among_some_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MAX_LABEL_CANDIDATES", 20)
    components = np.arange(500, dtype=np.float32)[:, None]
    partners = neighbor_partners(components, np.zeros(500, int), n_neighbors=2, labels=np.zeros(500, int))
    assert len(np.unique(partners)) <= 20
    assert np.abs(partners - np.arange(500)[:, None]).mean() < 50  # still near, of those


def test_partners_among_many_cells_without_labels_are_nearly_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    components = (rng.integers(20, size=(3000, 1)) * 3 + rng.standard_normal((3000, 10))).astype(np.float32)
    batches = np.zeros(3000, int)
    exact = neighbor_partners(components, batches, n_neighbors=5)
    monkeypatch.setattr(pairing, "MAX_EXACT_CANDIDATES", 1000)
    approximate = neighbor_partners(components, batches, n_neighbors=5)
    found = [len(set(a) & set(b)) for a, b in zip(exact, approximate, strict=True)]
    assert np.mean(found) / 5 > 0.9
