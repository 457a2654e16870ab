"""Cells of another tool's file, read into memory; any failure becomes one clear error."""

import csv
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import QueryError, first_line
from smile_runtime.formats.barcode_selection import FREQUENT_BARCODES, BarcodeSelection
from smile_runtime.formats.cell_ranger import read_cell_ranger
from smile_runtime.formats.fragments import read_fragments
from smile_runtime.formats.loom import read_loom
from smile_runtime.formats.matrix_market import companions, read_matrix_market
from smile_runtime.formats.table import read_table
from smile_runtime.io import CELL_RANGER, FRAGMENTS, LOOM, MATRIX_MARKET, TABLE, FileFormat, recognize_format

if TYPE_CHECKING:
    from anndata import AnnData

_READERS: dict[FileFormat, Callable[[Path], "AnnData"]] = {
    CELL_RANGER: read_cell_ranger,
    LOOM: read_loom,
    MATRIX_MARKET: read_matrix_market,
}


_READ_ERRORS = (
    *(AttributeError, EOFError, LookupError, OSError, OverflowError, RuntimeError, TypeError, ValueError),
    *(csv.Error, zlib.error),
)
"""What h5py, pandas and scipy raise for damaged content."""


def is_foreign(path: Path) -> bool:
    """Return whether a file or folder has a format that `read_foreign` reads."""
    return recognize_format(path) in (*_READERS, TABLE, FRAGMENTS)


def other_than_fragments(path: Path) -> QueryError:
    """Return the error for barcodes that are stated for cells which a file already has."""
    return QueryError(
        f"{path} is {recognize_format(path).name}, which has cells; barcodes are stated for ATAC fragments alone",
        options={"barcodes": False, "min_fragments": False},
    )


def files_of(path: Path) -> list[Path]:
    """Return a query and the files beside it that hold its names."""
    is_matrix = path.is_file() and recognize_format(path) == MATRIX_MARKET
    return [path, *companions(path)] if is_matrix else [path]


def read_foreign(
    path: Path, known_features: Collection[str] = (), barcodes: BarcodeSelection = FREQUENT_BARCODES
) -> "AnnData":
    """Read the cells of a Cell Ranger file, a Matrix Market matrix and its names, a loom, text or fragments file.

    Parameters
    ----------
    path
        File, or folder with a Matrix Market matrix.
    known_features
        Feature ids that help to tell the features of a table from its cells; the peaks that fragments are counted on.
    barcodes
        Barcodes of a fragments file that are cells.

    Returns
    -------
        Cells with float32 values and unique feature names.

    Raises
    ------
    QueryError
        If the file is damaged, too large for the memory, or lacks names, if a table's cells cannot be told from its
        features, if barcodes are stated for a file of another kind, or if there are no peaks to count fragments on.
    """
    found = recognize_format(path)
    if barcodes.stated and found != FRAGMENTS:
        raise other_than_fragments(path)
    try:
        if found == FRAGMENTS:
            return read_fragments(path, known_features, barcodes)
        return read_table(path, known_features) if found == TABLE else _READERS[found](path)
    except QueryError:
        raise
    except MemoryError as error:
        raise QueryError(
            f"{path} does not fit into the memory of this machine; write it as .h5ad, which is read in parts, on a "
            "larger one"
        ) from error
    except _READ_ERRORS as error:
        reason = first_line(error)
        raise QueryError(
            f"{path} looks like {found.name}, but cannot be read: {reason}; it is damaged or incomplete, copy or "
            "export it again"
        ) from error
