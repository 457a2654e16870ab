"""Labels of clusters, against hand-computed numbers."""

import numpy as np
import pytest

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import Records, record_dtype
from smile_runtime.results import Batches, ClusterCounts, ClusterLabel
from smile_runtime.results.cluster_labels import cluster_columns

COLUMNS = (
    LabelColumn(name="type", labels=["CD4 T", "CD8 T", "NK", "B"], within="broad", parents=[0, 0, 1, -1]),
    LabelColumn(name="broad", labels=["T", "NK"]),
)


def records(probability: list[list[float]], label: list[int]) -> Records:
    result = np.zeros(len(label), record_dtype(2, 2, 4))
    result["probability"] = probability
    result["label"][:, 0] = label
    return result


def label_of(probability: list[list[float]], label: list[int]) -> ClusterLabel:
    clusters = ClusterCounts(Batches(("0",), np.zeros(len(label), int)), COLUMNS)
    clusters.add(slice(0, len(label)), records(probability, label))
    (result,) = clusters.labels()
    return result


def test_label_is_that_of_the_highest_mean_probability():
    result = label_of([[0.8, 0.1, 0.1, 0], [0.5, 0.2, 0.2, 0.1], [0.2, 0.45, 0.25, 0.1]], [0, 0, 1])
    assert (result.label, result.column, result.n_cells) == ("CD4 T", "type", 3)
    assert result.confidence == pytest.approx(0.5)
    assert (result.fraction_other, result.fraction_unknown) == (pytest.approx(1 / 3), 0)
    assert [label for label, _ in result.nearest] == ["CD4 T", "CD8 T", "NK"]
    assert [probability for _, probability in result.nearest] == pytest.approx([0.5, 0.25, 0.55 / 3])


def test_two_close_labels_give_their_coarser_one():
    result = label_of([[0.51, 0.44, 0.05, 0]], [0])
    assert (result.label, result.column) == ("T", "broad")
    assert result.confidence == pytest.approx(0.95)
    assert result.fraction_other == 0


def test_close_labels_of_different_kinds_are_mixed():
    result = label_of([[0.51, 0, 0, 0.49], [0.51, 0, 0, 0.49]], [0, 3])
    assert (result.label, result.column, result.fraction_other) == ("mixed", "", 0.5)
    assert result.confidence is None


def test_a_cluster_of_mostly_unknown_cells_is_unknown():
    result = label_of([[0.9, 0.1, 0, 0]] * 3, [-1, -1, 0])
    assert (result.label, result.fraction_unknown) == ("unknown", pytest.approx(2 / 3))
    assert (result.confidence, result.fraction_other) == (None, None)
    columns = cluster_columns([result, label_of([[0.8, 0.1, 0.1, 0]], [0])])
    np.testing.assert_allclose(columns["confidence"], [np.nan, 0.8])
    np.testing.assert_allclose(columns["fraction_other"], [np.nan, 0])
    assert result.nearest[0] == ("CD4 T", pytest.approx(0.9))


def test_unknown_cells_count_as_other_than_the_label():
    result = label_of([[0.9, 0.1, 0, 0]] * 4, [-1, 0, 0, 1])
    assert (result.label, result.fraction_other, result.fraction_unknown) == ("CD4 T", 0.5, 0.25)


def test_sums_do_not_depend_on_the_blocks():
    rng = np.random.default_rng(0)
    n = 5000
    cells = records(rng.dirichlet(np.ones(4), n).tolist(), rng.integers(-1, 4, n).tolist())
    batches = Batches(("a", "b", "empty"), rng.integers(-1, 2, n))
    results = []
    for size in (1, 37, n):
        clusters = ClusterCounts(batches, COLUMNS)
        for start in range(0, n, size):
            clusters.add(slice(start, start + size), cells[start : start + size])
        results.append(clusters.labels())
    assert results[0] == results[1] == results[2]
    assert [each.cluster for each in results[0]] == ["a", "b"]
    assert sum(each.n_cells for each in results[0]) == (batches.ids >= 0).sum()
