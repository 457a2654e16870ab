"""HDF5 files opened for reading, once a process of its own has probed them."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_runtime.errors import QueryError, SmileError

if TYPE_CHECKING:
    import h5py

logger = logging.getLogger(__name__)

PROBE_SECONDS = 30  # a real file takes less than one
PROBE_BYTES_PER_SECOND = 50_000_000  # adds time for a large file on a slow disk
_ALARM = 14  # the signal that the probe sends itself when its time is over
_WINDOWS_CRASH = 0xC0000000
_PROBE = Path(__file__).with_name("hdf5_probe.py")


def unreadable_file(path: Path, kind: str, error: Exception | str) -> QueryError:
    """Return the error for a file that cannot be read as the given kind (``h5ad``, ``zarr``)."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return QueryError(
        f"{path} cannot be read as {kind}: {reason}; it is truncated, damaged, in another format, or from a later "
        "anndata: copy or export it again, or upgrade anndata"
    )


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn any error into a QueryError: the block should hold nothing but calls of libraries that read a file."""
    try:
        yield
    except SmileError:
        raise
    except Exception as error:
        raise unreadable_file(path, kind, error) from error


@contextmanager
def open_probed_hdf5(path: Path, kind: str) -> "Iterator[h5py.File]":
    """Open an HDF5 file for reading, after probing it; raises as `probe_hdf5` does."""
    probe_hdf5(path, kind)
    import h5py

    with reading(path, kind):
        file = h5py.File(path, "r")
    with file:
        yield file


def probe_hdf5(path: Path, kind: str) -> None:
    """Read the structure of an HDF5 file in another process; warn of arrays that were not completely written.

    Raises
    ------
    QueryError
        If the file is damaged or reads other files, or if HDF5 crashes or does not finish.
    """
    report = _report(path)
    if "error" in report:
        raise unreadable_file(path, kind, report["error"])
    for name, (n_missing, n_expected) in report["unwritten"].items():
        logger.warning(
            "%d of %d chunks of %s in %s were never written and read as zeros; correct only if those values are zero",
            n_missing,
            n_expected,
            name,
            path,
        )


def _report(path: Path) -> dict[str, Any]:
    """Return what the probe found: ``error``, or ``unwritten``."""
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
