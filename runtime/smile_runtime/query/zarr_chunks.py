"""Missing chunks of zarr stores, which zarr silently reads as zeros."""

import logging
from pathlib import Path
from typing import Any

from smile_runtime.errors import QueryError

logger = logging.getLogger(__name__)


def require_chunks(stored: Any, path: Path) -> None:  # noqa: ANN401 (a group or array of zarr or h5py)
    """Reject a sparse matrix with missing chunks; warn if a dense one has any, which may be all zeros.

    Raises
    ------
    QueryError
        If chunks of a sparse matrix are missing.
    """
    if hasattr(stored, "dtype"):
        n_missing = _n_missing(stored)
        if n_missing:
            logger.warning(
                "%d of %d chunks of %s in %s are missing and read as zeros; correct only if those cells are empty",
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
    """Validate that no chunk of a table's names is missing.

    Raises
    ------
    QueryError
        If a chunk is missing.
    """
    n_missing = _n_missing(index)
    if n_missing:
        raise QueryError(
            f"{n_missing} of {index.nchunks} chunks of {index.name} in {path} are missing, so some names are unknown; "
            "copy or export it again"
        )


def _n_missing(array: Any) -> int:  # noqa: ANN401 (an array of zarr or a dataset of h5py)
    """Return the number of missing chunks; 0 for HDF5, which reports a damaged file itself."""
    if not hasattr(array, "nchunks_initialized"):
        return 0
    return int(array.nchunks - array.nchunks_initialized)


def _last_is_single(array: Any) -> bool:  # noqa: ANN401 (an array of zarr)
    """Return whether the last chunk holds one entry, an index of zero that zarr need not store."""
    return bool(array.shape[0] % array.chunks[0] == 1)
