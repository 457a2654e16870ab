"""Sets of labels: their members, names and what they share."""

import numpy as np
import pytest

from smile_runtime import QueryError
from smile_runtime.manifest import LabelColumn, LabelSetRecord
from smile_runtime.mapping import LabelSets, common_names, label_scores, set_names

RECORD = LabelSetRecord(
    coverage=[0.5, 0.8, 0.9], detected=[100.0], limits=[[0.0, 0.7, 0.9], [0.0, 0.6, 0.8]], left_out="cells", n_cells=500
)
COLUMNS = (
    LabelColumn(name="type", labels=["CD4 T", "CD8 T", "NK", "B"], within="lineage", parents=[0, 0, 1, -1]),
    LabelColumn(name="lineage", labels=["T", "NK"], within="blood", parents=[0, 0]),
    LabelColumn(name="blood", labels=["TNK"]),
)


def test_score_of_the_nearest_label_is_zero():
    scores = label_scores(np.array([[0.3, 0.7], [0.4, 0.6]], np.float32), np.array([1, 0]))
    np.testing.assert_allclose(scores, [[0.7, 0], [0, 0.4]], atol=1e-7)


def test_limits_are_those_of_the_depth_and_of_the_next_higher_coverage():
    rule = LabelSets.of(RECORD, 0.75)
    assert rule.coverage == 0.75
    np.testing.assert_array_equal(rule.limit, [0.7, 0.6])
    probability = np.tile(np.array([[0.34, 0.5, 0.16]], np.float32), (3, 1))
    members = rule.members(probability, np.array([1, 1, 1]), np.array([99, 100, 5000]))
    np.testing.assert_array_equal(members, [[True, True, False], [False, True, False], [False, True, False]])
    np.testing.assert_array_equal(LabelSets.of(RECORD, 0.9).limit, [0.9, 0.8])


def test_sets_grow_with_the_coverage_and_are_never_empty():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(5), 200).astype(np.float32)
    nearest, detected = probability.argmax(axis=1), rng.integers(300, size=200)
    smaller, larger = (LabelSets.of(RECORD, each).members(probability, nearest, detected) for each in (0.5, 0.9))
    assert (smaller.sum(axis=1) == 1).all()
    assert (larger >= smaller).all()
    assert larger.sum() > smaller.sum()


@pytest.mark.parametrize("coverage", [0.3, 0.95, 90, float("nan")])
def test_other_coverages_are_rejected(coverage):
    with pytest.raises(QueryError, match=r"coverage of label sets must be from 0\.5 to 0\.9 in this space, got"):
        LabelSets.of(RECORD, coverage)


def test_labels_are_joined_in_the_order_of_the_space():
    members = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]], bool)
    names = set_names(members, COLUMNS[0].labels)
    assert names.tolist() == ["CD4 T|CD8 T", "B", "", "CD4 T|CD8 T", "CD4 T|CD8 T|NK|B"]


def test_what_a_set_shares_is_its_finest_common_level():
    members = np.array(
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], bool
    )
    assert common_names(members, COLUMNS).tolist() == ["CD4 T", "T", "TNK", "B", "", "", ""]
    flat = (LabelColumn(name="type", labels=["a", "b"]),)
    assert common_names(np.array([[True, False], [True, True]]), flat).tolist() == ["a", ""]
