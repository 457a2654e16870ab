"""Query files: h5ad, h5mu and zarr, opened for streaming."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, StoredGroup, attribute_text, open_stored_matrix, stored_shape
from smile_runtime.errors import QueryError
from smile_runtime.formats import FREQUENT_BARCODES, BarcodeSelection, is_foreign, other_than_fragments, read_foreign
from smile_runtime.io import (
    SCRATCH_PREFIX,
    open_probed_hdf5,
    read_h5ad,
    reading,
    require_path,
    unreadable_file,
    write_h5ad,
)
from smile_runtime.query.hdf5_filters import require_filters
from smile_runtime.query.mudata_tables import find_table
from smile_runtime.query.query import MatrixLocation, missing_column_error, select_values
from smile_runtime.query.stored_frame import StoredFrame
from smile_runtime.query.zarr_chunks import require_chunks, require_names
from smile_runtime.query.zarr_codecs import require_codecs

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
    source
        Path that was given, which messages name; another one than ``path`` if the file was converted.
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
    source: Path
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
        with self.reading():
            return len(self._obs)

    @property
    def table_names(self) -> list[str]:
        """Names of the tables of an h5mu file; empty for other files."""
        with self.reading():
            return list(self.root["mod"]) if self.kind == "h5mu" else []

    @property
    def table_provenance(self) -> dict[str, Any]:
        """Name of the table in an h5mu file, and the number of cells in each table that is not read; else empty."""
        if not self.table:
            return {}
        own = self.table.removeprefix("mod/")
        others = {name: replace(self, table=f"mod/{name}").n_obs for name in self.table_names if name != own}
        return {"table": own, **({"tables_not_read": others} if others else {})}

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        with self.reading():
            return list(self.group["layers"]) if "layers" in self.group else []

    @property
    def has_raw(self) -> bool:
        """Whether the query has ``raw``."""
        with self.reading():
            return all(name in self.group for name in ("raw", "raw/X", "raw/var"))

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features of the matrix at a location, one row each."""
        name = _var_name(location)
        if name not in self._var_frames:
            with self.reading():
                self._var_frames[name] = StoredFrame(self.group[name]).read()
        return self._var_frames[name]

    def obs(self, column: str) -> "pd.Series[Any]":
        """Return a column of ``obs``.

        Raises
        ------
        QueryError
            If the column is missing.
        """
        with self.reading():
            columns = self._obs.columns
        if column not in columns:
            raise missing_column_error(column, columns)
        return self._obs.column(column)

    def obs_frame(self) -> "pd.DataFrame":
        """Return all columns of ``obs`` that can be read."""
        with self.reading():
            return self._obs.read()

    def note(self, key: str) -> str:
        """Return a text of ``uns`` on one line; empty if it is missing, or no text."""
        noted = self._read(f"uns/{key}") if self.has_field("uns", key) else None
        return " ".join(noted.split()) if isinstance(noted, str) else ""

    def obs_names(self, rows: slice) -> NDArray[np.object_]:
        """Return the names of a range of cells, shape ``(n,)``."""
        with self.reading():
            return self._obs.names(rows)

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the matrix at a location, shape ``(n_obs, n_vars)``; None if it is missing."""
        name = "raw/X" if location.use_raw else "X" if location.layer is None else f"layers/{location.layer}"
        with self.reading():
            stored = self.group[name] if name in self.group else None  # noqa: SIM401 (get hides damage)
            if stored is None or _encoding(stored) == "null":
                return None
        if getattr(stored, "shape", ()) is None:  # an empty dataset of HDF5
            return None
        with self.reading():
            shape, n_vars = stored_shape(stored), len(StoredFrame(self.group[_var_name(location)]))
        if shape != (self.n_obs, n_vars):
            raise QueryError(
                f"{name} in {self.source} has shape {shape} for {self.n_obs:,} cells and {n_vars:,} features; the file "
                "is damaged, copy or export it again"
            )
        require_chunks(stored, self.source)
        return open_stored_matrix(stored, self.scratch)

    def read(self, location: MatrixLocation) -> "AnnData":
        """Return the cells in memory, with the matrix at a location, and others that can be read.

        Of ``uns``, only ``log1p`` is read; ``obsm`` and the like stay in the file.

        Raises
        ------
        QueryError
            If there are no cells, or the matrix is missing or damaged.
        """
        from anndata import AnnData

        found: dict[str | None, Matrix | None] = {location.layer: select_values(self, location)[:]}
        for layer in (None, *self.layers):
            if layer not in found:
                found[layer] = self._read_other(layer)
        layers = {name: matrix for name, matrix in found.items() if name is not None and matrix is not None}
        uns = {"log1p": self._read("uns/log1p")} if self.has_field("uns", "log1p") else {}
        with warnings.catch_warnings(), self.reading():
            warnings.simplefilter("ignore")  # repeated names
            return AnnData(found[None], obs=self._obs.read(), var=self.var(location), layers=layers, uns=uns)

    def _read_other(self, layer: str | None) -> "Matrix | None":
        try:
            matrix = self.values(MatrixLocation(layer))
            return None if matrix is None else matrix[:]
        except QueryError as error:
            logger.warning("%s. This matrix is ignored", error.message)
            return None

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether ``obs``, ``obsm`` or ``uns`` has a key."""
        with self.reading():
            return attribute in self.group and key in self.group[attribute]

    def reading(self) -> AbstractContextManager[None]:
        """Turn any error of a read into a QueryError."""
        return reading(self.source, self.kind)

    def noted_log(self) -> object:
        """Return ``uns["log1p"]``, in which scanpy notes a logarithm and its base; None if it is missing."""
        return self._read("uns/log1p") if self.has_field("uns", "log1p") else None

    @cached_property
    def _obs(self) -> StoredFrame:
        return StoredFrame(self.group["obs"])

    @cached_property
    def _var_frames(self) -> "dict[str, pd.DataFrame]":
        return {}

    def _read(self, name: str) -> Any:  # noqa: ANN401 (whatever is stored there)
        from anndata.io import read_elem

        with self.reading():
            return read_elem(self.group[name])


