"""Query files: h5ad, h5mu and zarr, opened for streaming."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Rows, StoredArray, StoredGroup, open_stored_matrix
from smile_runtime.errors import QueryError
from smile_runtime.formats import is_foreign, read_foreign
from smile_runtime.io import read_h5ad, require_path, unreadable_file, write_h5ad
from smile_runtime.query.hdf5_filters import require_filters
from smile_runtime.query.query import MatrixLocation
from smile_runtime.query.zarr_chunks import require_chunks, require_names

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

logger = logging.getLogger(__name__)

FileKind = Literal["h5ad", "h5mu", "zarr"]


@dataclass(frozen=True, eq=False)
class FileQuery:
    """Query cells in a file; the methods are those of `Query`.

    Attributes
    ----------
    path
        Path of the file, or of the folder of a zarr store.
    kind
        Kind of the file.
    root
        Root group of the file.
    table
        Path of the table of cells inside the file: empty, or for example ``mod/rna`` in an h5mu file.
    scratch
        Folder for transposed copies of CSC matrices; None for the system's temporary folder.
    """

    path: Path
    kind: FileKind
    root: StoredGroup
    table: str
    scratch: Path | None

    @property
    def group(self) -> StoredGroup:
        """Group of the table of cells."""
        return self.root[self.table] if self.table else self.root

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return int(_index(self.group["obs"]).shape[0])

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return list(self.group["layers"]) if "layers" in self.group else []

    @property
    def has_raw(self) -> bool:
        """Whether the query has ``raw``."""
        return all(name in self.group for name in ("raw", "raw/X", "raw/var"))

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features of the matrix at a location, one row each."""
        frame: pd.DataFrame = self._read("raw/var" if location.use_raw else "var")
        return frame

    def obs(self, column: str) -> "pd.Series[Any]":
        """Return a column of ``obs``.

        Raises
        ------
        QueryError
            If the column is missing.
        """
        import pandas as pd

        columns = [str(name) for name in self.group["obs"].attrs["column-order"]]
        if column not in columns:
            known = ", ".join(map(repr, columns)) or "none"
            raise QueryError(f"the query has no column {column!r} in obs; its columns are: {known}")
        return pd.Series(self._read(f"obs/{column}"))

    def obs_names(self, rows: slice) -> NDArray[np.object_]:
        """Return the names of a range of cells, shape ``(n,)``."""
        names = _index(self.group["obs"])
        read = names.asstr()[rows] if hasattr(names, "asstr") else names[rows]
        return np.asarray(read, dtype=object)

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the matrix at a location, shape ``(n_obs, n_vars)``; None if it is missing."""
        name = "raw/X" if location.use_raw else "X" if location.layer is None else f"layers/{location.layer}"
        if name not in self.group or str(self.group[name].attrs.get("encoding-type", "")) == "null":
            return None
        stored = self.group[name]
        if getattr(stored, "shape", ()) is None:  # an empty dataset of HDF5
            return None
        require_chunks(stored, self.path)
        matrix = open_stored_matrix(stored, self.scratch)
        n_vars = len(self.var(location))
        if tuple(matrix.shape) != (self.n_obs, n_vars):
            raise QueryError(
                f"{name} in {self.path} has shape {tuple(matrix.shape)} for {self.n_obs:,} cells and {n_vars:,} "
                "features; the file is damaged, copy or export it again"
            )
        return matrix

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether ``obs``, ``obsm`` or ``uns`` has a key."""
        return attribute in self.group and key in self.group[attribute]

    def _read(self, name: str) -> Any:  # noqa: ANN401 (whatever is stored there)
        from anndata.io import read_elem

        return read_elem(self.group[name])


@contextmanager
def open_query(
    path: Path, modality: str, scratch: Path | None = None, known_features: Collection[str] = ()
) -> Iterator[FileQuery]:
    """Open a query file for reading.

    Parameters
    ----------
    path
        Path of an h5ad or h5mu file, of the folder of a zarr store, or of a file of another tool, which is converted in
        memory.
    modality
        Name of the table in an h5mu file.
    scratch
        Folder for transposed copies of CSC matrices, and for converted files; None for the system's temporary folder.
    known_features
        Feature ids that help to tell the features of a text table from its cells.

    Raises
    ------
    QueryError
        If the file is missing, damaged or in an unknown format, or lacks the table.
    DependencyError
        If its compression needs a package that is not installed.
    """
    require_path(path, "an .h5ad, .h5mu or .zarr file, of a Cell Ranger matrix, or of a table")
    if is_foreign(path):
        with (
            _converted(path, lambda path: read_foreign(path, known_features), scratch) as newer,
            open_query(newer, modality, scratch) as query,
        ):
            yield query
        return
    with _open_zarr(path) if path.is_dir() else _open_hdf5(path) as root:
        kind: FileKind = "zarr" if path.is_dir() else "h5mu" if "mod" in root else "h5ad"
        query = FileQuery(path, kind, root, _table(root, modality, path), scratch)
        if kind == "h5ad" and _is_old(root):
            logger.warning("%s was written by anndata before 0.7; converting it in memory first", path)
            with _converted(path, read_h5ad, scratch) as newer, open_query(newer, modality, scratch) as again:
                yield again
        else:
            _require_table(query)
            yield query


def _is_old(root: StoredGroup) -> bool:
    """Return whether a file was written by anndata before version 0.7."""
    return "obs" in root and hasattr(root["obs"], "dtype")


@contextmanager
def _converted(path: Path, read: "Callable[[Path], AnnData]", scratch: Path | None) -> Iterator[Path]:
    """Yield a copy of a file as h5ad, converted in memory."""
    with tempfile.TemporaryDirectory(prefix="smile-converted-", dir=scratch) as folder:
        newer = Path(folder) / f"{path.stem}.h5ad"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata warns of old formats
            write_h5ad(read(path), newer)
        yield newer


@contextmanager
def _open_hdf5(path: Path) -> "Iterator[StoredGroup]":
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise unreadable_file(path, "h5ad", error) from error
    with file:
        require_filters(file)
        yield file


@contextmanager
def _open_zarr(path: Path) -> "Iterator[StoredGroup]":
    import zarr

    try:
        yield cast("StoredGroup", zarr.open_group(path, mode="r"))
    except FileNotFoundError as error:
        raise unreadable_file(path, "zarr", error) from error


def _table(root: StoredGroup, modality: str, path: Path) -> str:
    if "mod" not in root:
        return ""
    if modality not in root["mod"]:
        known = ", ".join(root["mod"])
        raise QueryError(f"{path} has no modality {modality!r}; it has: {known}. Rename the table to match the space")
    return f"mod/{modality}"


def _require_table(query: FileQuery) -> None:
    """Validate that a query has a table of cells.

    Raises
    ------
    QueryError
        If ``obs`` or ``var``, or some of their names, are missing or cannot be read.
    """
    try:
        for name in ("obs", "var"):
            if query.group[name].attrs["encoding-type"] != "dataframe":
                raise KeyError(name)
            require_names(_index(query.group[name]), query.path)
    except KeyError as error:
        raise unreadable_file(query.path, query.kind, ValueError(f"it has no table of cells: {error}")) from error


def _index(frame: StoredGroup) -> StoredArray:
    """Return the index of a stored data frame; a nullable one is stored as values and a mask."""
    index = frame[str(frame.attrs["_index"])]
    array: StoredArray = index if hasattr(index, "dtype") else index["values"]
    return array
