"""A projection written into an open h5ad, h5mu or zarr file, a block of cells at a time."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.annotation import field_names, label_codes, obs_fields
from smile_runtime.results import LabelColumn, Projection, Records
from smile_runtime.stored.matrices import Group

_ROWS = 65536  # stored together

Field = Callable[[Records], NDArray[Any]]


def write_stored(table: Group, projection: Projection, key_added: str) -> None:
    """Write a projection into a table of cells; nothing else in it is touched.

    Parameters
    ----------
    table
        Group of the table, which has ``obs``.
    projection
        What to write.
    key_added
        Stem of the names of the fields.
    """
    from anndata.io import write_elem

    columns = projection.columns
    names = field_names(key_added, columns)
    for group in ("obsm", "uns"):
        if group not in table:
            write_elem(table, group, {})
    for place, key in names.values():
        _remove(table[place], key)
    for key in obs_fields(list(table["obs"]), key_added):
        _remove(table["obs"], key)
    for name in ("embedding", "map"):
        _write_array(table["obsm"], names[name][1], projection, _getter(name))
    for number, column in enumerate(columns):
        _write_labels(table["obs"], names[f"label{column.suffix}"][1], projection, number, column)
        _write_array(table["obs"], names[f"confidence{column.suffix}"][1], projection, _getter("confidence", number))
    if projection.tells_similarity:
        _write_array(table["obs"], names["similarity"][1], projection, _getter("similarity"))
    written = [key for place, key in names.values() if place == "obs" and key in table["obs"]]
    _add_columns(table["obs"], written)
    write_elem(table["uns"], names["provenance"][1], projection.provenance)


def _getter(name: str, number: int | None = None) -> Field:
    return lambda records: records[name] if number is None else records[name][:, number]


def _write_array(group: Group, key: str, projection: Projection, field: Field) -> None:
    """Write a field of all records as anndata stores an array."""
    blocks = projection.results.blocks()
    first = field(next(blocks))
    shape = (len(projection.results), *first.shape[1:])
    chunks = (min(_ROWS, len(projection.results)), *first.shape[1:])
    create = getattr(group, "create_array", None) or group.create_dataset  # zarr's name for it, and h5py's
    array = create(key, shape=shape, dtype=first.dtype, chunks=chunks)
    array.attrs["encoding-type"], array.attrs["encoding-version"] = "array", "0.2.0"
    start = 0
    for values in chain([first], map(field, blocks)):
        array[start : start + len(values)] = values
        start += len(values)


def _write_labels(group: Group, key: str, projection: Projection, number: int, column: LabelColumn) -> None:
    """Write the labels of one column as anndata stores a categorical."""
    import pandas as pd
    from anndata.io import write_elem

    of_column = _getter("label", number)
    categories, codes = label_codes(map(of_column, projection.results.blocks()), column)
    write_elem(group, key, pd.Categorical([], categories=categories))
    _remove(group[key], "codes")
    kind = np.min_scalar_type(-len(categories))
    _write_array(group[key], "codes", projection, lambda records: codes[of_column(records)].astype(kind))


def _add_columns(obs: Group, keys: Iterable[str]) -> None:
    """Add columns to the order that a stored data frame keeps."""
    order = [str(name) for name in obs.attrs["column-order"]]
    order = [name for name in order if name in obs]
    obs.attrs["column-order"] = [*order, *(key for key in keys if key not in order)]


def _remove(group: Group, key: str) -> None:
    if key in group:
        del group[key]
