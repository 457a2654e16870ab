"""A short run of the fuzzer of spaces: `verify` and `project` agree on whatever an author may write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_verify_and_project_agree():
    pytest.importorskip("onnx", reason="the extra `train` is not installed")
    command = [sys.executable, ROOT / "benchmarks/fuzz/spaces.py", "-n", "25", "--seed", "7"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=dict(os.environ))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "25 tries" in run.stdout
    assert "'accepted': 0" not in run.stdout
    assert run.stderr == ""
