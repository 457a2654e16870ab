"""The runner of `benchmarks/peers`, with tiny adapters that work, fail, hang or cannot be installed."""

import json
import sys

import environments
import method_table
import pytest
import run
from environments import PeerError, find_rscript, measure_process
from sets import KINDS, Kind

SCRIPTS = {
    "works.py": """
import sys
with open(sys.argv[2] + "/labels.csv", "w") as file:
    file.write(sys.argv[3])
print('log\\n{"version": "1"}')
""",
    "fails.py": "raise SystemExit('no such model')",
    "mute.py": "",
    "empty.py": "print('{}')",
}


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Return a call of the runner with tiny adapters, which returns the results by method and seed."""
    (tmp_path / "methods").mkdir()
    for name, code in SCRIPTS.items():
        (tmp_path / "methods" / name).write_text(code)
    methods = {
        name.removesuffix(".py"): method_table.Method(title=name, script=name, documentation="") for name in SCRIPTS
    }
    methods["missing"] = method_table.Method(title="missing", script="works.py", packages=["none"], documentation="")
    (tmp_path / "missing").write_text("a file where the environment should be")
    written = []

    def write_task(_data, name, seed, folder):
        written.append((name, seed))
        (folder / "query").write_text(name)
        return None if seed > 1 else f"{seed}"

    def measure(output, truth):
        return {"right": float((output / "labels.csv").read_text() == truth)}

    kind = Kind(names=("small", "large"), write_task=write_task, measure=measure, kept=("labels.csv",))
    monkeypatch.setattr(run, "SCRIPTS", tmp_path / "methods")
    monkeypatch.setattr(run, "load_kind", lambda _: kind)
    monkeypatch.setattr(run, "read_methods", lambda _: methods)

    def call(*options):
        written.clear()
        run.main(["transfer", ".", "-o", str(tmp_path / "out"), "--environments", str(tmp_path), *options])
        found = sorted((tmp_path / "out/transfer/small").glob("*.json"))
        return {path.stem: json.loads(path.read_text()) for path in found}

    call.written = written
    return call


def test_each_failure_is_a_row_with_its_reason_and_the_rest_runs(runner):
    found = runner("--sets", "small", "--seeds", "1")
    assert {name: row.get("reason") for name, row in found.items()} == {
        "empty-0": "did not write labels.csv",
        "fails-0": "failed: no such model",
        "missing-0": found["missing-0"]["reason"],
        "mute-0": "printed no figures as its last line",
        "works-0": None,
    }
    assert found["missing-0"]["reason"].startswith("not installed: ")
    works = found["works-0"]
    assert (
        works.items()
        >= {"set": "small", "method": "works", "seed": 0, "version": "1", "metrics": {"right": 1.0}}.items()
    )
    assert works["cpu_s"] > 0
    assert works["peak_mb"] > 1


def test_what_has_a_result_is_not_run_again_unless_asked_to(runner, tmp_path):
    runner("--sets", "small", "--methods", "works")
    assert runner.written == [("small", 0), ("small", 1), ("small", 2)]  # a set of two splits
    kept = tmp_path / "out/transfer/small/works-1-labels.csv"
    assert kept.read_text() == "1"
    kept.write_text("kept")
    runner("--sets", "small", "--methods", "works", "fails", "--seeds", "2")
    assert kept.read_text() == "kept"
    runner("--sets", "small", "--methods", "works", "--seeds", "2", "--again", "works")
    assert kept.read_text() == "1"


def test_unknown_names_are_refused(runner, capsys):
    with pytest.raises(SystemExit):
        runner("--sets", "smal")
    assert "smal: not among small, large" in capsys.readouterr().err


def test_a_process_that_hangs_is_stopped(monkeypatch):
    monkeypatch.setattr(environments, "WALL_SECONDS_PER_CPU_SECOND", 0.0001)
    with pytest.raises(PeerError, match=r"^stopped after \d+ s, of which \d+ s of CPU time$"):
        measure_process([sys.executable, "-c", "import time; time.sleep(60)"], 1000)


def test_a_process_that_computes_for_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(environments, "WALL_SECONDS_PER_CPU_SECOND", 1000)  # however busy the machine is
    with pytest.raises(PeerError, match=r"^stopped after 1 s of CPU time$"):
        measure_process([sys.executable, "-c", "while True: pass"], 1)


def test_a_process_that_needs_too_much_memory_is_stopped():
    with pytest.raises(PeerError, match=r"^failed: MemoryError$"):
        measure_process([sys.executable, "-c", "bytearray(3 << 30)"], 60, 1)


def test_the_reason_is_the_last_line_that_says_something():
    with pytest.raises(PeerError, match=r"^failed: Error: no package$"):
        measure_process([sys.executable, "-c", "raise SystemExit('Error: no package\\nExecution halted\\n')"])


def test_missing_debian_packages_are_named():
    with pytest.raises(PeerError, match=r"--no-install-recommends .*no-such-package"):
        find_rscript(["no-such-package"])


def test_every_method_of_the_table_has_its_adapter_and_pins():
    kinds = [kind for kind in KINDS if f"\n[{kind}." in method_table.METHODS.read_text()]
    methods = [method for kind in kinds for method in method_table.read_methods(kind).values()]
    assert len(methods) >= 6
    by_environment = {}
    for method in methods:
        assert method.documentation.startswith("https://")
        if method.script.endswith(".py"):
            assert all("==" in package for package in method.packages)
        if method.environment:
            assert by_environment.setdefault(method.environment, method.packages) == method.packages
