"""Check the installed wheel; ``make test-wheel`` runs this in an environment that has nothing else."""

import importlib.util
import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import smile_runtime
import smile_zoo

MOST_MEGABYTES = 500
MOST_SECONDS = 20

site_packages = Path(sysconfig.get_path("purelib"))
assert site_packages in Path(smile_zoo.__file__).parents, f"smile_zoo comes from {smile_zoo.__file__}, not the wheel"
assert importlib.util.find_spec("torch") is None, "the base install brought torch along"

megabytes = sum(path.stat().st_size for path in site_packages.rglob("*") if path.is_file()) / 1e6
assert megabytes < MOST_MEGABYTES, f"the base install takes {megabytes:.0f} MB"

command = Path(sys.executable).with_name("smile-zoo")
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    done = subprocess.run([command, "demo", "--json"], cwd=folder, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    summary = json.loads(done.stdout)
    assert summary["n_cells"] == 200, summary
    assert sorted(path.name for path in Path(folder).iterdir()) == ["demo.h5ad", "demo.png"]
assert seconds < MOST_SECONDS, f"the demo took {seconds:.1f} s"

verified = subprocess.run([command, "verify", "pbmc"], check=True, capture_output=True, text=True).stdout
trained = subprocess.run([command, "train", "x.toml"], capture_output=True, text=True, check=False)
assert trained.returncode == 1, trained
assert "pip install 'smile-zoo[train,cpu]'" in trained.stderr, trained.stderr
print(f"wheel: {megabytes:.0f} MB installed, demo in {seconds:.1f} s, smile_runtime from {smile_runtime.__file__}")
print(verified)
