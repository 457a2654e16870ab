"""``smile-zoo search``."""

from dataclasses import asdict

import click

from smile_zoo.catalogue import list_spaces
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, print_table
from smile_zoo.cli.list import print_entries
from smile_zoo.hub import Hub


@click.command("search")
@click.argument("words", metavar="[TEXT]...", nargs=-1)
@click.option("--hub", "on_hub", is_flag=True, help="Search the Hub for repos with library_name: smile-zoo.")
@options.as_json
def command(words: tuple[str, ...], *, on_hub: bool, as_json: bool) -> None:
    """Search the catalogue, or the Hub with --hub.

    Every word of TEXT must occur, in any order: in name, title, use, organism, tissue, license or modalities of a space
    of the catalogue, in name or tags of a repo. Repos on the Hub that are not in the catalogue are only as trustworthy
    as their publisher.

    \b
    Example:
      smile-zoo search human blood
      smile-zoo search cortex --hub
    """
    text = " ".join(words)
    if not on_hub:
        print_entries(list_spaces(text=text), as_json=as_json)
        return
    hub = Hub()
    hits = hub.search(text)
    catalogued = {entry.repo for entry in list_spaces()}
    if as_json:
        print_json([{**asdict(hit), "catalogued": hit.repo in catalogued} for hit in hits])
        return
    rows = [
        [
            hit.repo,
            hit.downloads,
            hit.last_modified[:10],
            ", ".join(hit.tags),
            "yes" if hit.repo in catalogued else "",
        ]
        for hit in hits
    ]
    print_table(["REPO", "DOWNLOADS", "CHANGED", "TAGS", "CATALOGUED"], rows)
    if not hits:
        print_line(f"no repo at {hub.endpoint} with library_name: smile-zoo has {text!r} in its name or tags", err=True)
