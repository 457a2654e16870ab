"""Opening the file of a query: which kind it is, which table of it, and where that has what."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Array, Group, Matrix, open_stored_matrix
from smile_runtime.errors import QueryError
from smile_runtime.io import read_h5ad, unreadable_file, write_h5ad
from smile_runtime.query.hdf5_filters import require_filters
from smile_runtime.query.query import MatrixLocation
from smile_runtime.query.zarr_chunks import require_chunks, require_names

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

Kind = Literal["h5ad", "h5mu", "zarr"]


@dataclass(frozen=True, eq=False)
class StoredQuery:
    """The cells of a file.

    Attributes
    ----------
    path
        The file, or the folder of a zarr store.
    kind
        Which kind of file it is.
    root
        All of it.
    table
        Where in it the table of cells is: empty, or ``mod/rna`` in an h5mu file.
    scratch
        Folder for copies by rows of matrices that are stored by columns; None: the system's.
    """

    path: Path
    kind: Kind
    root: Group
    table: str
    scratch: Path | None

    @property
    def group(self) -> Group:
        """The group that holds the table."""
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
        """Whether there is a ``raw``."""
        return all(name in self.group for name in ("raw", "raw/X", "raw/var"))

    def var(self, place: MatrixLocation) -> "pd.DataFrame":
        """Return the features that the values of a place are of, a row each."""
        frame: pd.DataFrame = self._read("raw/var" if place.use_raw else "var")
        return frame

    def obs(self, column: str) -> "pd.Series[Any]":
        """Return a column of ``obs``.

        Raises
        ------
        QueryError
            If there is none of that name.
        """
        import pandas as pd

        columns = [str(name) for name in self.group["obs"].attrs["column-order"]]
        if column not in columns:
            known = ", ".join(map(repr, columns)) or "none"
            raise QueryError(f"the query has no column {column!r} in obs; its columns are: {known}")
        return pd.Series(self._read(f"obs/{column}"))

    def obs_names(self, rows: slice) -> NDArray[np.object_]:
        """Return the names of some cells."""
        names = _index(self.group["obs"])
        read = names.asstr()[rows] if hasattr(names, "asstr") else names[rows]
        return np.asarray(read, dtype=object)

    def values(self, place: MatrixLocation) -> Matrix | None:
        """Return the values of a place, rows sliceable, shape ``(n_obs, n_vars)``; None where there are none."""
        name = "raw/X" if place.use_raw else "X" if place.layer is None else f"layers/{place.layer}"
        if name not in self.group or str(self.group[name].attrs.get("encoding-type", "")) == "null":
            return None
        stored = self.group[name]
        if getattr(stored, "shape", ()) is None:  # HDF5's empty dataset
            return None
        require_chunks(stored, self.path)
        matrix = open_stored_matrix(stored, self.scratch)
        n_vars = len(self.var(place))
        if tuple(matrix.shape) != (self.n_obs, n_vars):
            raise QueryError(
                f"{name} in {self.path} has shape {tuple(matrix.shape)} for {self.n_obs:,} cells and {n_vars:,} "
                "features; the file is damaged, copy or export it again"
            )
        return matrix

    def has_field(self, attribute: str, key: str) -> bool:
        """Say whether ``obs``, ``obsm`` or ``uns`` has a key."""
        return attribute in self.group and key in self.group[attribute]

    def _read(self, name: str) -> Any:  # noqa: ANN401 (whatever is stored there)
        from anndata.io import read_elem

        return read_elem(self.group[name])


@contextmanager
def open_query(path: Path, modality: str, scratch: Path | None = None) -> Iterator[StoredQuery]:
    """Open the file of a query to read.

    Parameters
    ----------
    path
        An h5ad, h5mu or zarr file (a zarr store is a folder).
    modality
        Which table of an h5mu file.
    scratch
        Folder for copies by rows of matrices that are stored by columns; None: the system's.

    Raises
    ------
    QueryError
        If there is no such file, or it is damaged or of another kind, or has no such table.
    DependencyError
        If it is compressed in a way that cannot be undone here.
    """
    if not path.exists():
        raise QueryError(f"there is no file {path}; give the path of an .h5ad, .h5mu or .zarr file")
    with _open_zarr(path) if path.is_dir() else _open_hdf5(path) as root:
        kind: Kind = "zarr" if path.is_dir() else "h5mu" if "mod" in root else "h5ad"
        query = StoredQuery(path, kind, root, _table(root, modality, path), scratch)
        if kind == "h5ad" and _is_old(root):
            with _converted(path, scratch) as newer, open_query(newer, modality, scratch) as again:
                yield again
        else:
            _require_table(query)
            yield query


def _is_old(root: Group) -> bool:
    """Say whether a file has the form that anndata gave it before version 0.7."""
    return "obs" in root and hasattr(root["obs"], "dtype")


@contextmanager
def _converted(path: Path, scratch: Path | None) -> Iterator[Path]:
    """Give a copy of an old file in today's form; it is read into memory for that."""
    logger.warning("%s is of an anndata before 0.7; it is converted first, in memory", path)
    with tempfile.TemporaryDirectory(prefix="smile-old-", dir=scratch) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of anndata, about the old form
        newer = Path(folder) / path.name
        write_h5ad(read_h5ad(path), newer)
        yield newer


@contextmanager
def _open_hdf5(path: Path) -> "Iterator[Group]":
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise unreadable_file(path, "h5ad", error) from error
    with file:
        require_filters(file)
        yield file


@contextmanager
def _open_zarr(path: Path) -> "Iterator[Group]":
    import zarr

    try:
        yield zarr.open_group(path, mode="r")
    except FileNotFoundError as error:
        raise unreadable_file(path, "zarr", error) from error


def _table(root: Group, modality: str, path: Path) -> str:
    if "mod" not in root:
        return ""
    if modality not in root["mod"]:
        known = ", ".join(root["mod"])
        raise QueryError(f"{path} has no modality {modality!r}; it has: {known}. Name the tables as the space does")
    return f"mod/{modality}"


def _require_table(query: StoredQuery) -> None:
    """Refuse what holds no table of cells.

    Raises
    ------
    QueryError
        If ``obs`` or ``var`` is missing or cannot be read, or names of it are missing.
    """
    try:
        for name in ("obs", "var"):
            if query.group[name].attrs["encoding-type"] != "dataframe":
                raise KeyError(name)
            require_names(_index(query.group[name]), query.path)
    except KeyError as error:
        raise unreadable_file(query.path, query.kind, KeyError(f"it has no table of cells ({error})")) from error


def _index(frame: Group) -> Array:
    """Return the index of a stored data frame; one that may hold nothing is stored as values and a mask."""
    index = frame[str(frame.attrs["_index"])]
    return index if hasattr(index, "dtype") else index["values"]
