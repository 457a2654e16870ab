"""Tables of a query that are copied to the output, read once before any cell is projected."""

from typing import Any

from smile_runtime.arrays import StoredGroup, read_part
from smile_runtime.errors import QueryError
from smile_runtime.query.file_query import FileQuery
from smile_runtime.query.query import MatrixLocation

ROWS_PER_READ = 65536


def require_cell_names(query: FileQuery) -> None:
    """Raise QueryError if a name of a cell cannot be read."""
    for start in range(0, query.n_obs, ROWS_PER_READ):
        query.obs_names(slice(start, min(start + ROWS_PER_READ, query.n_obs)))


def require_tables(query: FileQuery) -> None:
    """Raise QueryError if ``obs``, ``var``, ``obsm``, ``varm`` or ``uns`` cannot be read.

    Pairwise annotations, layers and ``raw`` are copied unread.
    """
    n_obs, n_vars = query.n_obs, len(query.var(MatrixLocation()))
    for name, n_rows in {"obs": n_obs, "obsm": n_obs, "var": n_vars, "varm": n_vars, "uns": None}.items():
        with query.reading():
            keys = _keys(query.group[name]) if name in query.group else []
        for key in keys:
            with query.reading():
                n_read = _read(query.group[f"{name}/{key}"])
            if n_rows is not None and n_read not in (None, n_rows):
                raise QueryError(
                    f"{name}/{key} in {query.path} has {n_read} rows instead of {n_rows:,}; the file is damaged, copy "
                    "or export it again"
                )


def _keys(group: StoredGroup) -> list[str]:
    """Return the names of a table's columns, or of all items of another group."""
    return [str(name) for name in group.attrs.get("column-order", list(group))]


def _read(item: Any) -> int | None:  # noqa: ANN401 (an array or a group)
    """Read an item, numbers in parts, and return how many rows it has; None if it has no rows or cannot be known."""
    if hasattr(item, "dtype") and item.dtype.kind in "biuf" and item.shape:
        for start in range(0, item.shape[0], ROWS_PER_READ):
            read_part(item, slice(start, start + ROWS_PER_READ))
        return int(item.shape[0])
    from anndata.io import read_elem

    try:
        value = read_elem(item)
    except Exception as error:
        if isinstance(error, ImportError) or type(error).__name__ == "IORegistryError":
            return None  # written by a later anndata, or needs another package
        raise
    shape = getattr(value, "shape", None)
    return shape[0] if shape else len(value) if hasattr(value, "__len__") else None
