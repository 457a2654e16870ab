"""Room in memory for the values of a file that is not read in parts."""

from pathlib import Path

from smile_runtime.errors import QueryError
from smile_runtime.io import memory_bytes

BYTES_PER_VALUE = 16  # of a sparse matrix and its transposed copy
MAX_MEMORY_FRACTION = 0.5  # the rest is for the projection


def require_room(n_values: int, path: Path) -> None:
    """Validate that the values of a file fit into memory.

    Parameters
    ----------
    n_values
        Number of values other than zero that the file is known to hold.
    path
        Path of the file.

    Raises
    ------
    QueryError
        If there are too many values.
    """
    memory = memory_bytes()
    if memory is None or n_values * BYTES_PER_VALUE <= MAX_MEMORY_FRACTION * memory:
        return
    most = int(MAX_MEMORY_FRACTION * memory / BYTES_PER_VALUE)
    raise QueryError(
        f"{path} holds {n_values:,} values or more, without zeros, and at most {most:,} fit into the memory of this "
        f"machine ({memory / 1e9:.1f} GB); write the cells as .h5ad with a sparse matrix, which is read in "
        "parts, on a larger one"
    )
