"""Probing of HDF5 files in a process of its own, because damage can make HDF5 crash or loop for ever."""

import json
import logging
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

PROBE_SECONDS = 30  # a real file takes less than one
PROBE_BYTES_PER_SECOND = 50_000_000  # adds time for a large file on a slow disk
_ALARM = 14  # the signal that the probe sends itself when its time is over
_WINDOWS_CRASH = 0xC0000000
_PROBE = Path(__file__).with_name("hdf5_probe.py")


def report_on_hdf5(path: Path) -> dict[str, Any]:
    """Return what the probe found in a file: ``error``, or ``unwritten``; a file is probed once until it changes."""
    status = path.stat()
    return _report(path.absolute(), (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))


@lru_cache(maxsize=64)
def _report(path: Path, _status: tuple[int, ...]) -> dict[str, Any]:
    seconds = PROBE_SECONDS + path.stat().st_size // PROBE_BYTES_PER_SECOND
    with _start_probe(path, seconds) as process:
        try:
            import anndata  # noqa: F401 (imported meanwhile, because it is needed next)

            output, messages = process.communicate(timeout=seconds + 5)
        except subprocess.TimeoutExpired:
            return {"error": f"HDF5 does not finish reading it in {seconds} s"}
        finally:
            process.kill()
    if process.returncode == 0:
        report: dict[str, Any] = json.loads(output)
        return report
    if process.returncode == -_ALARM:
        return {"error": f"HDF5 does not finish reading it in {seconds} s"}
    if not 0 < process.returncode < _WINDOWS_CRASH:
        return {"error": f"HDF5 crashes reading it (status {process.returncode})"}
    logger.warning("cannot probe %s for damage (%s)", path, messages.strip().rpartition("\n")[2])
    return {"unwritten": {}}


def _start_probe(path: Path, seconds: int) -> "subprocess.Popen[str]":
    # -P: the folder of the program holds modules that must not hide others.
    command = [sys.executable, "-P", str(_PROBE), str(path.absolute()), str(seconds)]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
