"""Printed tables of clusters and known labels."""

import pytest

from smile_runtime.results import ClusterLabel, compare_labels
from smile_zoo.cli.outcomes import print_agreement, print_clusters


def printed(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_few_labels_are_a_table_with_dots_for_no_cells(capsys) -> None:
    print_agreement(compare_labels(["B", "B", "NK"], ["B", "NK", "NK"], ["B", "NK"]))
    rows = printed(capsys)
    assert rows[-3:] == [["KNOWN", "\\", "LABELED", "B", "NK"], ["B", "1", "1"], ["NK", ".", "1"]]


def test_many_labels_are_listed_by_pairs_that_occur(capsys) -> None:
    names = [f"T{number}" for number in range(13)]
    print_agreement(compare_labels([*names, "T0"], [*names, "T1"], names))
    rows = printed(capsys)
    start = rows.index(["KNOWN", "LABELED", "CELLS"])
    assert rows[start + 1 : start + 4] == [["T0", "T0", "1"], ["T0", "T1", "1"], ["T1", "T1", "1"]]
    assert len(rows) == start + 15


def test_an_unknown_cluster_agrees_with_nothing(capsys) -> None:
    nearest = (("B", 0.9),)
    unknown = ClusterLabel(
        cluster="0",
        n_cells=3,
        label="unknown",
        column="",
        confidence=None,
        fraction_other=None,
        fraction_unknown=1.0,
        nearest=nearest,
    )
    print_clusters([unknown])
    assert printed(capsys)[-1] == ["0", "3", "unknown", "-", "-", "1.000", "B", "0.90"]
