"""``smile-zoo list``."""

import click

from smile_runtime import Manifest
from smile_zoo import options
from smile_zoo.catalogue import CatalogueEntry, list_spaces
from smile_zoo.console import print_json, print_table


@click.command("list")
@options.as_json
def list_(*, as_json: bool) -> None:
    """List the spaces of the catalogue.

    \b
    Example:
      smile-zoo list --json
    """
    entries = list_spaces()
    if as_json:
        print_json([_record(entry) for entry in entries])
        return
    header = ["NAME", "TITLE", "ORGANISM", "TISSUE", "MODALITIES", "CELLS"]
    print_table(header, [_row(entry.name, entry.manifest) for entry in entries])


def _record(entry: CatalogueEntry) -> dict[str, object]:
    manifest = entry.manifest
    return {
        "name": entry.name,
        "title": manifest.title,
        "organism": manifest.organism,
        "tissue": manifest.tissue,
        "modalities": list(manifest.encoders),
        "n_cells": manifest.reference.n_cells,
    }


def _row(name: str, manifest: Manifest) -> list[object]:
    modalities = ", ".join(manifest.encoders)
    return [name, manifest.title, manifest.organism, manifest.tissue, modalities, manifest.reference.n_cells]
