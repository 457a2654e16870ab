"""Means of labels and their votes, against hand-computed numbers."""

import numpy as np
import pytest

from smile_runtime import Reference
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping.label_means import LabelMeans
from smile_runtime.mapping.label_transfer import transfer_labels
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors

TYPES = LabelColumn(name="type", labels=["CD4", "CD8", "B", "none"], within="lineage", parents=[0, 0, 1, 1])
LINEAGES = LabelColumn(name="lineage", labels=["T", "B"])
SUBTYPES = LabelColumn(
    name="subtype", labels=["CD4", "memory", "naive", "CD8", "B"], within="type", parents=[0, 0, 0, 1, 2]
)


def reference(label, weight, *columns: LabelColumn) -> Reference:
    """Return points on the axes."""
    n = len(label)
    return Reference(
        embedding=np.eye(n, dtype=np.float32),
        weight=np.array(weight, np.float32),
        map=np.zeros((n, 2), np.float32),
        label=np.array(label),
        modality=np.zeros(n, np.int64),
        label_columns=columns,
        modalities=("rna",),
    )


def neighbors(indices, distances) -> NearestNeighbors:
    return NearestNeighbors(np.array(indices), np.array(distances, np.float32))


def test_a_mean_counts_each_point_as_its_cells_and_has_unit_length():
    means = LabelMeans.of(reference([[0, 0], [0, 0], [2, 1]], [3, 4, 9], TYPES, LINEAGES))
    types, lineages = means.positions
    np.testing.assert_allclose(types, [[0.6, 0.8, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]], atol=1e-7)
    np.testing.assert_allclose(lineages, [[0.6, 0.8, 0], [0, 0, 1]], atol=1e-7)


def test_distances_to_means_are_those_on_the_unit_sphere():
    means = LabelMeans.of(reference([[0, 0], [0, 0], [2, 1]], [3, 4, 9], TYPES, LINEAGES))
    types, lineages = means.distances(np.eye(3, dtype=np.float32)[:2])
    expected = [[np.sqrt(0.8), np.inf, np.sqrt(2), np.inf], [np.sqrt(0.4), np.inf, np.sqrt(2), np.inf]]
    np.testing.assert_allclose(types, expected, atol=1e-6)
    assert lineages.shape == (2, 2)


def test_points_that_cancel_one_another_out_have_no_mean():
    opposite = reference([[0], [0]], [1, 1], LINEAGES)
    opposite.embedding[1] = -opposite.embedding[0]
    (distance,) = LabelMeans.of(opposite).distances(np.eye(2, dtype=np.float32))
    assert np.isinf(distance).all()


def test_the_farther_a_cell_from_its_neighbors_the_more_votes_have_the_means():
    two = reference([[0], [1]], [1, 1], LINEAGES)
    shares = []
    for nearest in (0.1, 0.5, 1.0, 1.2):  # of a point of T; the mean of B is at 1, that of T at infinity
        (won,) = transfer_labels(neighbors([[0]], [[nearest]]), two, [np.array([[np.inf, 1.0]])])
        shares.append((int(won.label[0]), float(won.share[0])))
    assert shares == [
        (0, pytest.approx(0.999)),
        (0, pytest.approx(0.875)),
        (1, pytest.approx(1)),
        (1, pytest.approx(1)),
    ]


def test_means_share_their_votes_by_a_gaussian():
    two = reference([[0], [1]], [1, 1], LINEAGES)
    (won,) = transfer_labels(neighbors([[0]], [[1.0]]), two, [np.array([[1.1, 1.0]])])
    share = (1 / 1.0) ** 3
    assert int(won.label[0]) == 1
    assert float(won.share[0]) == pytest.approx(share / (1 + np.exp((1 - 1.21) / 0.45**2)))


def test_a_coarser_level_sums_the_votes_for_its_labels():
    """B is the nearest mean of all types, but CD4 and CD8 together are T."""
    three = reference([[2, 1], [0, 0], [1, 0]], [1, 1, 1], TYPES, LINEAGES)
    far = np.array([[1.0, 1.0, 0.95, np.inf]])
    fine, lineage = transfer_labels(neighbors([[0]], [[1.0]]), three, [far, np.array([[9.0, 0.1]])])
    weights = np.exp(-(far[0, :3] ** 2) / 0.45**2)
    assert (int(fine.label[0]), int(lineage.label[0])) == (0, 0)
    assert float(lineage.share[0]) == pytest.approx(weights[:2].sum() / weights.sum(), rel=1e-5)


def test_a_finer_level_is_left_to_the_neighbors_unless_none_has_the_label():
    columns = (TYPES, LINEAGES, SUBTYPES)
    four = reference([[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 0, 3]], [1] * 4, *columns)
    of_subtypes = np.array([[np.inf, 0.5, 0.9, 1.3, np.inf]])
    distances = [np.array([[0.9, 1.3, np.inf, np.inf]]), np.array([[0.9, np.inf]]), of_subtypes]
    told = transfer_labels(neighbors([[2]], [[0.5]]), four, distances)  # a naive cell, although memory is nearer
    assert [int(each.label[0]) for each in told] == [0, 0, 2]
    untold = transfer_labels(neighbors([[0]], [[0.5]]), four, distances)  # no neighbor tells its subtype
    assert [int(each.label[0]) for each in untold] == [0, 0, 0]
    none = transfer_labels(neighbors([[3]], [[0.9]]), four, distances)  # CD4 by its mean, near cells of CD8 only
    assert [int(each.label[0]) for each in none] == [0, 0, 1]
    assert float(none[2].share[0]) <= float(none[0].share[0])


def test_without_any_mean_the_neighbors_vote_alone():
    two = reference([[0], [1]], [1, 1], LINEAGES)
    (won,) = transfer_labels(neighbors([[1]], [[1.3]]), two, [np.full((1, 2), np.inf)])
    assert (int(won.label[0]), float(won.share[0])) == (1, 1)
