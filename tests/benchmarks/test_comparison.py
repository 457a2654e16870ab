"""Summary and page of `benchmarks/peers`, from fabricated results."""

import json

import numpy as np
import page
import pytest
from comparison_tables import behind
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
    assert list(behind(summary["rows"], titles)) == [
        "accuracy in `skin`: CellTypist (20.0 points)",
        "accuracy, mean rank: CellTypist (1.0) before smile-zoo (2.5)",
    ]
    page.write_page({"transfer": summary}, tmp_path / "comparison.md")
    text = (tmp_path / "comparison.md").read_text()
    assert "- Labels, accuracy in `skin`: CellTypist (20.0 points)" in text.split("\n\n")[2]
    assert "| skin | 2 | 0.800 | 0.800 | **1.000** |" in text
    assert "| CellTypist | marrow | stopped after 600 s of CPU time |" in text
    assert (tmp_path / "comparison/transfer-accuracy.svg").exists()


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
    assert mean_ranks({"ours": ours, "other": other}, "accuracy") == {"ours": 1.0, "other": 2.0}


def test_exponent_of_the_two_largest_sizes():
    assert exponent([(1_000, 5.0), (10_000, 10.0), (100_000, 1000.0)]) == pytest.approx(2.0)
    assert exponent([(1_000, 5.0)]) is None
