"""Check the wheel with the ``cpu`` extra, in an otherwise empty environment; run by ``make test-wheel``."""

import importlib.util
import json
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import smile_zoo

MAX_MEGABYTES = 535  # packages that others make, about 485, at most 25 for the spaces and 15 for the web page

site_packages = Path(sysconfig.get_path("purelib"))
assert site_packages in Path(smile_zoo.__file__).parents, f"smile_zoo comes from {smile_zoo.__file__}, not the wheel"
for package in ("torch", "onnx", "sklearn", "matplotlib"):
    assert importlib.util.find_spec(package) is None, f"the base install includes {package}"

megabytes = sum(path.stat().st_size for path in site_packages.rglob("*") if path.is_file()) / 1e6
assert megabytes < MAX_MEGABYTES, f"the base install takes {megabytes:.0f} MB"

command = Path(sys.executable).with_name("smile-zoo")
for arguments, extra in ((["demo"], "plot"), (["train", "recipe.toml"], "train,cpu")):
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert f"pip install 'smile-zoo[{extra}]'" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
listed = json.loads(subprocess.run([command, "list", "--json"], check=True, capture_output=True, text=True).stdout)
assert all(row["local"] for row in listed), listed
assert "pbmc" in {row["name"] for row in listed}, listed
with tempfile.TemporaryDirectory() as folder:
    site = Path(folder) / "site"
    subprocess.run([command, "web", "pbmc", "--export", site], check=True, capture_output=True)
    assert (site / "index.html").is_file(), "the wheel lacks the web page"
print(f"base install: {megabytes:.0f} MB")
