"""Check that the wheel runs the demo, in an otherwise empty environment; run by ``make test-wheel``."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

command = Path(sys.executable).with_name("smile-zoo")
with tempfile.TemporaryDirectory() as folder:
    start = time.perf_counter()
    done = subprocess.run([command, "demo", "--json"], cwd=folder, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert json.loads(done.stdout)["n_cells"] == 200, done.stdout
    assert sorted(path.name for path in Path(folder).iterdir()) == ["demo.h5ad", "demo.html", "demo.png"]

verified = subprocess.run([command, "verify", "pbmc"], check=True, capture_output=True, text=True).stdout
print(f"demo in {seconds:.1f} s; {verified}")
