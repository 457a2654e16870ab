"""``smile-zoo cache``."""

from dataclasses import asdict

import click

from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, print_table, size_text
from smile_zoo.hub import hub_cache
from smile_zoo.transfer import cached_path, list_cached, remove_cached


@click.group("cache")
def command() -> None:
    """List and remove downloaded spaces.

    They are kept in the cache of the Hugging Face Hub client; set HF_HUB_CACHE or HF_HOME to move it.

    \b
    Example:
      smile-zoo cache list
    """


@command.command("list")
@options.as_json
def list_(*, as_json: bool) -> None:
    """List the spaces in the cache.

    \b
    Example:
      smile-zoo cache list
    """
    spaces = list_cached()
    if as_json:
        print_json([{**asdict(space), "path": str(space.path)} for space in spaces])
        return
    rows = [
        [space.repo, space.commit[:10], ", ".join(space.revisions), ", ".join(space.modalities), size_text(space.size)]
        for space in spaces
    ]
    print_table(["REPO", "COMMIT", "REVISIONS", "MODALITIES", "SIZE"], rows)


@command.command()
@click.argument("repo")
@options.as_json
def remove(repo: str, *, as_json: bool) -> None:
    """Remove REPO from the cache, or a single commit of it (REPO@COMMIT, which may be abbreviated).

    A catalogue name stands for its repo at the commit in the catalogue.

    \b
    Example:
      smile-zoo cache remove org/name
    """
    removed, freed = remove_cached(repo)
    if as_json:
        print_json({"removed": [f"{space.repo}@{space.commit}" for space in removed], "freed": freed})
        return
    for space in removed:
        print_line(f"removed {space.repo}@{space.commit[:10]}", err=True)
    print_line(f"{size_text(freed)} freed", err=True)


@command.command()
@click.argument("space", required=False)
def path(space: str | None) -> None:
    """Print the path of the cache, or of a SPACE on this machine.

    \b
    Example:
      smile-zoo cache path pbmc
    """
    print_line(str(hub_cache() if space is None else cached_path(space)))
