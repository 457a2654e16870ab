"""Processes of peers, measured on one thread, in environments of their own: peers need packages that conflict."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ONE_THREAD = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")},
    "OMP_WAIT_POLICY": "PASSIVE",
}
WALL_SECONDS_PER_CPU_SECOND = 5  # so much may pass on a busy machine; beyond it, a process waits for something
SUITE_PACKAGES = [
    "jax==0.10.2",
    "scanpy==1.11.5",
    "anndata==0.12.19",
    "numpy==2.4.6",
    "pandas==2.3.3",
    "scipy==1.17.1",
]
"""What scib-metrics and the suites of others run on."""
_INSTALLED = "packages.json"


class PeerError(Exception):
    """A peer that could not be installed, failed or ran out of its time."""


def make_environment(folder: Path, packages: list[str], python: str = sys.executable) -> str:
    """Return the Python of a virtual environment that has these packages; make it unless it is there.

    Raises
    ------
    PeerError
        If it cannot be made.
    """
    installed, record = str(folder / "bin/python"), folder / _INSTALLED
    if record.exists() and json.loads(record.read_text("utf-8")) == packages:
        return installed
    shutil.rmtree(folder, ignore_errors=True)
    install = [installed, "-m", "pip", "install", "--quiet", "--no-compile", *packages]
    for command in ([python, "-m", "venv", str(folder)], install):
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise PeerError(f"not installed: {_last_line(made.stderr)}")
    record.write_text(json.dumps(packages), "utf-8")
    return installed


def find_rscript(packages: list[str]) -> str:
    """Return the command that runs R scripts, where these Debian packages are installed.

    Raises
    ------
    PeerError
        If one is missing.
    """
    state = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", "r-base-core", *packages]
    try:
        listed = subprocess.run(state, capture_output=True, text=True).stdout.split("\n")
    except FileNotFoundError:
        listed = []
    missing = [name for name in ("r-base-core", *packages) if f"{name} installed" not in listed]
    if missing:
        raise PeerError(f"not installed: run apt-get install --no-install-recommends {' '.join(missing)}")
    return "Rscript"


def measure_process(
    command: list[str], limit: int | None = None, memory_gb: int | None = None
) -> tuple[dict[str, float], str]:
    """Return the seconds and the peak memory in MB of a process on one thread, and what it printed.

    Parameters
    ----------
    command
        Program and arguments.
    limit
        CPU seconds that it may take, and a fifth of the wall seconds.
    memory_gb
        Memory that it may allocate.

    Raises
    ------
    PeerError
        If it fails or exceeds a limit.
    """

    def set_limits() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        if memory_gb is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_gb << 30, memory_gb << 30))

    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            env={**os.environ, **ONE_THREAD},
            stdout=output,
            stderr=errors,
            preexec_fn=set_limits,
            start_new_session=True,
        )
        timer = threading.Timer((limit or 0) * WALL_SECONDS_PER_CPU_SECOND, _kill_group, [process.pid])
        if limit is not None:
            timer.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
            _kill_group(process.pid)
        wall = time.monotonic() - start
        for file in (output, errors):
            file.seek(0)
        printed, complaints = output.read(), errors.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = used.ru_utime + used.ru_stime
    if process.returncode:
        killed = limit is not None and process.returncode == -signal.SIGKILL and seconds >= limit
        if killed or process.returncode == -signal.SIGXCPU:
            raise PeerError(f"stopped after {limit:,} s of CPU time")
        if limit is not None and wall >= limit * WALL_SECONDS_PER_CPU_SECOND:
            raise PeerError(f"stopped after {wall:,.0f} s, of which {seconds:,.0f} s of CPU time")
        raise PeerError(f"failed: {_last_line(complaints)}")
    return {"CPU": seconds, "wall": wall, "peak, MB": used.ru_maxrss / 1e3}, printed


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() not in ("", "Execution halted")]
    return lines[-1] if lines else "no message"
