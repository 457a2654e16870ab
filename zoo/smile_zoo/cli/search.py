"""``smile-zoo search``."""

from dataclasses import asdict

import click

from smile_zoo.catalogue import list_spaces
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_table
from smile_zoo.cli.list import print_entries
from smile_zoo.hub import Hub


@click.command()
@click.argument("text", default="")
@click.option("--hub", "on_hub", is_flag=True, help="Search the repos of the Hub with library_name: smile-zoo.")
@options.as_json
def search(text: str, *, on_hub: bool, as_json: bool) -> None:
    """Search the catalogue for words, or the Hub with --hub.

    What the Hub lists beside the catalogue is as trustworthy as who published it.

    \b
    Example:
      smile-zoo search blood
      smile-zoo search cortex --hub
    """
    if not on_hub:
        print_entries(list_spaces(text=text), as_json=as_json)
        return
    hub = Hub()
    found = hub.search(text)
    catalogued = {entry.repo for entry in list_spaces()}
    if as_json:
        print_json([{**asdict(repo), "catalogued": repo.repo in catalogued} for repo in found])
        return
    header = ["REPO", "DOWNLOADS", "CHANGED", "TAGS", "CATALOGUED"]
    print_table(
        header,
        [
            [
                repo.repo,
                repo.downloads,
                repo.last_modified[:10],
                ", ".join(repo.tags),
                (repo.repo in catalogued and "yes") or "",
            ]
            for repo in found
        ],
    )
    if not found:
        click.echo(f"no repo at {hub.endpoint} with library_name: smile-zoo has {text!r} in its name", err=True)
