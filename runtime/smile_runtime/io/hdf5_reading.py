"""HDF5 files opened for reading, once a process of its own has probed them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import SmileError
from smile_runtime.io.file_format import unreadable_file
from smile_runtime.io.hdf5_report import report_on_hdf5
from smile_runtime.io.number_words import counted

if TYPE_CHECKING:
    import h5py

logger = logging.getLogger(__name__)


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
    report = report_on_hdf5(path)
    if "error" in report:
        raise unreadable_file(path, kind, report["error"])
    for name, (n_missing, n_expected) in report["unwritten"].items():
        logger.warning(
            "%s in %s lacks %s (never written); values there are read as zeros, correct only if they are zero",
            name,
            path,
            counted(n_missing, "chunk", of=n_expected),
        )
