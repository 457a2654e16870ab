"""Label transfer and confidence, against hand-computed numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from smile_runtime import Reference
from smile_runtime.manifest import CalibrationRecord, LabelColumn
from smile_runtime.mapping import ReferenceMapper
from smile_runtime.mapping.confidence import calibrate_confidence
from smile_runtime.mapping.label_transfer import LabelTransfer, neighbor_weights, transfer_labels
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors, find_nearest_neighbors

REFERENCE = Reference(
    embedding=np.eye(4, dtype=np.float32),
    weight=np.array([1, 36, 4, 1], np.float32),
    map=np.zeros((4, 2), np.float32),
    label=np.array([[0], [1], [0], [2]]),
    modality=np.zeros(4, np.int64),
    label_columns=(LabelColumn(name="type", labels=["B", "T", "NK"]),),
    modalities=("rna",),
)


def neighbors(indices, distances) -> NearestNeighbors:
    return NearestNeighbors(np.array(indices), np.array(distances, np.float32))


def by_neighbors(found: NearestNeighbors, reference: Reference) -> list[LabelTransfer]:
    """Let neighbors vote alone, as means that are infinitely far do not."""
    n = len(found.indices)
    return transfer_labels(
        found, reference, [np.full((n, len(each.labels)), np.inf) for each in reference.label_columns]
    )


def test_weight_is_root_of_number_of_cells_times_gaussian():
    # distances in units of the nearest: 1, 2, 2 and 1, 2, 4; so 1, 6/e^3, 2/e^3 and 2, 1/e^3, 1/e^15
    weights = neighbor_weights(neighbors([[0, 1, 2], [2, 3, 0]], [[0.5, 1, 1], [0.25, 0.5, 1]]), REFERENCE)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights[0], [0.715156, 0.213633, 0.071211], atol=1e-6)
    np.testing.assert_allclose(weights[1], [0.975711, 0.024289, 0.00000015], atol=1e-6)


def test_weight_does_not_depend_on_density():
    near = neighbor_weights(neighbors([[0, 1, 2]], [[0.1, 0.12, 0.15]]), REFERENCE)
    far = neighbor_weights(neighbors([[0, 1, 2]], [[1.0, 1.2, 1.5]]), REFERENCE)
    np.testing.assert_allclose(near, far, rtol=1e-5)


def test_votes_are_summed_by_label():
    # first cell: two landmarks of B against one of T that stands for 36 cells; second: B against NK
    (transfer,) = by_neighbors(neighbors([[0, 1, 2], [2, 3, 0]], [[0.5, 1, 1], [0.25, 0.5, 1]]), REFERENCE)
    np.testing.assert_array_equal(transfer.label, [0, 0])
    np.testing.assert_allclose(transfer.share, [0.786367, 0.975711], atol=1e-6)


@pytest.mark.parametrize(("distance", "label", "share"), [(0.6, 1, 0.794417), (1.0, 0, 0.769988)])
def test_larger_landmark_outvotes_a_nearer_one_unless_it_is_far(distance, label, share):
    (transfer,) = by_neighbors(neighbors([[0, 1]], [[0.5, distance]]), REFERENCE)  # 1 against 6/e^0.44 or 6/e^3
    np.testing.assert_array_equal(transfer.label, [label])
    np.testing.assert_allclose(transfer.share, [share], atol=1e-6)


def test_distance_zero_does_not_divide_by_zero():
    (transfer,) = by_neighbors(neighbors([[3, 1]], [[0.0, 0.002]]), REFERENCE)  # 1 against 6/e^4
    np.testing.assert_array_equal(transfer.label, [2])
    np.testing.assert_allclose(transfer.share, [1 / (1 + 6 * np.exp(-4))], atol=1e-6)


def test_a_single_neighbor_wins_all_votes():
    (transfer,) = by_neighbors(neighbors([[2]], [[1.3]]), REFERENCE)
    assert (transfer.label[0], transfer.share[0]) == (0, 1.0)


def test_confidence_is_interpolated_and_clipped():
    record = CalibrationRecord(
        evidence=[0.4, 0.6, 1.0], probability=[0.2, 0.5, 0.9], expected_calibration_error=0.0, n_cells=10
    )
    score = calibrate_confidence(np.array([0.1, 0.4, 0.5, 0.8, 1.0, 1.0000002], np.float32), record)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, [0.2, 0.2, 0.35, 0.7, 0.9, 0.9], rtol=1e-6)


def test_without_calibration_confidence_is_the_share():
    share = np.array([0.3, 1.0], np.float32)
    np.testing.assert_array_equal(calibrate_confidence(share, None), share)


def test_confidence_without_calibration_is_at_most_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 8))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    weight = rng.integers(1, 9, 500).astype(np.float32)
    zeros, columns = np.zeros(500, np.int64), (LabelColumn(name="type", labels=["T"]),)
    reference = Reference(
        embedding=X[:500],
        weight=weight,
        map=np.zeros((500, 2), np.float32),
        label=zeros[:, None],
        modality=zeros,
        label_columns=columns,
        modalities=("rna",),
    )
    (transfer,) = by_neighbors(find_nearest_neighbors(X[500:], reference.embedding, 15), reference)
    assert calibrate_confidence(transfer.share, None).max() <= 1


def points(label: list[list[int]], votes: list[float], columns: tuple[LabelColumn, ...]) -> Reference:
    """Return points that are equally far from one another."""
    n = len(label)
    return Reference(
        embedding=np.eye(n, dtype=np.float32),
        weight=np.square(votes, dtype=np.float32),
        map=np.zeros((n, 2), np.float32),
        label=np.array(label),
        modality=np.zeros(n, np.int64),
        label_columns=columns,
        modalities=("rna",),
    )


def hierarchical(label: list[list[int]], votes: list[float]) -> Reference:
    """Return points of four types in three lineages in two groups, and of two tissues."""
    columns = (
        LabelColumn(name="type", labels=["CD4", "CD8", "NK", "B"], within="lineage", parents=[0, 0, 1, 2]),
        LabelColumn(name="lineage", labels=["T", "NK", "B"], within="blood", parents=[0, 0, 1]),
        LabelColumn(name="blood", labels=["TNK", "other"]),
        LabelColumn(name="tissue", labels=["gut", "lung"]),
    )
    return points(label, votes, columns)


CD4, CD8, NK, B = [0, 0, 0, 0], [1, 0, 0, 1], [2, 1, 0, 0], [3, 2, 1, 1]


def test_levels_are_decided_from_coarse_to_fine():
    # CD4 2, CD8 3, NK 4, B 4.5: B has most votes among types, T among lineages, TNK above them
    won = by_neighbors(neighbors([[0, 1, 2, 3]], [[1.0] * 4]), hierarchical([CD4, CD8, NK, B], [2, 3, 4, 4.5]))
    assert [int(column.label[0]) for column in won] == [1, 0, 0, 1]
    shares = [float(column.share[0]) for column in won]
    assert shares == pytest.approx([3 / 13.5, 5 / 13.5, 9 / 13.5, 7.5 / 13.5])  # of all votes in every column


def test_levels_never_contradict_one_another():
    rng = np.random.default_rng(0)
    reference = hierarchical([CD4, CD8, NK, B] * 10, rng.integers(1, 9, 40).tolist())
    found = neighbors(rng.integers(40, size=(500, 9)), np.sort(rng.uniform(0.9, 1.1, (500, 9)), axis=1))
    fine, lineage, blood, tissue = by_neighbors(found, reference)
    types, lineages, _, _ = reference.label_columns
    np.testing.assert_array_equal(np.array(types.parents)[fine.label], lineage.label)
    np.testing.assert_array_equal(np.array(lineages.parents)[lineage.label], blood.label)
    assert (fine.share <= lineage.share).all()
    assert (lineage.share <= blood.share).all()
    assert len({*zip(fine.label.tolist(), tissue.label.tolist(), strict=True)}) > 4  # independent of the levels


def test_columns_are_voted_on_independently():
    rng = np.random.default_rng(1)
    reference = hierarchical([CD4, CD8, NK, B] * 10, rng.integers(1, 9, 40).tolist())
    found = neighbors(rng.integers(40, size=(100, 9)), np.sort(rng.uniform(0.5, 1.1, (100, 9)), axis=1))
    tissue = by_neighbors(found, reference)[3]
    alone = replace(reference, label=reference.label[:, 3:], label_columns=reference.label_columns[3:])
    (expected,) = by_neighbors(found, alone)
    np.testing.assert_array_equal(tissue.label, expected.label)
    np.testing.assert_array_equal(tissue.share, expected.share)


def test_without_label_columns_nothing_is_transferred():
    none = replace(REFERENCE, label=np.empty((4, 0), np.int64), label_columns=())
    assert by_neighbors(neighbors([[0, 1]], [[0.1, 0.2]]), none) == []


def test_points_without_a_label_vote_for_none():
    """A new type whose lineage is not stated wins against T cells if it has more votes, whatever its lineage."""
    new = [4, -1, -1, -1]
    reference = hierarchical([CD4, CD8, new], [2, 2, 5])
    fine, lineage, blood, tissue = reference.label_columns
    fine = LabelColumn(name="type", labels=[*fine.labels, "new"], within="lineage", parents=[*fine.parents, -1])
    reference = replace(reference, label_columns=(fine, lineage, blood, tissue))
    won = by_neighbors(neighbors([[0, 1, 2]], [[1.0] * 3]), reference)
    assert [int(column.label[0]) for column in won] == new
    assert [float(column.share[0]) for column in won] == pytest.approx([5 / 9] * 4)
    few = hierarchical([CD4, CD8, new], [2, 2, 3])
    won = by_neighbors(neighbors([[0, 1, 2]], [[1.0] * 3]), few)
    assert [int(column.label[0]) for column in won] == [0, 0, 0, -1]


def finer(label: list[list[int]], votes: list[float]) -> Reference:
    """Return points of T cells and B cells, of some of which the subtype is known."""
    columns = (
        LabelColumn(name="type", labels=["B", "T"], within="lineage", parents=[0, 0]),
        LabelColumn(name="lineage", labels=["lymphoid"]),
        LabelColumn(name="subtype", labels=["B", "T", "memory", "naive"], within="type", parents=[0, 1, 1, 1]),
    )
    return points(label, votes, columns)


CELLS_OF_B, SOME_T, MEMORY, NAIVE = [0, 0, 0], [1, 0, 1], [1, 0, 2], [1, 0, 3]


def test_a_level_finer_than_the_primary_one_is_decided_after_it():
    # B has most votes of all subtypes, T of the types
    won = by_neighbors(neighbors([[0, 1, 2]], [[1.0] * 3]), finer([CELLS_OF_B, MEMORY, NAIVE], [4, 2, 3]))
    assert [int(column.label[0]) for column in won] == [1, 0, 3]
    assert [float(column.share[0]) for column in won] == pytest.approx([5 / 9, 1, 3 / 9])


def test_points_without_a_finer_label_do_not_compete_with_those_that_have_one():
    reference = finer([CELLS_OF_B, SOME_T, MEMORY, NAIVE], [2, 5, 1, 2])
    won = by_neighbors(neighbors([[0, 1, 2, 3]], [[1.0] * 4]), reference)
    assert [int(column.label[0]) for column in won] == [1, 0, 3]
    # naive has two of the three votes that tell subtypes of T, which has 8 of 10 votes
    assert [float(column.share[0]) for column in won] == pytest.approx([8 / 10, 1, 8 / 10 * 2 / 3])


def test_where_nothing_finer_is_known_the_label_is_that_of_the_parent():
    reference = finer([CELLS_OF_B, SOME_T, NAIVE], [2, 5, 9])
    won = by_neighbors(neighbors([[0, 1], [0, 0]], [[1.0, 1.0], [1.0, 1.0]]), reference)
    np.testing.assert_array_equal([column.label for column in won], [[1, 0], [0, 0], [1, 0]])
    np.testing.assert_allclose(won[2].share, won[0].share)


def test_a_primary_label_named_like_its_parent_is_a_type_like_any_other():
    columns = (
        LabelColumn(name="type", labels=["DC", "pDC"], within="broad", parents=[0, 0]),
        LabelColumn(name="broad", labels=["DC"]),
    )
    reference = replace(finer([[0, 0, 0], [1, 0, 0]], [3, 2]), label=np.array([[0, 0], [1, 0]]), label_columns=columns)
    assert int(by_neighbors(neighbors([[0, 1]], [[1.0, 1.0]]), reference)[0].label[0]) == 0


def test_a_label_that_tells_nothing_finer_has_the_confidence_of_its_parent():
    def calibration(probability: float) -> CalibrationRecord:
        return CalibrationRecord(evidence=[0.0], probability=[probability], expected_calibration_error=0.0, n_cells=10)

    calibrations = {"type": calibration(0.9), "lineage": calibration(1.0), "subtype": calibration(0.6)}
    reference = finer([CELLS_OF_B, SOME_T, NAIVE], [1, 1, 1])
    mapper = ReferenceMapper(
        reference=reference,
        record=SimpleNamespace(calibrations=calibrations, similarity=None),
        n_neighbors=1,
        unknown_rate=0.05,
    )
    records = mapper.map(reference.embedding)
    np.testing.assert_array_equal(records["label"][:, 2], [0, 1, 3])
    np.testing.assert_allclose(records["confidence"], [[0.9, 1, 0.6], [0.9, 1, 0.9], [0.9, 1, 0.6]], rtol=1e-6)
