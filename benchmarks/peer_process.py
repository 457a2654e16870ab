"""Processes measured on one thread, in virtual environments of their own: peers need packages that conflict."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ONE_THREAD = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")},
    "OMP_WAIT_POLICY": "PASSIVE",
}


class PeerError(Exception):
    """A peer that could not be installed, failed or ran out of its time."""


def measure_apart(
    command: list[str],
    environment: Path,
    packages: list[str],
    *,
    python: str = sys.executable,
    limit: int | None = None,
) -> dict[str, Any]:
    """Return the figures that a script prints as JSON in an environment, and what it took; or the reason for none.

    Parameters
    ----------
    command
        Path of the script, and its arguments.
    environment
        Folder of the virtual environment; made if it does not exist.
    packages
        Packages that are installed; with none, the Python at hand runs the script.
    python
        Python of the environment.
    limit
        CPU seconds that the script may take.
    """
    try:
        python = make_environment(environment, packages, python) if packages else python
        used, printed = measure_process([python, "-E", "-W", "ignore", *command], limit)  # -E: no PYTHONPATH
    except PeerError as error:
        return {"reason": str(error)}
    return {**used, **json.loads(printed.splitlines()[-1])}


def make_environment(folder: Path, packages: list[str], python: str) -> str:
    """Return the Python of the virtual environment in a folder, which has these packages afterwards.

    Raises
    ------
    PeerError
        If it cannot be made.
    """
    installed = str(folder / "bin/python")
    made = subprocess.run([python, "-m", "venv", folder], capture_output=True, text=True)
    if not made.returncode:
        install = [installed, "-m", "pip", "install", "--quiet", *packages]
        made = subprocess.run(install, capture_output=True, text=True)
    if made.returncode:
        raise PeerError(f"not installed: {_last_line(made.stderr)}")
    return installed


def measure_process(command: list[str], limit: int | None = None) -> tuple[dict[str, float], str]:
    """Return the CPU seconds and the peak memory in MB of a process on one thread, and what it printed.

    Raises
    ------
    PeerError
        If it fails or takes more CPU seconds than the limit.
    """

    def set_limit() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))

    environment = {**os.environ, **ONE_THREAD}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=errors, preexec_fn=set_limit)
        _, status, used = os.wait4(process.pid, 0)
        for file in (output, errors):
            file.seek(0)
        printed, complaints = output.read(), errors.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = used.ru_utime + used.ru_stime
    if process.returncode:
        late = limit is not None and seconds >= limit
        raise PeerError(f"stopped after {limit:,} s of CPU time" if late else f"failed: {_last_line(complaints)}")
    return {"CPU": seconds, "peak, MB": used.ru_maxrss / 1e3}, printed


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no message")
