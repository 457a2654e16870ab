"""Summary and page of `benchmarks/peers`, from fabricated results."""

import json

import numpy as np
import page
import pytest
from behind import Behind, sentence
from comparison_tables import (
    behind,
    cost_table,
    rows_of_metric,
    spread_over_seeds,
    strangers_table,
    with_stranger_score,
)
from over_sets import compare, mean_ranks
from plots import exponent
from summary import summarize

TRUE = ["a"] * 60 + ["b"] * 40


def write_result(folder, name, method, labels, seed=0, **more):
    (folder / "transfer" / name).mkdir(parents=True, exist_ok=True)
    right = float(np.mean(np.array(labels) == TRUE))
    record = {"set": name, "method": method, "seed": seed, "version": "1", "metrics": {"accuracy": right}, **more}
    start = folder / "transfer" / name / f"{method}-{seed}"
    start.with_suffix(".json").write_text(json.dumps(record))
    rows = [f"c{i},{label},,{true},True" for i, (label, true) in enumerate(zip(labels, TRUE, strict=True))]
    start.with_name(f"{start.name}-labels.csv").write_text("\n".join(["cell,label,confidence,true,known", *rows]))


@pytest.fixture
def results(tmp_path):
    """Return a folder of results in which CellTypist is ahead of ours in one set, and fails in another."""
    unknown = ["unknown"] * 20 + TRUE[20:]
    write_result(tmp_path, "skin", "smile", unknown, cpu_s=3.0)
    write_result(tmp_path, "skin", "celltypist", TRUE)
    write_result(tmp_path, "skin", "knn", ["b"] * 20 + TRUE[20:])
    write_result(tmp_path, "skin", "smile", unknown, seed=1, cpu_s=5.0)
    write_result(tmp_path, "skin", "celltypist", TRUE, seed=1)
    failed = {"set": "marrow", "method": "celltypist", "seed": 0, "reason": "stopped after 600 s of CPU time"}
    (tmp_path / "transfer/marrow").mkdir()
    (tmp_path / "transfer/marrow/celltypist-0.json").write_text(json.dumps(failed))
    return tmp_path


def test_summary_takes_means_over_seeds_and_pairs_cells(results):
    summary = summarize(results, "transfer")
    rows = {(row["set"], row["method"]): row for row in summary["rows"]}
    ours, theirs = rows["skin", "smile"], rows["skin", "celltypist"]
    assert (ours["seeds"], ours["metrics"]["accuracy"], ours["costs"]["cpu_s"]) == ([0, 1], 0.8, 4.0)
    low, high = theirs["leads"]["accuracy"]
    assert -0.3 < low < -0.2 < high < -0.1
    assert rows["skin", "knn"]["leads"]["accuracy"] == [0.0, 0.0]  # wrong and unknown count alike
    low, high = rows["skin", "knn"]["leads"]["macro_f1"]
    assert low > 0  # a wrong label takes from the other type, too
    assert rows["marrow", "celltypist"]["reason"] == "stopped after 600 s of CPU time"
    assert "marrow" not in summary["not_run"]
    assert "cell-lines" in summary["not_run"]


def test_page_says_first_where_ours_is_behind(results, tmp_path):
    summary = summarize(results, "transfer")
    titles = {name: each["title"] for name, each in summary["methods"].items()}
    found = {(each.scope, each.method): each for each in behind(summary["rows"], titles)}
    assert found.keys() == {("set", "CellTypist"), ("rank", "CellTypist")}
    ahead = found["set", "CellTypist"]
    assert (ahead.metric, ahead.where, ahead.theirs, ahead.ours) == ("accuracy", "skin", 1.0, 0.8)
    assert (found["rank", "CellTypist"].theirs, found["rank", "CellTypist"].ours) == (1.0, 2.5)
    page.write_page({"transfer": summary}, tmp_path / "comparison.md")
    text = (tmp_path / "comparison.md").read_text()
    assert text.split("\n\n")[2] == (
        "- **Labels** (1 set): by mean rank in accuracy (CellTypist); in single sets, and how many, in accuracy "
        "(1 of 1)."
    )
    assert "| Labels | accuracy | skin | 0.800 | CellTypist 1.000 |" in text
    assert "| skin | 2 | 0.800 | 0.800 | **1.000** |" in text
    assert "| CellTypist | marrow | stopped after 600 s of CPU time |" in text
    assert (tmp_path / "comparison/transfer-accuracy.svg").exists()


def test_sentence_names_a_method_once_and_counts_those_beyond_four():
    def ahead(scope: str, method: str, where: str = "3 sets") -> Behind:
        return Behind(metric="accuracy", method=method, scope=scope, where=where, theirs=1.0, ours=0.5)

    found = [
        ahead("sets", "A"),
        *(ahead("rank", name) for name in "ABCDEF"),
        ahead("set", "A", "x"),
        ahead("set", "B", "x"),
    ]
    assert sentence("Labels", found, 7) == (
        "- **Labels** (7 sets): on average over sets in accuracy (A); by mean rank in accuracy (B, C, D, E and 1 more)"
        "; in single sets, and how many, in accuracy (1 of 7)."
    )
    assert sentence("Pairs", [], 2) == "- **Pairs** (2 sets): nowhere, as far as was run."


