"""Tables of a query that are copied to the output, read once before any cell is projected."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from smile_runtime.arrays import StoredGroup, attribute_text, attribute_texts, read_part
from smile_runtime.errors import QueryError
from smile_runtime.query.file_query import FileQuery
from smile_runtime.query.query import MatrixLocation
from smile_runtime.query.stored_frame import StoredFrame

NAMES_PER_READ = 2**16
BYTES_PER_READ = 2**24


def require_cell_names(query: FileQuery) -> None:
    """Raise QueryError if a name of a cell cannot be read."""
    for start in range(0, query.n_obs, NAMES_PER_READ):
        query.obs_names(slice(start, min(start + NAMES_PER_READ, query.n_obs)))


def require_tables(query: FileQuery) -> None:
    """Raise QueryError if ``obs``, ``var``, ``obsm``, ``varm`` or ``uns`` cannot be read.

    The items of ``layers``, ``obsp``, ``varp`` and ``raw`` are copied unread.
    """
    n_obs, n_vars = query.n_obs, len(query.var(MatrixLocation()))
    n_rows_of = {"obsm": n_obs, "varm": n_vars}
    for name in ("obs", "var", "obsm", "varm", "uns", "layers", "obsp", "varp"):
        with _explained(query, name):
            keys = _keys(query.group[name]) if name in query.group else []
        if name in ("layers", "obsp", "varp"):
            continue
        for key in keys:
            with _explained(query, f"{name}/{key}"):
                if name in ("obs", "var"):
                    StoredFrame(query.group[name]).column(key)
                    continue
                n_read = _read(query.group[name][key])
                if name in n_rows_of and n_read not in (None, n_rows_of[name]):
                    raise ValueError(f"it has {n_read:,} rows instead of {n_rows_of[name]:,}")


@contextmanager
def _explained(query: FileQuery, name: str) -> Iterator[None]:
    """Turn any error of a read into a QueryError that names what was read, and the way around it."""
    try:
        with query.reading():
            yield
    except QueryError as error:
        raise QueryError(
            f"{name} would be copied, but {error.message}; or write only the results", options={"only_embedding": True}
        ) from error


def _keys(group: StoredGroup) -> list[str]:
    """Return the names of a table's columns, or of all items of another group."""
    _require_encoding(group)
    if attribute_text(group.attrs.get("encoding-type", "")) == "dataframe":
        return attribute_texts(group.attrs["column-order"])
    return list(group)


def _require_encoding(item: Any) -> None:  # noqa: ANN401 (an array or a group)
    encoding = [item.attrs[name] for name in ("encoding-type", "encoding-version") if name in item.attrs]
    if len(encoding) == 1 or not all(isinstance(each, str | bytes) for each in encoding):
        raise ValueError(f"its encoding {encoding} is not a type and a version")


def _read(item: Any) -> int | None:  # noqa: ANN401 (an array or a group)
    """Read an item, numbers in parts, and return its number of rows; None if it has none or is of a later anndata."""
    _require_encoding(item)
    if hasattr(item, "dtype") and item.dtype.kind in "biufOSTU":  # texts are copied as they are, in any encoding
        if not item.shape:
            item[()]
            return None
        n_rows = max(1, BYTES_PER_READ // max(1, math.prod(item.shape[1:]) * item.dtype.itemsize))
        for start in range(0, item.shape[0], n_rows):
            read_part(item, slice(start, start + n_rows))
        return int(item.shape[0])
    from anndata.io import read_elem

    try:
        value = read_elem(item)
    except Exception as error:
        if isinstance(error, ImportError) or type(error).__name__ == "IORegistryError":  # which is not public
            return None
        raise
    shape = getattr(value, "shape", None)
    return int(shape[0]) if shape else None
