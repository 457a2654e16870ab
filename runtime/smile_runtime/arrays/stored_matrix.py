"""Matrices in HDF5 files and zarr stores whose rows can be sliced without loading the rest."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays.gzip_chunks import GzipDataset, is_gzip
from smile_runtime.arrays.number_types import computable
from smile_runtime.arrays.stored_text import attribute_text
from smile_runtime.errors import QueryError, first_line
from smile_runtime.io import SCRATCH_PREFIX

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_ENTRIES_PER_PASS = 2**22  # entries of a CSC matrix transposed together: 64 MB
_BUCKET_ROWS = 4096  # rows of a CSC matrix written to one file


class StoredArray(Protocol):
    """A dataset of h5py or an array of zarr."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    attrs: MutableMapping[str, Any]

    def __getitem__(self, part: slice, /) -> NDArray[Any]: ...

    def __setitem__(self, part: slice, values: NDArray[Any], /) -> None: ...


class StoredGroup(Protocol):
    """A group of h5py or zarr; both have this interface."""

    name: str
    attrs: MutableMapping[str, Any]

    def __getitem__(self, name: str, /) -> Any: ...  # noqa: ANN401 (a group or an array)

    def __contains__(self, name: str, /) -> bool: ...

    def create_dataset(self, name: str, **settings: Any) -> StoredArray:  # noqa: ANN401
        """Create a dataset."""

    def __iter__(self) -> Iterator[str]: ...

    def __delitem__(self, name: str, /) -> None: ...


def open_stored_matrix(
    stored: StoredGroup | StoredArray, scratch: Path | None = None
) -> "DenseRows | CsrRows | CscRows":
    """Open a stored matrix in a form whose rows can be sliced.

    Parameters
    ----------
    stored
        Sparse matrix as anndata stores it, or an array.
    scratch
        Folder for the transposed copy of a CSC matrix; None for the system's temporary folder.

    Raises
    ------
    QueryError
        If the matrix is neither dense, CSR nor CSC, or is damaged.
    """
    if hasattr(stored, "dtype"):
        return DenseRows(cast("StoredArray", stored))
    return CsrRows(stored) if _sparse_kind(stored) == "csr_matrix" else CscRows(stored, scratch)


def _sparse_kind(group: StoredGroup) -> str:
    kind = attribute_text(group.attrs.get("encoding-type", ""))
    if kind not in ("csr_matrix", "csc_matrix"):
        raise QueryError(
            f"{group.name} stores values in the unknown format {kind!r}; store them dense, as CSR or as CSC"
        )
    return kind


def read_part(array: "StoredArray | GzipDataset", part: slice) -> NDArray[Any]:
    """Read part of a stored array.

    Raises
    ------
    QueryError
        If the array is damaged.
    """
    try:
        return np.asarray(array[part])
    except Exception as error:  # whatever HDF5 and zarr's codecs raise
        reason = first_line(error)
        raise QueryError(
            f"{array.name} cannot be read: {reason}; the file is damaged, copy or export it again"
        ) from error


class DenseRows:
    """A dense matrix in a file.

    Parameters
    ----------
    array
        Two-dimensional dataset.
    """

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = _computed_type(array)

    @property
    def row_bytes(self) -> float:
        """Memory of a row in bytes."""
        return float(self.shape[-1] * self.dtype.itemsize)

    @property
    def chunk_rows(self) -> int:
        """Number of rows stored together, which cost no more to read than one of them."""
        return self._array.chunks[0] if self._array.chunks else 1

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        return computable(read_part(self._array, rows))


