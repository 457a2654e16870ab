"""h5ad files: read with an error that says what is wrong, written whole or not at all."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_runtime.errors import QueryError
from smile_runtime.files import atomic_path

if TYPE_CHECKING:
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
    import h5py
    from anndata.io import write_elem

    with atomic_path(path) as partial, _PatientFile(partial, "w+") as file:
        try:
            with h5py.File(file, "w") as h5:
                write_elem(h5, "/", adata, dataset_kwargs={"compression": "gzip"})
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