def test_our_own_variants_are_not_ahead_of_us():
    rows = [
        {"set": name, "method": method, "metrics": {"accuracy": value}}
        for name in "abc"
        for method, value in {"smile": 0.5, "smile-labels": 0.9, "smile-published": 0.8}.items()
    ]
    titles = {name: name for name in ("smile", "smile-labels", "smile-published")}
    assert {each.method for each in behind(rows, titles)} == {"smile-published"}


def row(name: str, method: str, **metrics: float) -> dict:
    return {"set": name, "method": method, "metrics": metrics, "seeds": [0]}


def test_strangers_are_compared_by_the_score_that_a_method_has_for_them():
    rows = [
        row("a-strangers", "smile", accuracy=0.9, auroc=0.6, auroc_novelty=0.8, unknown=0.1, unknown_strangers=0.5),
        row("a-strangers", "knn", accuracy=0.7, auroc=0.7, unknown=0.0, unknown_strangers=0.0),
        row("a", "smile", accuracy=0.5, auroc=0.1),
    ]
    scored = with_stranger_score(rows)
    assert [each["metrics"].get("stranger_score") for each in scored] == [0.8, 0.7, 0.1]
    assert [each["set"] for each in rows_of_metric(scored, "stranger_score")] == ["a-strangers", "a-strangers"]
    assert [each["set"] for each in rows_of_metric(scored, "accuracy")] == ["a"]
    table = strangers_table(scored, {"smile": "ours", "knn": "kNN"}).splitlines()
    assert table[2:] == [
        "| ours | 1 | 0.800 | 0.600 | 0.500 | 0.100 | 0.900 |",
        "| kNN | 1 | - | 0.700 | 0.000 | 0.000 | 0.700 |",
    ]


def test_costs_of_sizes_that_a_method_was_not_run_on_are_dashes():
    costs = {1_000: {"build_cpu_s": 2.0, "build_mb": 400.0}, 10_000: {"build_cpu_s": 20.0, "build_mb": 1600.0}}
    rows = [
        {"set": f"simulated-{size}", "method": method, "costs": each}
        for method, sizes in {"smile": (1_000, 10_000), "knn": (1_000,)}.items()
        for size, each in costs.items()
        if size in sizes
    ]
    table = cost_table(rows, {"smile": "ours", "knn": "kNN", "ingest": "ingest"}, "build").splitlines()
    assert table[0] == (
        "| method | CPU s, 1,000 cells | CPU s, 10,000 cells | exponent | peak MB, 1,000 cells | peak MB, 10,000 cells "
        "| exponent |"
    )
    assert table[2:] == ["| ours | 2 | 20 | 1.00 | 400 | 1,600 | 0.60 |", "| kNN | 2 | - | - | 400 | - | - |"]


def test_spread_over_splits_is_of_sets_that_have_several():
    rows = [
        {"method": "smile", "values": {"accuracy": [0.5, 0.7]}},
        {"method": "smile", "values": {"accuracy": [0.9]}},
        {"method": "knn", "values": {"accuracy": [0.9]}},
    ]
    assert spread_over_seeds(rows, "accuracy") == {"smile": pytest.approx(0.2 / 2**0.5)}


def test_comparison_over_sets():
    ours = dict(zip("abcdef", [0.9, 0.8, 0.7, 0.9, 0.8, 0.5], strict=True))
    other = {name: value - 0.1 for name, value in ours.items() if name != "f"}
    found = compare(ours, other, "accuracy")
    assert (found.n_sets, found.mean, found.other) == (5, pytest.approx(0.82), pytest.approx(0.72))
    assert found.interval == pytest.approx((0.1, 0.1))
    assert found.p == pytest.approx(2 / 2**5)
    assert compare(ours, other, "ece").interval == pytest.approx((-0.1, -0.1))  # lower is better
    uneven = {"a": 0.8, "b": 0.7, "c": 0.3}  # leads of 0.1, 0.1, 0.4
    assert compare(ours, uneven, "accuracy").interval == pytest.approx(
        (0.2 - 4.3027 * 0.1, 0.2 + 4.3027 * 0.1), abs=1e-4
    )
    few = {"a": 0.1}
    assert compare(ours, few, "accuracy").interval is None
    assert mean_ranks({"ours": ours, "other": other}, "accuracy") == ({"ours": 1.0, "other": 2.0}, 5)
    few |= {"b": 0.1}
    assert mean_ranks({"ours": ours, "other": other, "few": few}, "accuracy") == ({"ours": 1.0, "other": 2.0}, 5)
    assert mean_ranks({}, "accuracy") == ({}, 0)


def test_exponent_of_the_two_largest_sizes():
    assert exponent([(1_000, 5.0), (10_000, 10.0), (100_000, 1000.0)]) == pytest.approx(2.0)
    assert exponent([(1_000, 5.0)]) is None
