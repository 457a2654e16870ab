"""Chunks that a zarr store should have and has not: zarr reads them as zeros, without a word."""

import logging
from pathlib import Path
from typing import Any

from smile_runtime.errors import QueryError

logger = logging.getLogger(__name__)


def require_chunks(stored: Any, path: Path) -> None:  # noqa: ANN401 (a group or array of zarr or h5py)
    """Refuse a sparse matrix with missing chunks; warn of them in a dense one, where they may be all zeros.

    Raises
    ------
    QueryError
        If entries are missing.
    """
    if hasattr(stored, "dtype"):
        n_missing = _n_missing(stored)
        if n_missing:
            logger.warning(
                "%d of %d chunks of %s in %s are not there and count as zeros: right where these cells have no values, "
                "wrong if files were lost",
                n_missing,
                stored.nchunks,
                stored.name,
                path,
            )
        return
    for name in ("data", "indices"):
        n_missing = _n_missing(stored[name])
        if n_missing and not (n_missing == 1 and name == "indices" and _last_is_single(stored[name])):
            raise QueryError(
                f"{n_missing} of {stored[name].nchunks} chunks of {stored[name].name} in {path} are missing; "
                "copy or export it again"
            )


def require_names(index: Any, path: Path) -> None:  # noqa: ANN401 (an array of zarr or a dataset of h5py)
    """Refuse a table some of whose names are missing.

    Raises
    ------
    QueryError
        If a chunk of them is.
    """
    n_missing = _n_missing(index)
    if n_missing:
        raise QueryError(
            f"{n_missing} of {index.nchunks} chunks of {index.name} in {path} are missing, and so are names; "
            "copy or export it again"
        )


def _n_missing(array: Any) -> int:  # noqa: ANN401 (an array of zarr or a dataset of h5py)
    """Return how many chunks are missing; none in an HDF5 file, which is whole or cannot be read."""
    if not hasattr(array, "nchunks_initialized"):
        return 0
    return int(array.nchunks - array.nchunks_initialized)


def _last_is_single(array: Any) -> bool:  # noqa: ANN401 (an array of zarr)
    """Say whether the last chunk holds one entry: in the first column, it is all zeros and rightly not there."""
    return bool(array.shape[0] % array.chunks[0] == 1)
