"""Tables of an explanation or a screening as tab-separated files, and the tree of its labels."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import OutputError, QueryError
from smile_runtime.explanation.explanation import Explanation
from smile_runtime.explanation.pair_screening import PairScreening
from smile_runtime.io import atomic_path, require_free

if TYPE_CHECKING:
    import pandas as pd


def require_free_tables(paths: Sequence[Path], *, force: bool) -> None:
    """Validate the paths of the files, as `write_tables` documents them, before anything is computed."""
    found = set()
    for path in paths:
        require_free(path, force=force)
        if (real := os.path.realpath(path)) in found:
            raise OutputError(f"two tables cannot be written to {path}; give each a file of its own")
        found.add(real)


def write_tables(
    explanation: Explanation,
    output: Path | str | None,
    *,
    cells: Path | str | None = None,
    programs: Path | str | None = None,
    tree: Path | str | None = None,
    force: bool = False,
) -> None:
    """Write the tables of an explanation as tab-separated text, all or none.

    Parameters
    ----------
    explanation
        Explanation to write.
    output
        File for the table of labels; None to leave it out.
    cells
        File for the table of cells, which lists those that were explained; None to leave it out.
    programs
        File for the table of programs; None to leave it out.
    tree
        File for the tree of labels, in Newick format; None to leave it out.
    force
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        If a file exists or cannot be written, or two are the same.
    QueryError
        If the explanation lacks a table.
    """
    files = [] if output is None else [(Path(output), table_text(explanation.labels))]
    if cells is not None:
        table = _required(explanation.cells, "cells")
        explained = table[table["drivers"] != ""].rename_axis("cell").reset_index()
        files.append((Path(cells), table_text(explained)))
    if programs is not None:
        files.append((Path(programs), table_text(_required(explanation.programs, "programs"))))
    if tree is not None:
        files.append((Path(tree), f"{explanation.tree}\n"))
    require_free_tables([path for path, _ in files], force=force)
    with ExitStack() as stack:
        for path, text in files:
            stack.enter_context(atomic_path(path)).write_text(text, "utf-8", newline="\n")


def write_screening(screening: PairScreening, output: Path | str, *, force: bool = False) -> None:
    """Write the table of features of a screening as tab-separated text.

    Parameters
    ----------
    screening
        Screening to write.
    output
        File for the table of features.
    force
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    require_free_tables([Path(output)], force=force)
    with atomic_path(Path(output)) as partial:
        partial.write_text(table_text(screening.features), "utf-8", newline="\n")


def _required(table: "pd.DataFrame | None", name: str) -> "pd.DataFrame":
    if table is None:
        raise QueryError(f"the explanation has no table of {name}; request it", options={name: True})
    return table


def table_text(table: "pd.DataFrame") -> str:
    """Return a table as tab-separated text."""
    return str(table.to_csv(sep="\t", index=False, float_format="%.6g", lineterminator="\n"))
