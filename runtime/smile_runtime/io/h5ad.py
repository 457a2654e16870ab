"""h5ad files: read with an error that says what is wrong, written whole or not at all."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smile_runtime.errors import QueryError
from smile_runtime.io.atomic_files import atomic_path
from smile_runtime.io.signals import interruptions_wait

if TYPE_CHECKING:
    import h5py
    from anndata import AnnData


def read_h5ad(path: Path) -> "AnnData":
    """Read the cells of an h5ad file.

    Raises
    ------
    QueryError
        If there is no such file, or it is damaged or no h5ad.
    """
    import anndata

    if not path.is_file():
        raise QueryError(f"there is no file {path}; give the path of an .h5ad file")
    try:
        return anndata.read_h5ad(path)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise QueryError(
            f"{path} cannot be read as h5ad: {reason}; it is truncated, of another format, or of a later anndata: "
            "copy or export it again, or upgrade anndata"
        ) from error


def write_h5ad(adata: "AnnData", path: Path) -> None:
    """Write cells to an h5ad file, whole or not at all.

    Raises
    ------
    OutputError
        If the system refuses a write: no such folder, no permission, no space left.
    """
    from anndata.io import write_elem

    with atomic_path(path) as partial, patient_file(partial, "w") as file:
        write_elem(file, "/", adata, dataset_kwargs={"compression": "gzip"})


@contextmanager
def patient_file(path: Path, mode: Literal["w", "r+"]) -> "Iterator[h5py.File]":
    """Open an HDF5 file to write in, such that an error of the system is raised once, and harms nothing else.

    Interruptions wait until it is closed: HDF5 calls Python to write, and crashes, or forgets them, if one is raised
    there.

    Raises
    ------
    OSError
        If the system refuses a write.
    """
    import h5py

    with interruptions_wait(), _PatientFile(path, {"w": "w+", "r+": "r+"}[mode]) as file:
        try:
            with h5py.File(file, mode) as h5:
                yield h5
        finally:
            if file.error is not None:
                raise file.error


class _PatientFile(io.FileIO):
    """A file that keeps the first error of a write to itself until it is asked for it.

    HDF5 crashes the process at exit where a file could not be written, for it then tries once more.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:  # noqa: ANN401 (any buffer)
        """Write all of the data, or remember why not."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Change the size, or remember why not."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0
