"""Data frames in query files, in all the forms in which anndata, R and Julia store their names and columns."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import (
    StoredArray,
    StoredGroup,
    attribute_text,
    attribute_texts,
    decode_texts,
    holds_text,
    read_part,
)
from smile_runtime.errors import QueryError, first_line

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_ALL = slice(None)


class StoredFrame:
    """A data frame in a file; its names are read in ranges, and its columns one by one.

    Parameters
    ----------
    group
        Group in anndata's format.

    Raises
    ------
    KeyError
        If it is not in this format.
    """

    def __init__(self, group: StoredGroup) -> None:
        if attribute_text(group.attrs["encoding-type"]) != "dataframe":
            raise KeyError(group.name)
        self._group = group
        self._index = group[attribute_text(group.attrs["_index"])]

    def __len__(self) -> int:
        return int(_rows_of(self._index).shape[0])

    @property
    def name_arrays(self) -> list[StoredArray]:
        """Arrays that hold the names."""
        index = self._index
        return [_plain(index["categories"] if _is_categorical(index) else index)]

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return attribute_texts(self._group.attrs["column-order"])

    def names(self, rows: slice = _ALL) -> NDArray[np.object_]:
        """Return the names of a range of rows, shape ``(n,)``; missing ones are empty."""
        import pandas as pd

        if _is_categorical(self._index):
            names = _take(self._name_categories, read_part(self._index["codes"], rows))
        else:
            names = self._values(self._index, rows)
        return decode_texts(np.where(pd.isna(names), "", names))

    def column(self, name: str) -> "pd.Series[Any]":
        """Return a column.

        Raises
        ------
        QueryError
            If it cannot be read.
        """
        import pandas as pd

        try:
            values = self._values(self._group[name], _ALL)
            if np.shape(values) != (len(self),):
                raise ValueError(f"it has shape {np.shape(values)} for {len(self):,} rows")
            series = pd.Series(values)
            return series if series.hasnans else series.infer_objects()  # which would turn integers into floats
        except Exception as error:
            reason = first_line(error)
            raise QueryError(
                f"the column {name!r} of {self._group.name} cannot be read: {reason}; remove it, or copy or export "
                "the file again"
            ) from error

    def read(self) -> "pd.DataFrame":
        """Return the frame without the columns that cannot be read, which are logged."""
        import pandas as pd

        columns = {}
        for name in self.columns:
            try:
                columns[name] = self.column(name)
            except QueryError as error:
                logger.warning("%s. The column is ignored", error.message)
        return pd.DataFrame(columns).set_axis(pd.Index(self.names(), dtype=object), axis=0)

    @cached_property
    def _name_categories(self) -> NDArray[Any]:
        return _read_plain(self._index["categories"], _ALL)

    def _values(self, stored: Any, rows: slice) -> NDArray[Any]:  # noqa: ANN401 (a group or an array)
        """Return values of a column or the index; missing ones are NaN."""
        if hasattr(stored, "dtype"):
            values = _read_plain(stored, rows)
            if "categories" not in stored.attrs:
                return values
            return _take(_read_plain(self._group[stored.attrs["categories"]], _ALL), values)  # before anndata 0.8
        if _is_categorical(stored):
            return _take(_read_plain(stored["categories"], _ALL), read_part(stored["codes"], rows))
        if "mask" in stored:
            return _read_plain(stored, rows)
        return _read_other(stored)[rows]


def _is_categorical(stored: Any) -> bool:  # noqa: ANN401 (a group or an array)
    return not hasattr(stored, "dtype") and "codes" in stored


def _rows_of(stored: Any) -> StoredArray:  # noqa: ANN401 (a group or an array)
    """Return the array with an entry for each row."""
    return stored["codes"] if _is_categorical(stored) else _plain(stored)


def _plain(stored: Any) -> StoredArray:  # noqa: ANN401 (a group or an array)
    """Return an array, or the values of a nullable one, which is stored as values and a mask."""
    array: StoredArray = stored if hasattr(stored, "dtype") else stored["values"]
    return array


def _read_plain(stored: Any, rows: slice) -> NDArray[Any]:  # noqa: ANN401 (a group or an array)
    values = read_part(_plain(stored), rows)
    values = decode_texts(values) if holds_text(values) else values.astype(values.dtype.newbyteorder("="), copy=False)
    if hasattr(stored, "dtype"):
        return values
    return np.where(read_part(stored["mask"], rows).astype(bool), np.nan, values.astype(object))


def _take(categories: NDArray[Any], codes: NDArray[Any]) -> NDArray[np.object_]:
    """Return the categories with the given codes; code -1 is a missing value."""
    codes = codes.astype(np.int64)
    if len(codes) and not -1 <= codes.min() <= codes.max() < len(categories):
        raise QueryError(
            f"categories have the codes {codes.min()} to {codes.max()}, but there are {len(categories):,}; "
            "the file is damaged, copy or export it again"
        )
    values: NDArray[np.object_] = np.append(categories.astype(object), np.nan)[codes]
    return values


def _read_other(stored: StoredGroup) -> NDArray[Any]:
    from anndata.io import read_elem

    return np.asarray(read_elem(stored))
