"""Matrices in HDF5 files and zarr stores, whose rows can be sliced without loading the rest."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.gzip_chunks import InflatedArray, is_gzip
from smile_runtime.errors import QueryError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Group = Any
"""A group of h5py or zarr; the two have one interface."""
Array = Any
"""A dataset of h5py or an array of zarr."""

_ENTRIES = 2**22  # of a column-wise matrix that are turned round together: 64 MB
_BUCKET = 4096  # rows that a column-wise matrix is cut into


def open_stored_matrix(stored: Group | Array, scratch: Path | None = None) -> Any:  # noqa: ANN401 (any sliceable matrix)
    """Return a stored matrix in a form whose rows can be sliced.

    Parameters
    ----------
    stored
        A sparse matrix as anndata stores it, or an array.
    scratch
        Folder for a copy by rows of a matrix that is stored by columns; None: the system's.

    Raises
    ------
    QueryError
        If it is neither.
    """
    if hasattr(stored, "dtype"):
        return StoredArray(stored)
    kind = str(stored.attrs.get("encoding-type", ""))
    if kind == "csr_matrix":
        return StoredRows(stored)
    if kind == "csc_matrix":
        return TurnedRows(stored, scratch)
    raise QueryError(f"{stored.name} holds values as {kind or 'nothing known'!r}; store them dense, as CSR or as CSC")


def read_part(array: Array, part: slice) -> NDArray[Any]:
    """Read part of a stored array.

    Raises
    ------
    QueryError
        If it is damaged.
    """
    try:
        return np.asarray(array[part])
    except (OSError, RuntimeError, ValueError) as error:  # what HDF5 and the codecs of zarr raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise QueryError(
            f"{array.name} cannot be read: {reason}; the file is damaged, copy or export it again"
        ) from error


class StoredArray:
    """A dense matrix in a file.

    Parameters
    ----------
    array
        A dataset of two dimensions.
    """

    def __init__(self, array: Array) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = array.dtype

    @property
    def row_bytes(self) -> float:
        """What a row takes in memory."""
        return float(self.shape[-1] * self.dtype.itemsize)

    @property
    def chunk_rows(self) -> int:
        """Rows that are stored together, and are read together at no more cost."""
        return self._array.chunks[0] if self._array.chunks else 1

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return read_part(self._array, rows)


class StoredRows:
    """A CSR matrix in a file.

    Parameters
    ----------
    group
        As anndata stores it: ``data``, ``indices``, ``indptr``.
    """

    def __init__(self, group: Group) -> None:
        self._data, self._indices, self._indptr = (_opened(group[name]) for name in ("data", "indices", "indptr"))
        self.shape = _shape(group)
        self.dtype = self._data.dtype
        _require_entries(group, self.shape[0])

    @property
    def row_bytes(self) -> float:
        """What a row takes in memory, in the mean."""
        n_entries = int(self._data.shape[0])
        return float(n_entries / max(1, self.shape[0]) * (self.dtype.itemsize + self._indices.dtype.itemsize))

    def __getitem__(self, rows: slice) -> "csr_matrix":
        start, stop, _ = rows.indices(self.shape[0])
        indptr = read_part(self._indptr, slice(start, stop + 1))
        entries = slice(int(indptr[0]), int(indptr[-1]))
        data, indices = read_part(self._data, entries), read_part(self._indices, entries)
        return _csr(data, indices, indptr - indptr[0], self.shape[1])


class TurnedRows:
    """The rows of a CSC matrix in a file, which are first written to buckets of some rows each, on disk.

    Takes as much disk as the entries of the matrix take in memory, until it is no longer used.

    Parameters
    ----------
    group
        As anndata stores it: ``data``, ``indices``, ``indptr``.
    scratch
        Folder in which the buckets are; None: the system's.
    """

    chunk_rows = _BUCKET
    """Rows that are stored together, and are read together at no more cost."""

    def __init__(self, group: Group, scratch: Path | None = None) -> None:
        self.shape = _shape(group)
        self.dtype = group["data"].dtype
        self._entry = np.dtype([("row", "<u2"), ("column", "<i4"), ("value", self.dtype)])
        self.row_bytes = group["data"].shape[0] / max(1, self.shape[0]) * (self._entry.itemsize + 16)
        self._folder = Path(tempfile.mkdtemp(prefix="smile-rows-", dir=scratch))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._turn(group)

    def _bucket(self, number: int) -> Path:
        return self._folder / f"{number}.bin"

    def _turn(self, group: Group) -> None:
        _require_entries(group, self.shape[1])
        indptr = read_part(group["indptr"], slice(None))
        if (np.diff(indptr) < 0).any():
            raise _damaged("its columns do not follow one another")
        n_entries = int(indptr[-1])
        for start in range(0, n_entries, _ENTRIES):
            entries = slice(start, min(start + _ENTRIES, n_entries))
            row = read_part(group["indices"], entries)
            if row.min() < 0 or row.max() >= self.shape[0]:
                raise _damaged(f"it has entries in rows {row.min():,} to {row.max():,} of {self.shape[0]:,}")
            order = np.argsort(row, kind="stable")
            row = row[order]
            found = np.empty(len(row), self._entry)
            found["row"] = row % _BUCKET
            found["column"] = np.searchsorted(indptr, np.arange(entries.start, entries.stop), side="right")[order] - 1
            found["value"] = read_part(group["data"], entries)[order]
            numbers, first = np.unique(row // _BUCKET, return_index=True)
            for number, part in zip(numbers, np.split(found, first[1:]), strict=True):
                with self._bucket(int(number)).open("ab") as file:
                    file.write(part.tobytes())

    def __getitem__(self, rows: slice) -> "csr_matrix":
        from scipy.sparse import vstack

        start, stop, _ = rows.indices(self.shape[0])
        first, last = start // _BUCKET, max(start, stop - 1) // _BUCKET
        whole = vstack([self._read(number) for number in range(first, last + 1)], format="csr")
        result: csr_matrix = whole[start - first * _BUCKET : stop - first * _BUCKET]
        return result

    def _read(self, number: int) -> "csr_matrix":
        path = self._bucket(number)
        found = np.fromfile(path, self._entry) if path.exists() else np.empty(0, self._entry)
        n_rows = min(_BUCKET, self.shape[0] - number * _BUCKET)
        order = np.argsort(found["row"], kind="stable")  # columns are in order already
        indptr = np.append(0, np.cumsum(np.bincount(found["row"], minlength=n_rows)))
        return _csr(found["value"][order], found["column"][order], indptr, self.shape[1])


def _opened(array: Array) -> Array:
    return InflatedArray(array) if is_gzip(array) else array


def _shape(group: Group) -> tuple[int, int]:
    n_rows, n_columns = group.attrs["shape"]
    return int(n_rows), int(n_columns)


def _require_entries(group: Group, n: int) -> None:
    """Refuse a sparse matrix of ``n`` compressed rows or columns whose entries are not where they are said to be.

    Raises
    ------
    QueryError
        If they are not.
    """
    n_edges, n_values, n_indices = (int(group[name].shape[0]) for name in ("indptr", "data", "indices"))
    if n_edges != n + 1:
        raise _damaged(f"indptr has {n_edges:,} numbers for {n:,} rows or columns")
    first, last = (int(read_part(group["indptr"], slice(place, place + 1))[0]) for place in (0, n))
    if first != 0:
        raise _damaged(f"indptr begins with {first:,} instead of 0")
    if last > n_values or n_indices != n_values or (last == 0 and n_values):  # there may be room behind the last entry
        raise _damaged(f"indptr tells of {last:,} entries, there are {n_values:,} values and {n_indices:,} indices")


def _damaged(reason: object) -> QueryError:
    return QueryError(f"the stored matrix is damaged: {reason}; copy or export it again")


def _csr(data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], n_columns: int) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    shape = (len(indptr) - 1, n_columns)
    try:
        result = csr_matrix((np.asarray(data), np.asarray(indices), indptr), shape=shape)
        result.check_format(full_check=True)
    except ValueError as error:
        raise _damaged(error) from error
    if np.diff(indptr).max(initial=0) > n_columns:  # as where the beginning of indptr was lost
        raise _damaged("a row has more entries than there are columns")
    return result
