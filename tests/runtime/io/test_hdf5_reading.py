"""HDF5 files are probed in a process of their own, which may loop or crash without harm to this one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest

from smile_runtime.errors import QueryError
from smile_runtime.io import hdf5_report, open_probed_hdf5, probe_hdf5, read_h5ad, reading

LOOP = "while True: pass"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    anndata.AnnData(np.ones((20, 3), np.float32)).write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


@pytest.fixture
def probe_that(tmp_path, monkeypatch):
    """Return a function that replaces the probe by a program."""

    def replace(program: str) -> None:
        (tmp_path / "probe.py").write_text(program)
        monkeypatch.setattr(hdf5_report, "_PROBE", tmp_path / "probe.py")

    return replace


def test_sound_file_is_opened(path):
    with open_probed_hdf5(path, "h5ad") as file:
        assert file["X"].shape == (20, 3)
    assert read_h5ad(path).shape == (20, 3)


@pytest.mark.parametrize("read", [lambda path: probe_hdf5(path, "h5ad"), read_h5ad])
def test_a_read_without_end_is_an_error(path, probe_that, monkeypatch, read):
    monkeypatch.setattr(hdf5_report, "PROBE_SECONDS", 1)
    probe_that(f"import signal, sys; signal.alarm(int(sys.argv[2]))\n{LOOP}")
    with pytest.raises(QueryError, match=r"query\.h5ad cannot be read as h5ad: HDF5 does not finish reading it in 1 s"):
        read(path)


def test_strings_that_hdf5_never_finishes_reading_are_an_error(path, monkeypatch):
    """A first string without a number and a length is taken for free space, which HDF5 skips 0 bytes at a time."""
    content = bytearray(path.read_bytes())
    strings = content.index(b"GCOL")
    content[strings + 16 : strings + 32] = bytes(16)
    path.write_bytes(content)
    monkeypatch.setattr(hdf5_report, "PROBE_SECONDS", 5)
    with pytest.raises(QueryError, match="HDF5 does not finish reading it in 5 s"):
        read_h5ad(path)


def test_a_probe_that_outlives_its_alarm_is_killed(path, probe_that, monkeypatch):
    monkeypatch.setattr(hdf5_report, "PROBE_SECONDS", -4)
    probe_that(LOOP)
    with pytest.raises(QueryError, match="HDF5 does not finish reading it"):
        probe_hdf5(path, "h5ad")


def test_a_crash_is_an_error(path, probe_that):
    probe_that("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(QueryError, match=r"HDF5 crashes reading it \(status -11\)"):
        probe_hdf5(path, "h5ad")


def test_a_probe_that_cannot_run_is_a_warning(path, probe_that, caplog):
    probe_that("raise SystemExit('no h5py here')")
    probe_hdf5(path, "h5ad")
    assert "for damage (no h5py here)" in caplog.text


def test_an_interruption_ends_the_probe(path):
    program = f"""
from pathlib import Path
from smile_runtime.io import hdf5_report, probe_hdf5
probe = Path({str(path)!r}).with_name("probe.py")
probe.write_text("import time; print(1, flush=True); time.sleep(100)")
hdf5_report._PROBE = probe
probe_hdf5(Path({str(path)!r}), "h5ad")
"""
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=60)[1]


def test_missing_chunks_are_a_warning(path, caplog):
    with h5py.File(path, "r+") as file:
        attributes = dict(file["X"].attrs)
        del file["X"]
        array = file.create_dataset("X", (20, 3), "f4", chunks=(5, 3))
        array[:15] = 1
        array.attrs.update(attributes)
    read_h5ad(path)
    assert f"/X in {path} lacks 1 of 4 chunks (never written); values there are read as zeros" in caplog.text


def test_links_to_other_files_are_an_error(path):
    with h5py.File(path, "r+") as file:
        file["uns/other"] = h5py.ExternalLink("secret.h5", "/")
    with pytest.raises(QueryError, match=r"/uns/other is a link to the file 'secret\.h5', which is not followed"):
        read_h5ad(path)


@pytest.mark.parametrize("error", [KeyError("a"), RuntimeError(), MemoryError(), RecursionError("deep\nstack")])
def test_errors_of_a_read_are_one_line(tmp_path, error):
    with pytest.raises(QueryError) as caught, reading(tmp_path / "query.h5ad", "h5ad"):
        raise error
    assert "\n" not in caught.value.message
    assert "query.h5ad cannot be read as h5ad: " in caught.value.message


def test_known_errors_of_a_read_are_kept(tmp_path):
    with pytest.raises(QueryError, match=r"^kept$"), reading(tmp_path, "h5ad"):
        raise QueryError("kept")