def _var_name(location: MatrixLocation) -> str:
    return "raw/var" if location.use_raw else "var"


@contextmanager
def open_query(
    path: Path,
    modality: str,
    scratch: Path | None = None,
    known_features: Collection[str] = (),
    *,
    table: str | None = None,
    synonyms: Collection[str] = (),
    barcodes: BarcodeSelection = FREQUENT_BARCODES,
    whole: bool = False,
) -> Iterator[FileQuery]:
    """Open a query file for reading.

    Parameters
    ----------
    path
        Path of an h5ad or h5mu file, of the folder of a zarr store, or of a file of another tool, which is converted in
        memory.
    modality
        Name of the modality, which is that of its table in an h5mu file.
    scratch
        Folder for transposed copies of CSC matrices, and for converted files; None for the system's temporary folder.
    known_features
        Feature ids that help to tell the features of a text table from its cells; the peaks that fragments are counted
        on.
    table
        Name of the table in an h5mu file; None for the one that is named like the modality, or by a synonym.
    synonyms
        Other names of the modality, in lower case.
    barcodes
        Barcodes of a fragments file that are cells.
    whole
        Whether the cells of all tables of an h5mu file are read, as its own ``obs`` lists them, and not those of one.

    Raises
    ------
    QueryError
        If the file is missing, damaged or in an unknown format, or lacks the table.
    DependencyError
        If its compression needs a package that is not installed.
    """
    require_path(path, "an .h5ad, .h5mu or .zarr file, of a Cell Ranger matrix, of a table, or of ATAC fragments")
    with ExitStack() as stack:
        stored = path
        if is_foreign(path):
            stored = stack.enter_context(
                _converted(path, lambda path: read_foreign(path, known_features, barcodes), scratch)
            )
        elif barcodes.stated:
            raise other_than_fragments(path)
        root = stack.enter_context(_open_zarr(stored) if stored.is_dir() else _open_hdf5(stored))
        if "mod" not in root and not stored.is_dir() and _is_old(root):
            logger.warning("%s was written by anndata before 0.7; converting it in memory first", path)
            stored = stack.enter_context(_converted(path, read_h5ad, scratch))
            root = stack.enter_context(_open_hdf5(stored))
        kind: FileKind = "zarr" if stored.is_dir() else "h5mu" if "mod" in root else "h5ad"
        name = "" if whole else _table(root, modality, path, table, synonyms)
        query = FileQuery(stored, path, kind, root, name, scratch)
        _require_table(query)
        yield query


def _is_old(root: StoredGroup) -> bool:
    """Return whether a file was written by anndata before version 0.7."""
    return "obs" in root and hasattr(root["obs"], "dtype")


@contextmanager
def _converted(path: Path, read: "Callable[[Path], AnnData]", scratch: Path | None) -> Iterator[Path]:
    """Yield a copy of a file as h5ad, converted in memory."""
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH_PREFIX}converted-", dir=scratch) as folder:
        newer = Path(folder) / f"{path.stem}.h5ad"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # anndata warns of old formats
            write_h5ad(read(path), newer)
        yield newer


@contextmanager
def _open_hdf5(path: Path) -> "Iterator[StoredGroup]":
    with open_probed_hdf5(path, path.suffix.removeprefix(".") or "HDF5") as file:
        require_filters(file)
        yield file


@contextmanager
def _open_zarr(path: Path) -> "Iterator[StoredGroup]":
    import zarr

    require_codecs(path)
    with reading(path, "zarr"):
        root = zarr.open_group(path, mode="r")
    yield cast("StoredGroup", root)


def _table(root: StoredGroup, modality: str, path: Path, stated: str | None, synonyms: Collection[str]) -> str:
    """Return the path of the table inside the file; empty if the file is a table itself."""
    if "mod" not in root:
        if stated is not None:
            raise QueryError(
                f"{path} is one table, so none can be chosen; only .h5mu files hold several", options={"table": False}
            )
        return ""
    known = list(root["mod"])
    found = find_table(known, modality, synonyms) if stated is None else stated
    if found not in known:
        raise QueryError(
            f"{path} has no table {stated or modality!r}; it has: {', '.join(known)}. Choose the one that holds the "
            f"{modality} of the cells",
            options={"table": None},
        )
    return f"mod/{found}"


def _require_table(query: FileQuery) -> None:
    """Validate that a query has a table of cells.

    Raises
    ------
    QueryError
        If ``obs`` or ``var``, or some of their names, are missing or cannot be read.
    """
    try:
        for name in ("obs", "var"):
            for names in StoredFrame(query.group[name]).name_arrays:
                require_names(names, query.source)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise unreadable_file(query.source, query.kind, f"it has no table of cells: {error}") from error
    for name in ("layers", "obsm", "obsp", "uns", "varm", "varp"):
        with query.reading():
            is_array = name in query.group and hasattr(query.group[name], "dtype")
        if is_array:
            raise unreadable_file(query.source, query.kind, f"{name} should be a group, but is an array")


def _encoding(stored: StoredGroup) -> str:
    return attribute_text(stored.attrs.get("encoding-type", ""))
