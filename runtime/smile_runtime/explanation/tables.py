"""Tables of an explanation as tab-separated files."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import OutputError, QueryError
from smile_runtime.explanation.explanation import Explanation
from smile_runtime.io import atomic_path, require_free

if TYPE_CHECKING:
    import pandas as pd


def require_free_tables(output: Path, cells: Path | None, *, force: bool) -> None:
    """Validate the paths of the tables, as `write_tables` documents them, before anything is computed."""
    for path in (output, cells):
        if path is not None:
            require_free(path, force=force)
    if cells is not None and os.path.realpath(cells) == os.path.realpath(output):
        raise OutputError(f"both tables cannot be written to {output}; name two files")


def write_tables(
    explanation: Explanation, output: Path | str, *, cells: Path | str | None = None, force: bool = False
) -> None:
    """Write the tables of an explanation as tab-separated text, both or neither.

    Parameters
    ----------
    explanation
        Explanation to write.
    output
        File for the table of labels.
    cells
        File for the table of cells, which lists those that were explained; None to leave it out.
    force
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        If a file exists or cannot be written, or both are the same.
    QueryError
        If the explanation has no table of cells.
    """
    output, cells = Path(output), None if cells is None else Path(cells)
    require_free_tables(output, cells, force=force)
    with ExitStack() as stack:
        _write(explanation.labels, stack.enter_context(atomic_path(output)))
        if cells is not None:
            if explanation.cells is None:
                raise QueryError("the explanation has no table of cells; request it", options={"cells": True})
            explained = explanation.cells[explanation.cells["drivers"] != ""]
            _write(explained.rename_axis("cell").reset_index(), stack.enter_context(atomic_path(cells)))


def _write(table: "pd.DataFrame", path: Path) -> None:
    table.to_csv(path, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
