"""Printed tables as tab-separated files, for spreadsheets and scripts."""

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from smile_runtime.io import atomic_path, require_free
from smile_zoo.cli.samples import create_folder
from smile_zoo.report import ProjectionTables

Row = dict[str, object]


def require_free_tables(folder: Path, *, clusters: bool, truth: bool, force: bool) -> None:
    """Create the folder of the tables, and raise OutputError if one of them exists and may not be replaced."""
    create_folder(folder, "choose another folder for the tables")
    wanted = {"labels.tsv": True, "clusters.tsv": clusters, "known-labels.tsv": truth, "confusion.tsv": truth}
    for name, is_wanted in wanted.items():
        if is_wanted:
            require_free(folder / name, force=force)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder in which nothing was written."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def write_tables(folder: Path, tables: Mapping[str, ProjectionTables]) -> list[Path]:
    """Write the tables of queries by name, and return the files.

    Parameters
    ----------
    folder
        Folder of the files.
    tables
        Tables of each query; a single one may have an empty name, and then has no column ``query``.
    """
    rows: dict[str, list[Row]] = {}
    for query, each in tables.items():
        for name, row in _rows(each):
            rows.setdefault(name, []).append({"query": query, **row} if query else row)
    files = {folder / f"{name}.tsv": _text(found) for name, found in rows.items()}
    with ExitStack() as stack:
        for path, text in files.items():
            stack.enter_context(atomic_path(path)).write_text(text, "utf-8", newline="\n")
    return list(files)


def _rows(tables: ProjectionTables) -> Iterator[tuple[str, Row]]:
    """Yield the rows of all tables of a query, each with the name of its table."""
    for column, labels in tables.labels.items():
        yield from (("labels", {"column": column, **asdict(label)}) for label in labels)
    yield from (("modalities", asdict(count)) for count in tables.modalities)
    for cluster in tables.clusters or ():
        row = asdict(cluster)
        for place, (label, probability) in enumerate(row.pop("nearest"), start=1):
            row |= {f"nearest_{place}": label, f"probability_{place}": probability}
        yield "clusters", row
    if (agreement := tables.agreement) is not None:
        for accuracy in (*agreement.labels, agreement.overall):
            yield "known-labels", {"column": agreement.column, **asdict(accuracy)}
        for known, found in {**agreement.confusion, **agreement.lacking}.items():
            for label, n_cells in found.items():
                yield "confusion", {"known_label": known, "label": label, "n_cells": n_cells}


def _text(rows: list[Row]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
