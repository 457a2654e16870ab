"""Agreement with known labels, against hand-computed numbers."""

import numpy as np
import pytest

from smile_runtime import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.results import AgreementCounts, compare_labels

LABELS = ["B", "CD4 T", "CD8 T", "NK"]
KNOWN = [*["B"] * 4, *["CD4 T"] * 5, "platelet", "platelet", None]
LABELED = ["B", "B", "B", "unknown", "CD4 T", "CD4 T", "CD8 T", "CD8 T", "B", "B", "unknown", "NK"]


def test_unknown_counts_as_wrong_and_other_types_count_apart():
    result = compare_labels(KNOWN, LABELED, LABELS)
    assert [(each.label, each.n_cells, each.n_right) for each in result.labels] == [("B", 4, 3), ("CD4 T", 5, 2)]
    assert (result.overall.n_cells, result.overall.accuracy) == (9, 5 / 9)
    assert result.confusion == {"B": {"B": 3, "unknown": 1}, "CD4 T": {"B": 1, "CD4 T": 2, "CD8 T": 2}}
    assert result.lacking == {"platelet": {"B": 1, "unknown": 1}}
    assert result.n_without == 1
    # B: 3 right of 4, and of 4 labeled B; CD4 T: 2 right of 5, and of 2 labeled so
    assert result.macro_f1 == pytest.approx((3 / 4 + 4 / 7) / 2)


def test_intervals_are_those_of_wilson():
    each = compare_labels(KNOWN, LABELED, LABELS).labels[0]
    z, n, p = 1.959964, 4, 3 / 4
    center, half = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert each.low == pytest.approx((center - half) / (1 + z**2 / n), abs=1e-6)
    assert each.high == pytest.approx((center + half) / (1 + z**2 / n), abs=1e-6)


def test_labels_are_compared_with_the_column_that_has_those_of_most_cells():
    columns = [
        LabelColumn(name="type", labels=LABELS, within="broad", parents=[0, 1, 1, 2]),
        LabelColumn(name="broad", labels=["B", "T", "NK"]),
    ]
    counts = AgreementCounts(["B", "T"], np.array([0, 1, 1, -1]), columns)
    assert counts.index == 1
    counts.add(slice(0, 2), np.array([0, 2]))
    counts.add(slice(2, 4), np.array([1, 1]))
    result = counts.result()
    assert (result.column, result.confusion, result.n_without) == ("broad", {"B": {"B": 1}, "T": {"T": 1, "NK": 1}}, 1)


def test_labels_that_the_space_lacks_altogether_are_rejected():
    message = r"none of the known labels \('b', 'nk'\); its labels are 'B', 'CD4 T', 'CD8 T', 'NK': rename .*\(truth\)"
    with pytest.raises(QueryError, match=message):
        compare_labels(["b", "nk"], ["B", "NK"], LABELS)
