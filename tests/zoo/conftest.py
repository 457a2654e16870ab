"""The command as a user runs it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anndata
import pytest

COMMAND = Path(sys.executable).with_name("smile-zoo")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of Hub files for this process and its commands, with the network off."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HF_HOME", str(folder))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``smile-zoo`` in an empty folder and return exit code, stdout and stderr."""

    def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )

    return run_command


@pytest.fixture
def query(counts: anndata.AnnData, tmp_path: Path) -> Path:
    """Simulated counts as an h5ad file."""
    path = tmp_path / "query.h5ad"
    counts.write_h5ad(path)
    return path