class CsrRows:
    """A CSR matrix in a file.

    Parameters
    ----------
    group
        Group in anndata's format, with ``data``, ``indices`` and ``indptr``.
    """

    def __init__(self, group: StoredGroup) -> None:
        self._data, self._indices, self._indptr = map(_fast_array, _parts(group))
        self.shape = _shape(group)
        self.dtype = _computed_type(self._data)
        _require_entries(group, *self.shape, names=("row", "columns"))

    @property
    def row_bytes(self) -> float:
        """Mean memory of a row in bytes."""
        n_entries = int(self._data.shape[0])
        return float(n_entries / max(1, self.shape[0]) * (self.dtype.itemsize + self._indices.dtype.itemsize))

    def __getitem__(self, rows: slice) -> "csr_matrix":
        start, stop, _ = rows.indices(self.shape[0])
        indptr = read_part(self._indptr, slice(start, stop + 1))
        entries = slice(int(indptr[0]), int(indptr[-1]))
        data, indices = read_part(self._data, entries), read_part(self._indices, entries)
        return _csr(data, indices, indptr - indptr[0], self.shape[1])


class CscRows:
    """Rows of a CSC matrix in a file, first transposed into buckets of rows on disk.

    The buckets take as much disk space as the matrix entries take in memory; they are removed with this object.

    Parameters
    ----------
    group
        Group in anndata's format, with ``data``, ``indices`` and ``indptr``.
    scratch
        Folder for the buckets; None for the system's temporary folder.
    """

    chunk_rows = _BUCKET_ROWS
    """Number of rows stored together, which cost no more to read than one of them."""

    def __init__(self, group: StoredGroup, scratch: Path | None = None) -> None:
        self.shape = _shape(group)
        _require_entries(group, *self.shape[::-1], names=("column", "rows"))
        self.dtype = _computed_type(group["data"])
        self._entry = np.dtype([("row", "<u2"), ("column", "<i4"), ("value", self.dtype)])
        self.row_bytes = group["data"].shape[0] / max(1, self.shape[0]) * (self._entry.itemsize + 16)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}rows-", dir=scratch))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._transpose(group)

    def _bucket(self, number: int) -> Path:
        return self._folder / f"{number}.bin"

    def _transpose(self, group: StoredGroup) -> None:
        indptr = read_part(group["indptr"], slice(None)).astype(np.int64)
        n_entries = int(indptr[-1])
        for start in range(0, n_entries, _ENTRIES_PER_PASS):
            entries = slice(start, min(start + _ENTRIES_PER_PASS, n_entries))
            row = read_part(group["indices"], entries)
            if row.min() < 0 or row.max() >= self.shape[0]:
                raise _damaged(
                    f"it has entries in rows {row.min():,} to {row.max():,}, but only {self.shape[0]:,} rows"
                )
            order = np.argsort(row, kind="stable")
            row = row[order]
            entry = np.empty(len(row), self._entry)
            entry["row"] = row % _BUCKET_ROWS
            entry["column"] = np.searchsorted(indptr, np.arange(entries.start, entries.stop), side="right")[order] - 1
            entry["value"] = read_part(group["data"], entries)[order]
            numbers, first = np.unique(row // _BUCKET_ROWS, return_index=True)
            for number, part in zip(numbers, np.split(entry, first[1:]), strict=True):
                with self._bucket(int(number)).open("ab") as file:
                    file.write(part.tobytes())

    def __getitem__(self, rows: slice) -> "csr_matrix":
        from scipy.sparse import vstack

        start, stop, _ = rows.indices(self.shape[0])
        first, last = start // _BUCKET_ROWS, max(start, stop - 1) // _BUCKET_ROWS
        whole = vstack([self._read(number) for number in range(first, last + 1)], format="csr")
        result: csr_matrix = whole[start - first * _BUCKET_ROWS : stop - first * _BUCKET_ROWS]
        return result

    def _read(self, number: int) -> "csr_matrix":
        path = self._bucket(number)
        entry = np.fromfile(path, self._entry) if path.exists() else np.empty(0, self._entry)
        n_rows = min(_BUCKET_ROWS, self.shape[0] - number * _BUCKET_ROWS)
        order = np.argsort(entry["row"], kind="stable")  # columns are already sorted
        indptr = np.append(0, np.cumsum(np.bincount(entry["row"], minlength=n_rows)))
        return _csr(entry["value"][order], entry["column"][order], indptr, self.shape[1])


def _fast_array(array: StoredArray) -> StoredArray | GzipDataset:
    return GzipDataset(array) if is_gzip(array) else array


def _computed_type(array: "StoredArray | GzipDataset") -> np.dtype[Any]:
    empty: NDArray[Any] = computable(np.empty(0, array.dtype))
    return empty.dtype


def stored_shape(stored: StoredGroup | StoredArray) -> tuple[int, ...]:
    """Return the shape of a stored matrix.

    Raises
    ------
    QueryError
        If the matrix is neither dense, CSR nor CSC, or lacks a part.
    """
    if hasattr(stored, "dtype"):
        return tuple(cast("StoredArray", stored).shape)
    _sparse_kind(stored)
    _parts(stored)
    return _shape(stored)


def _shape(group: StoredGroup) -> tuple[int, int]:
    try:
        n_rows, n_columns = group.attrs["shape"]
        return int(n_rows), int(n_columns)
    except Exception as error:
        raise _damaged(f"it has no readable shape ({error})") from error


def _parts(group: StoredGroup) -> tuple[StoredArray, StoredArray, StoredArray]:
    """Return ``data``, ``indices`` and ``indptr`` of a sparse matrix.

    Raises
    ------
    QueryError
        If one is missing or has the wrong type or shape.
    """
    for name, kinds in (("data", "biufcOSUTV"), ("indices", "iu"), ("indptr", "iu")):
        part = group[name] if name in group else None  # noqa: SIM401 (get hides damage)
        shape, dtype = getattr(part, "shape", None), np.dtype(getattr(part, "dtype", np.void))
        if shape is None or len(shape) != 1 or dtype.kind not in kinds:
            raise _damaged(f"{name} should be a list of numbers, but has shape {shape} and type {dtype}")
    return group["data"], group["indices"], group["indptr"]


def _require_entries(group: StoredGroup, n: int, n_others: int, names: tuple[str, str]) -> None:
    """Validate the pointers of a sparse matrix.

    Parameters
    ----------
    group
        Group of the matrix.
    n
        Number of its rows if it is CSR, or columns if it is CSC.
    n_others
        Number of its columns or rows.
    names
        What these are, for error messages.

    Raises
    ------
    QueryError
        If the pointers do not match the entries.
    """
    n_values, n_indices, n_edges = (int(part.shape[0]) for part in _parts(group))
    if n_edges != n + 1:
        raise _damaged(f"indptr has {n_edges:,} numbers for {n:,} rows or columns")
    first, last = (int(read_part(group["indptr"], slice(index, index + 1))[0]) for index in (0, n))
    if first != 0:
        raise _damaged(f"indptr begins with {first:,} instead of 0")
    if last > n_values or n_indices != n_values or (last == 0 and n_values):  # space after the last entry is allowed
        raise _damaged(
            f"indptr describes {last:,} entries, but there are {n_values:,} values and {n_indices:,} indices"
        )
    for start in range(0, n, _ENTRIES_PER_PASS):
        edges = read_part(group["indptr"], slice(start, start + _ENTRIES_PER_PASS + 1)).astype(np.int64)
        lengths = np.diff(edges)
        if lengths.min() < 0:
            raise _damaged(f"its {names[0]} pointers decrease")
        if lengths.max() > n_others:  # for example because the start of indptr was lost
            raise _damaged(f"a {names[0]} has more entries than there are {names[1]}")


def _damaged(reason: object) -> QueryError:
    return QueryError(f"the stored matrix is damaged: {reason}; copy or export it again")


def _csr(data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], n_columns: int) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    shape = (len(indptr) - 1, n_columns)
    try:
        result = csr_matrix((computable(data), computable(indices), computable(indptr)), shape=shape)
        result.check_format(full_check=True)
    except ValueError as error:
        raise _damaged(error) from error
    return result
