"""A few tries of the sweep with garbage as answers; benchmarks/fuzz/endpoints.py makes more."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[3] / "benchmarks/fuzz/endpoints.py"


@pytest.fixture(scope="module")
def endpoints():
    spec = importlib.util.spec_from_file_location("fuzz_endpoints", MODULE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("command", "garbage", "first"),
    [
        (("pull", "org/pbmc"), "wrong types", 0),
        (("pull", "org/pbmc"), "odd headers", 1),
        (("pull", "org/pbmc"), "web page", 3),
        (("search", "--hub", "p"), "evil refusal", 1),
        (("doctor",), "bomb", 0),
    ],
)
def test_garbage_is_an_error_of_one_line(endpoints, command, garbage, first):
    assert endpoints.run(endpoints.Try(command, garbage, first, is_lasting=True), random.Random(0)) == []


def test_a_bad_ending_is_found(endpoints, tmp_path, monkeypatch):
    script = tmp_path / "command"
    script.write_text("#!/bin/sh\nprintf 'Traceback \\033[2J'; touch x.partial; exit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(endpoints, "COMMAND", script)
    problems = endpoints.run(endpoints.Try(("list",), "empty", 0, is_lasting=True), random.Random(0))
    assert len(problems) == 3
    assert [problem.split()[0] for problem in problems] == ["exit", "printed", "left"]
