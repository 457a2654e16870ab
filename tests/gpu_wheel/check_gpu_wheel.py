"""Check the GPU build of ONNX Runtime on a machine without CUDA; run by ``make test-gpu-wheel``."""

import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import smile_zoo

ON_THE_CPU = "CUDA does not work here, running on the CPU; `smile-zoo doctor` shows why, device 'cpu' silences this\n"
REFUSED = "CUDA does not work: ONNX Runtime could not start it here"

command = Path(sys.executable).with_name("smile-zoo")
query = Path(smile_zoo.__file__).parent / "demo/query.h5ad"
without_gpu = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``smile-zoo`` with no GPU visible."""
    return subprocess.run([command, *arguments], env=without_gpu, capture_output=True, text=True, check=False)


def project(device: str, output: Path) -> subprocess.CompletedProcess[str]:
    """Project the packaged query on a device."""
    return run("project", query, "pbmc", "-o", output, "--target-sum", "10000", "--device", device, "--json")


def without_match(text: str) -> str:
    """Return what was printed after the line that says how many of the features the query measured."""
    match, *others = text.splitlines(keepends=True)
    assert match.startswith("the query measured only "), text
    return "".join(others)


with tempfile.TemporaryDirectory() as folder:
    for device, warning in (("auto", ON_THE_CPU), ("cpu", "")):
        done = project(device, Path(folder) / f"{device}.h5ad")
        assert (done.returncode, without_match(done.stderr)) == (0, warning), done
        assert json.loads(done.stdout)["provider"] == "CPUExecutionProvider", done
    done = project("cuda", Path(folder) / "cuda.h5ad")
    error = without_match(done.stderr)
    assert (done.returncode, done.stdout, error.count("\n")) == (1, "", 1), done
    assert error.startswith(f"Error: {REFUSED}"), done
    assert "nvidia-smi" in done.stderr, done
    assert "pip install 'smile-zoo[gpu]'" in done.stderr, done
    assert "--device cpu" in done.stderr, done
    assert sorted(path.name for path in Path(folder).iterdir()) == ["auto.h5ad", "cpu.h5ad"]

done = run("doctor", "--json")
findings = json.loads(done.stdout)
version = metadata.version("onnxruntime-gpu")
assert (done.returncode, done.stderr) == (0, ""), done
assert findings["onnxruntime packages"] == {"onnxruntime-gpu": version}, findings
assert "CUDAExecutionProvider" in findings["providers built in"], findings
assert findings["device cpu"] == "works, with CPUExecutionProvider", findings
assert findings["device cuda"].startswith(REFUSED), findings

done = run("verify", "pbmc")  # compares the embedding with torch's, as for the CPU build
assert (done.returncode, done.stderr) == (0, ON_THE_CPU), done
print(f"onnxruntime-gpu {version} without CUDA; {done.stdout}")
