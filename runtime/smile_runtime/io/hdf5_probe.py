"""Probe of an HDF5 file, run as a program of its own because HDF5 may loop for ever or crash on a damaged file.

It follows everything in the file that points elsewhere: links, attributes, indexes of chunks and strings of variable
length. Numbers are not read; they are checked when they are used. The result is printed as JSON.
"""

import json
import math
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py

MAX_BYTES = 2**32  # of memory, where the system can limit it
MAX_DEPTH = 32  # of groups in groups
MAX_UNFOLDING = 10  # objects along all paths for each object in the file
MAX_NAME_BYTES = 2**16
MAX_SHOWN = 200  # characters of a path in an error
STRINGS_PER_READ = 2**16
MAX_CHUNK_GROWTH = 4  # of a chunk by its filters, and of strings, whose size in memory is that of a pointer
MAX_UNWRITTEN_FRACTION = 0.5  # of the chunks of an array whose missing ones may stand for zeros
PARTS = ("index", "dataframe", "categorical", "nullable", "csr_matrix", "csc_matrix")
DAMAGE = (ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""Errors that h5py raises for a damaged file."""


class DamageError(Exception):
    """The file must not be read; the message names the object and the reason."""


class _Fault(Exception):  # noqa: N818 (becomes a DamageError with the name of the object)
    """The reason why an object must not be read."""


class Probe:
    """A walk over all objects of a file; raises DamageError if it must not be read.

    Parameters
    ----------
    file
        Open file.
    n_bytes
        Size of the file.

    Attributes
    ----------
    unwritten
        Missing and expected chunks of each array that lacks some, which HDF5 reads as zeros. A table or a sparse matrix
        that lacks some is damaged instead.
    """

    def __init__(self, file: h5py.File, n_bytes: int) -> None:
        self.unwritten: dict[str, tuple[int, int]] = {}
        self._n_bytes = n_bytes
        self._n_paths: dict[int, int] = {}  # from each object to all below it and itself, by address
        _require_own_links(file)
        n_paths = self._visit(file, "", "", ())
        if n_paths > MAX_UNFOLDING * (len(self._n_paths) + 1000):
            raise DamageError(f"its links turn {len(self._n_paths):,} objects into {n_paths:,}")

    def _visit(self, item: Any, path: str, kind: str, above: tuple[int, ...]) -> int:  # noqa: ANN401 (h5py's)
        """Check an object and all below it, and return their number; ``kind`` says what the object is a part of."""
        with _naming(path):
            address = _address(item)
            if address in above or len(above) > MAX_DEPTH:
                raise _Fault(f"contains itself, or lies more than {MAX_DEPTH} groups deep")
        if address not in self._n_paths:
            self._n_paths[address] = 1
            if isinstance(item, h5py.Group):
                self._n_paths[address] += self._group(item, path, (*above, address))
            elif isinstance(item, h5py.Dataset):
                with _naming(path):
                    self._dataset(item, path, kind)
        return self._n_paths[address]

    def _group(self, group: h5py.Group, path: str, above: tuple[int, ...]) -> int:
        with _naming(path):
            attributes = _attributes(group)
            names = list(group)
        kind, index, n_paths = _text(attributes.get("encoding-type")), _text(attributes.get("_index")), 0
        for name in names:
            with _naming(f"{path}/{name}"):
                item = group[name]
            n_paths += self._visit(item, f"{path}/{name}", "index" if name == index else kind, above)
        return n_paths

    def _dataset(self, dataset: h5py.Dataset, path: str, kind: str) -> None:
        _require_own_values(dataset)
        _attributes(dataset)
        if not dataset.size:
            return
        n_missing, n_expected = self._count_missing(dataset)
        may_lack_some = dataset.dtype.kind in "biufc" and not kind.startswith(PARTS)
        if n_missing and not (may_lack_some and n_missing <= MAX_UNWRITTEN_FRACTION * n_expected):
            raise _Fault(f"lacks {n_missing:,} of its {n_expected:,} chunks (never written)")
        if n_missing:
            self.unwritten[path] = n_missing, n_expected
        if kind == "index" and dataset.dtype.itemsize > MAX_NAME_BYTES:
            raise _Fault(f"has names of {dataset.dtype.itemsize:,} bytes")
        if dataset.dtype.hasobject and _load_filters(dataset):
            self._read_strings(dataset, kind)

    def _count_missing(self, dataset: h5py.Dataset) -> tuple[int, int]:
        """Return the number of chunks that were never written, and of all that the shape needs."""
        if dataset.chunks is None:
            return self._count_missing_contiguous(dataset), 1
        expected = math.prod(-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        largest = max(1024, MAX_CHUNK_GROWTH * math.prod(dataset.chunks) * dataset.id.get_type().get_size())
        found = set()

        def visit(chunk: Any) -> None:  # noqa: ANN401 (a named tuple of h5py)
            found.add(chunk.chunk_offset)
            grid = zip(chunk.chunk_offset, dataset.shape, dataset.chunks, strict=True)
            is_misplaced = any(start >= stop or start % step for start, stop, step in grid)
            if (
                is_misplaced
                or len(found) > expected
                or chunk.size > largest
                or chunk.byte_offset + chunk.size > self._n_bytes
            ):
                raise _Fault(f"has a chunk of impossible size or position at {chunk.chunk_offset}")

        if not hasattr(dataset.id, "chunk_iter"):  # h5py before 3.9
            return expected - dataset.id.get_num_chunks(), expected
        dataset.id.chunk_iter(visit)
        return expected - len(found), expected

    def _count_missing_contiguous(self, dataset: h5py.Dataset) -> int:
        if dataset.id.get_create_plist().get_layout() != h5py.h5d.CONTIGUOUS:
            return 0
        offset, n_bytes = dataset.id.get_offset(), dataset.id.get_storage_size()
        if offset is not None and offset + n_bytes > self._n_bytes:
            raise _Fault("lies beyond the end of the file")
        return int(offset is None)

    def _read_strings(self, dataset: h5py.Dataset, kind: str) -> None:
        n_bytes = 0
        for values in _blocks(dataset):
            lengths = [len(value) for value in values if isinstance(value, bytes)]
            n_bytes += sum(lengths)
            if n_bytes > self._n_bytes:
                raise _Fault("has strings that are longer than the file")
            if kind == "index" and max(lengths, default=0) > MAX_NAME_BYTES:
                raise _Fault(f"has a name of {max(lengths):,} bytes")


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Turn what goes wrong with an object into an error that names it."""
    name = path if path.isprintable() and len(path) < MAX_SHOWN else ascii(path[:MAX_SHOWN])
    try:
        yield
    except _Fault as fault:
        raise DamageError(f"{name or '/'} {fault}") from fault
    except DAMAGE as error:
        raise DamageError(f"{name or '/'} is damaged: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    text = str(strerror or (error.args[0] if error.args else ""))
    return text.splitlines()[0] if text else type(error).__name__


def _require_own_links(file: h5py.File) -> None:
    """Raise if a link leads out of the file; soft links are not followed, since they may lead to such a link."""
    groups, seen = [(file, "")], {_address(file)}
    while groups:
        group, path = groups.pop()
        with _naming(path):
            names = list(group)
        for name in names:
            with _naming(f"{path}/{name}"):
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise _Fault(f"is a link to the file {link.filename!r}, which is not followed")
                item = group[name] if isinstance(link, h5py.HardLink) else None
                if isinstance(item, h5py.Group) and _address(item) not in seen:
                    seen.add(_address(item))
                    groups.append((item, f"{path}/{name}"))


def _require_own_values(dataset: h5py.Dataset) -> None:
    """Raise if the values are those of other datasets or files."""
    settings = dataset.id.get_create_plist()
    if dataset.is_virtual:
        sources = sorted({source.file_name for source in dataset.virtual_sources()})
        raise _Fault(f"is a virtual dataset of {', '.join(map(repr, sources)) or 'nothing'}, which is not read")
    if settings.get_external_count():
        raise _Fault(f"has its values in the file {settings.get_external(0)[0].decode()!r}, which is not read")


def _attributes(item: Any) -> dict[str, Any]:  # noqa: ANN401 (h5py's)
    values = {}
    for name in item.attrs:
        with suppress(TypeError):  # a type that numpy lacks
            values[name] = item.attrs[name]
    return values


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _blocks(dataset: h5py.Dataset) -> Iterator[Any]:
    if not dataset.shape:
        yield [dataset[()]]
        return
    n_rows = max(1, STRINGS_PER_READ // max(1, math.prod(dataset.shape[1:])))
    for start in range(0, dataset.shape[0], n_rows):
        yield dataset[start : start + n_rows].ravel()


def _address(item: Any) -> int:  # noqa: ANN401 (h5py's)
    return int(h5py.h5o.get_info(item.id).addr)


def _load_filters(dataset: h5py.Dataset) -> bool:
    """Return whether the filters of a dataset are available, after loading those of hdf5plugin."""
    settings = dataset.id.get_create_plist()
    numbers = [settings.get_filter(index)[0] for index in range(settings.get_nfilters())]
    if not all(map(h5py.h5z.filter_avail, numbers)):
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401 (importing it registers the filters)
    return all(map(h5py.h5z.filter_avail, numbers))


def probe(path: Path) -> dict[str, Any]:
    """Return ``unwritten`` of a file, or the ``error`` because of which it must not be read."""
    try:
        with h5py.File(path, "r") as file:
            return {"unwritten": Probe(file, path.stat().st_size).unwritten}
    except DamageError as error:
        return {"error": str(error)}
    except DAMAGE as error:
        return {"error": _reason(error)}


def _limit(seconds: int) -> None:
    """End this process if it takes too long, even without its parent, or too much memory."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))


if __name__ == "__main__":
    _limit(int(sys.argv[2]))
    json.dump(probe(Path(sys.argv[1])), sys.stdout)
