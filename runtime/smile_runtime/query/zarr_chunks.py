"""Missing chunks of zarr stores, which zarr silently reads as zeros."""

import logging
from pathlib import Path
from typing import cast

from smile_runtime.arrays import StoredArray, StoredGroup
from smile_runtime.errors import QueryError
from smile_runtime.io import counted

logger = logging.getLogger(__name__)


def require_chunks(stored: StoredGroup | StoredArray, path: Path) -> None:
    """Reject a sparse matrix with missing chunks; warn if a dense one has any, which may be all zeros.

    Raises
    ------
    QueryError
        If chunks of a sparse matrix are missing.
    """
    if hasattr(stored, "dtype"):
        array = cast("StoredArray", stored)
        if _n_missing(array):
            logger.warning(
                "%s; values there are read as zeros, correct only if those cells are empty", _describe(array, path)
            )
        return
    for name in ("data", "indices"):
        n_missing = _n_missing(stored[name])
        if n_missing and not (n_missing == 1 and name == "indices" and _last_is_single(stored[name])):
            raise QueryError(f"{_describe(stored[name], path)}; copy or export it again")


def require_names(index: StoredArray, path: Path) -> None:
    """Validate that no chunk of a table's names is missing.

    Raises
    ------
    QueryError
        If a chunk is missing.
    """
    if _n_missing(index):
        raise QueryError(f"{_describe(index, path)}, so some names are unknown; copy or export it again")


def _n_missing(array: StoredArray) -> int:
    """Return the number of missing chunks; 0 for HDF5, which reports a damaged file itself."""
    return _n_chunks(array) - int(getattr(array, "nchunks_initialized", 0))


def _n_chunks(array: StoredArray) -> int:
    return int(getattr(array, "nchunks", 0))


def _describe(array: StoredArray, path: Path) -> str:
    return f"{array.name} in {path} lacks {counted(_n_missing(array), 'chunk', of=_n_chunks(array))}"


def _last_is_single(array: StoredArray) -> bool:
    """Return whether the last chunk holds one entry, an index of zero that zarr need not store."""
    return array.chunks is not None and array.shape[0] % array.chunks[0] == 1
