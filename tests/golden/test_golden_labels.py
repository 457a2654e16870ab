"""The labels of real cells, and the versions of ONNX Runtime that must give them."""

import re
import sys
import tomllib
from pathlib import Path

import golden_labels
import pytest
from golden_labels import (
    DEMO,
    DEMO_SPACE,
    GOLDEN,
    ROOT,
    SPACES,
    GoldenQuery,
    differing_rows,
    golden_queries,
    read_table,
)

QUERIES = list(golden_queries())
COMMAND = "python tests/golden/golden_labels.py"


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_labels_are_the_golden_ones(query: GoldenQuery, request: pytest.FixtureRequest) -> None:
    assert query.table.is_file(), f"{query} has no golden labels; write them with: {COMMAND} {query.space}"
    data = request.getfixturevalue("data_folder") if query.needs_data else ROOT
    golden, found = read_table(query.table), query.labels(data)
    assert [row[0] for row in found] == [row[0] for row in golden], f"{query} has other cells; {_advice(query)}"
    assert found[0] == golden[0], f"{query} has other label columns; {_advice(query)}"
    differing = differing_rows(golden, found)
    lines = "".join(f"\n- {' '.join(old)}\n+ {' '.join(new)}" for old, new in differing[:5])
    assert not differing, f"{len(differing)} of {len(golden) - 1} cells of {query} changed; {_advice(query)}{lines}"


def _advice(query: GoldenQuery) -> str:
    return f"if this is meant, write them anew: {COMMAND} {query.space}"


def test_every_table_belongs_to_a_packaged_space() -> None:
    assert {table.relative_to(GOLDEN) for table in GOLDEN.glob("*/*")} == {
        query.table.relative_to(GOLDEN) for query in QUERIES
    }, f"run: {COMMAND}"
    assert {query.space for query in QUERIES} == {path.parent.name for path in SPACES.glob("*/config.json")}


@pytest.mark.parametrize(
    ("row", "changed"),
    [
        (["a", "T", "T", "0.91"], False),  # rounded in the other direction
        (["a", "T", "T", "0.88"], True),
        (["a", "unknown", "T", "0.90"], True),
        (["a", "T", "B", "0.90"], True),
        (["b", "T", "T", "0.90"], True),
    ],
)
def test_changed_labels_and_confidences_are_noticed(row: list[str], changed: bool) -> None:
    header = ["cell", "smile_label", "smile_nearest_label", "smile_confidence"]
    golden = ["a", "T", "T", "0.90"]
    assert differing_rows([header, golden], [header, row]) == ([(golden, row)] if changed else [])


def test_script_writes_the_named_spaces_and_removes_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = GoldenQuery(DEMO_SPACE, "demo", "rna", (DEMO,))
    monkeypatch.setattr(golden_labels, "GOLDEN", tmp_path)
    monkeypatch.setattr(golden_labels, "golden_queries", lambda names: [demo] if DEMO_SPACE in names else [])
    for table in (tmp_path / "other/rna.tsv", tmp_path / "gone/rna.tsv", tmp_path / DEMO_SPACE / "gone.tsv"):
        table.parent.mkdir()
        table.write_text("old\n", "utf-8")
    monkeypatch.setattr(sys, "argv", ["golden_labels.py", DEMO_SPACE, "gone"])
    golden_labels.main()
    tables = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*"))
    assert tables == ["other/rna.tsv", f"{DEMO_SPACE}/demo.tsv"]
    written = read_table(demo.table)
    assert written == demo.labels(ROOT)
    assert len(written) == 101  # the header, and every second of 200 cells


def test_oldest_tested_runtime_is_the_oldest_allowed_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (allowed,) = project["optional-dependencies"]["cpu"]
    oldest = (GOLDEN / "oldest.txt").read_text("utf-8")
    tested = re.search(r"^onnxruntime==(.*)\.0$", oldest, re.MULTILINE)
    assert tested is not None
    assert allowed.startswith(f"onnxruntime>={tested[1]},")
