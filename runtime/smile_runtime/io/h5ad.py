"""h5ad files: read with clear errors, written completely or not at all."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smile_runtime.io.atomic_files import atomic_path
from smile_runtime.io.file_format import require_path
from smile_runtime.io.hdf5_reading import probe_hdf5, reading
from smile_runtime.io.signals import signals_deferred

if TYPE_CHECKING:
    import h5py
    from anndata import AnnData


def read_h5ad(path: Path) -> "AnnData":
    """Read an h5ad file.

    Raises
    ------
    QueryError
        If the file is missing, damaged or not h5ad.
    """
    import anndata

    require_path(path, "an .h5ad file")
    probe_hdf5(path, "h5ad")
    with reading(path, "h5ad"):
        return anndata.read_h5ad(path)


def write_h5ad(adata: "AnnData", path: Path) -> None:
    """Write an h5ad file, completely or not at all.

    Raises
    ------
    OutputError
        If the system rejects a write: missing folder, no permission, no space left.
    """
    from anndata.io import write_elem

    with atomic_path(path) as partial, open_hdf5(partial, "w") as file:
        write_elem(file, "/", adata, dataset_kwargs={"compression": "gzip"})


@contextmanager
def open_hdf5(path: Path, mode: Literal["w", "r+"]) -> "Iterator[h5py.File]":
    """Open an HDF5 file for writing; a failed write is raised once, when the file is closed.

    Signals are deferred until then: HDF5 calls back into Python to write, and crashes on, or drops, an exception there.

    Raises
    ------
    OSError
        If the system rejects a write.
    """
    import h5py

    with signals_deferred(), _ErrorKeepingFile(path, {"w": "w+", "r+": "r+"}[mode]) as file:
        try:
            with h5py.File(file, mode) as h5:
                yield h5
        finally:
            if file.error is not None:
                raise file.error


class _ErrorKeepingFile(io.FileIO):
    """A file that stores the first write error instead of raising it.

    HDF5 retries a failed write when the process exits, and crashes it.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:  # noqa: ANN401 (any buffer)
        """Write all of the data, or store the error."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Change the size, or store the error."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0
