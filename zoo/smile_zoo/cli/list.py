"""``smile-zoo list``, and the table of catalogue entries that ``search`` prints too."""

from collections.abc import Sequence

import click
import msgspec

from smile_zoo.catalogue import CatalogueEntry, list_spaces
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, print_table, size_text
from smile_zoo.transfer import is_local


@click.command("list")
@click.option("--organism", help="Only spaces whose organism contains this text.")
@click.option("--tissue", help="Only spaces whose tissue contains this text.")
@click.option("--modality", help="Only spaces with an encoder of this modality.")
@options.as_json
def command(*, organism: str | None, tissue: str | None, modality: str | None, as_json: bool) -> None:
    """List the spaces in the catalogue.

    \b
    Example:
      smile-zoo list --organism "mus musculus" --modality atac
      smile-zoo list --json
    """
    print_entries(list_spaces(organism=organism, tissue=tissue, modality=modality), as_json=as_json)


def print_entries(entries: Sequence[CatalogueEntry], *, as_json: bool) -> None:
    """Print catalogue entries and whether each space is on this machine."""
    if as_json:
        print_json([{**msgspec.to_builtins(entry), "local": is_local(entry)} for entry in entries])
        return
    header = ["NAME", "TITLE", "ORGANISM", "TISSUE", "MODALITIES", "CELLS", "SIZE", "LOCAL"]
    print_table(header, [_entry_row(entry) for entry in entries])
    if not entries:
        print_line("no matching space in the catalogue; update it with: smile-zoo catalogue update", err=True)


def _entry_row(entry: CatalogueEntry) -> list[object]:
    return [
        entry.name,
        entry.title,
        entry.organism,
        entry.tissue,
        ", ".join(entry.modalities),
        entry.n_cells,
        size_text(entry.size),
        "yes" if is_local(entry) else "",
    ]
