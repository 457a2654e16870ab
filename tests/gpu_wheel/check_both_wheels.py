"""Check the errors for two builds of ONNX Runtime in one environment, and for the remains after uninstalling one."""

import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import smile_zoo

BOTH = "onnxruntime and onnxruntime-gpu are both installed and overwrite one another; keep one: "
EMPTY = "ONNX Runtime is an empty folder"
REINSTALL = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'smile-zoo[cpu]' (or 'smile-zoo[gpu]')"

command = Path(sys.executable).with_name("smile-zoo")
query = Path(smile_zoo.__file__).parent / "demo/query.h5ad"
offline = {**os.environ, "HF_HUB_OFFLINE": "1"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``smile-zoo``."""
    return subprocess.run([command, *arguments], env=offline, capture_output=True, text=True, check=False)


def check_refused(cause: str, packages: set[str]) -> None:
    """Check that `project` and `doctor` report the cause and the command that repairs it."""
    with tempfile.TemporaryDirectory() as folder:
        done = run("project", query, "pbmc", "-o", Path(folder) / "out.h5ad")
        match, *error = done.stderr.splitlines()
        assert match.startswith("the query measured only "), done
        assert (done.returncode, done.stdout, len(error)) == (1, "", 1), done
        assert error[0].startswith(f"Error: {cause}"), done
        assert REINSTALL in error[0], done
        assert list(Path(folder).iterdir()) == []
    done = run("doctor", "--json")
    findings = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, ""), done
    assert set(findings["onnxruntime packages"]) == packages, findings
    for device in ("cpu", "cuda"):
        assert findings[f"device {device}"].startswith(cause), findings
        assert REINSTALL in findings[f"device {device}"], findings


versions = [f"{name} {metadata.version(name)}" for name in ("onnxruntime-gpu", "onnxruntime")]
check_refused(BOTH, {"onnxruntime", "onnxruntime-gpu"})
subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "onnxruntime"], check=True)
check_refused(EMPTY, {"onnxruntime-gpu"})
print(f"{' and '.join(versions)} in one environment: refused, and so are the remains of one")
