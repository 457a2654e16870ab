"""``smile-zoo list``, and the table of catalogue entries that ``search`` prints too."""

from collections.abc import Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any

import click
import msgspec

from smile_zoo.catalogue import CatalogueEntry, list_spaces
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, size_text, table_lines
from smile_zoo.transfer import is_local

_HEADER = ["NAME", "MODALITIES", "CELLS", "SIZE", "LOCAL"]
_MODALITY_WIDTH = 26
"""Characters of the modalities that fit into a line of 80 beside a name of 20."""
_USE_FORMAT: dict[str, Any] = {
    "width": 80,
    "max_lines": 2,
    "placeholder": " ...",
    "initial_indent": " " * 6,
    "subsequent_indent": " " * 6,
}
"""Format of the line below a space, which says what it is good for."""


@click.command("list")
@click.option("--organism", help="Only spaces whose organism contains this text.")
@click.option("--tissue", help="Only spaces whose tissue contains this text.")
@click.option("--modality", help="Only spaces with an encoder of this modality.")
@options.as_json
def command(*, organism: str | None, tissue: str | None, modality: str | None, as_json: bool) -> None:
    """List the spaces in the catalogue, by organism and tissue.

    The line below each space states its intended use, or its title.

    \b
    Example:
      smile-zoo list --organism "mus musculus" --modality atac
      smile-zoo list --json
    """
    print_entries(list_spaces(organism=organism, tissue=tissue, modality=modality), as_json=as_json)


def print_entries(entries: Sequence[CatalogueEntry], *, as_json: bool) -> None:
    """Print catalogue entries, by organism and tissue, and whether each space is on this machine."""
    if as_json:
        print_json([{**msgspec.to_builtins(entry), "local": is_local(entry)} for entry in entries])
        return
    if not entries:
        print_line("no matching space in the catalogue; update it with: smile-zoo catalogue update", err=True)
        return
    entries = sorted(entries, key=_group)
    header, *lines = table_lines(_HEADER, [_entry_row(entry) for entry in entries])
    for number, (group, rows) in enumerate(groupby(zip(entries, lines, strict=True), lambda row: _group(row[0]))):
        click.echo("\n" * bool(number), nl=False)
        print_line(": ".join(group))
        print_line(f"  {header}")
        for entry, line in rows:
            print_line(f"  {line}")
            for text in wrap(entry.intended_use or entry.title, **_USE_FORMAT):
                print_line(text)


def _group(entry: CatalogueEntry) -> tuple[str, str]:
    return entry.organism, entry.tissue


def _entry_row(entry: CatalogueEntry) -> list[object]:
    modalities = ", ".join(entry.modalities)
    return [
        entry.name,
        modalities if len(modalities) <= _MODALITY_WIDTH else f"{modalities[: _MODALITY_WIDTH - 3]}...",
        entry.n_cells,
        size_text(entry.size),
        "yes" if is_local(entry) else "",
    ]
