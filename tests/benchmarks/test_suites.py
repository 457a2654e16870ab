"""Rows and tables of figures by other suites, and ours by their definitions."""

import numpy as np
import pandas as pd
import pytest
import suite_rows
import suites_page
from sklearn.metrics import f1_score
from their_definitions import macro_f1_over_all, simpson_index


def row(figure: str, ours: float | None, theirs: float, method: str = "smile", **more: float) -> dict:
    about = {"suite": "openproblems", "kind": "integration", "set": "skin", "method": method, "figure": figure}
    return {**about, "ours": ours, "theirs": theirs, **more}


def test_rows_of_the_same_output_are_replaced_and_others_kept(tmp_path):
    path = tmp_path / "suites.json"
    suite_rows.keep_rows([row("nmi", 0.5, 0.6), row("ari", 0.1, 0.1)], path)
    suite_rows.keep_rows([row("nmi", 0.5, 0.6, defined=0.6)], path)
    kept = suite_rows.read_rows(path)
    assert [(each["figure"], each.get("defined")) for each in kept] == [("ari", None), ("nmi", 0.6)]


def test_differences_are_explained_or_said_not_to_be():
    rows = [
        row("bras", 0.5, 0.5 + 1e-9),
        row("nmi", 0.5, 0.6, defined=0.6),
        row("ari", 0.5, 0.4),
        row("isolated_labels", 0.5, 0.4),
        row("graph_connectivity", None, 0.8),
        row("graph_connectivity", None, 0.9, method="harmony"),
    ]
    text = "\n".join(suites_page.section(rows, {"integration": {"harmony": "Harmony", "smile": "ours"}}))
    assert "| openproblems | integration | bras | 1 | 1e-09 |  |  |" in text
    assert "| openproblems | integration | nmi | 1 | 0.1 | 0 | the best of 7" in text
    assert "| openproblems | integration | ari | 1 | 0.1 | - | that of" in text
    assert "| isolated_labels | 1 | 0.1 | - | **not explained** |" in text
    assert "| Harmony | 1 | 0.900 |\n| ours | 1 | 0.800 |" in text


def test_simpson_index_of_equal_and_of_nearest_neighbors():
    codes = np.repeat([0, 1, 2], 30)
    assert simpson_index(np.linspace(1, 2, 90), np.tile([0, 1, 2], 30)) == pytest.approx(1 / 3, abs=0.01)
    near_first = np.where(codes == 0, 1.0, 1e9)
    assert simpson_index(near_first, codes) == pytest.approx(1.0)
    assert simpson_index(np.where(codes == 0, np.inf, 1.0), codes) == 1.0


def test_macro_f1_over_all_labels_is_that_of_sklearn(tmp_path):
    true, label = list("aaabbb"), list("aabbbc")
    table = pd.DataFrame({"true": [*true, "d"], "label": [*label, "a"], "known": [True] * 6 + [False]})
    table.to_csv(tmp_path / "labels.csv", index_label="cell")
    assert macro_f1_over_all(tmp_path / "labels.csv") == pytest.approx(f1_score(true, label, average="macro"))
