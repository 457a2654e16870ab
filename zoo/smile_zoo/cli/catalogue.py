"""``smile-zoo catalogue``."""

import click

from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line
from smile_zoo.transfer import DEFAULT_REPO, update_catalogue


@click.group("catalogue")
def command() -> None:
    """Update the catalogue.

    \b
    Example:
      smile-zoo catalogue update
    """


@command.command()
@click.option("--repo", default=DEFAULT_REPO, show_default=True, help="Hub repo that holds catalogue.jsonl.")
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit of the repo.")
@options.as_json
def update(*, repo: str, revision: str, as_json: bool) -> None:
    """Download the latest catalogue from the Hub.

    The new catalogue is checked completely before it replaces the previous one. Packaged spaces do not change.

    \b
    Example:
      smile-zoo catalogue update
    """
    updated = update_catalogue(repo, revision=revision)
    if as_json:
        print_json({"repo": repo, "commit": updated.commit, "spaces": updated.names, "new": updated.new})
        return
    print_line(f"{len(updated.names)} spaces, {len(updated.new)} of them new: {', '.join(updated.new)}", err=True)
