"""Partners of a cell: itself, or the nearest cells in each batch."""

import numpy as np

from smile_training.model.pairing import neighbor_partners, self_partners


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
