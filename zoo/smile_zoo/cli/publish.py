"""``smile-zoo publish``."""

from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from smile_zoo.catalogue import encode_catalogue
from smile_zoo.cli import options
from smile_zoo.cli.console import json_text, print_json, print_line, size_text
from smile_zoo.transfer import PublishedSpace, publish


@click.command("publish")
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("repo")
@click.option("--private", is_flag=True, help="Make REPO private when creating it.")
@click.option("--tag", help="Tag to put on the commit.")
@click.option("--pr", "create_pr", is_flag=True, help="Open a pull request instead of committing to main.")
@click.option("--message", "commit_message", help="Commit message [default: Publish NAME].")
@click.option("--dry-run", is_flag=True, help="Check the space and list the changes without making them.")
@options.as_json
def command(
    directory: Path,
    repo: str,
    *,
    private: bool,
    tag: str | None,
    create_pr: bool,
    commit_message: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish a space DIRECTORY on the Hugging Face Hub as REPO.

    REPO is org/name. These checks come first: hashes, parity, file types, no path or user name of this machine;
    description, license, organism, tissue and sources stated; a complete card. All files go into one commit; what
    authors added to the card on the Hub is kept. Needs a token with write access (HF_TOKEN, or hf auth login). Prints
    the catalogue entry on stdout.

    \b
    Example:
      smile-zoo publish ./my-space org/my-space --tag v1
    """
    published = publish(
        directory,
        repo,
        private=private,
        tag=tag,
        create_pr=create_pr,
        commit_message=commit_message,
        dry_run=dry_run,
        show=_print_plan,
    )
    if as_json:
        print_json(_published_json(published))
    elif published.entry is not None:
        click.echo(json_text(encode_catalogue([published.entry]).decode()), nl=False)
    if published.commit is not None:
        done = "published" if published.changes else "nothing changed"
        print_line(f"{done}: {published.url} (commit {published.commit})", err=True)


def _print_plan(plan: PublishedSpace) -> None:
    for file in plan.files:
        print_line(f"{file.state:8} {size_text(file.size):>9}  {file.name}", err=True)
    size = sum(file.size for file in plan.changes)
    print_line(f"{len(plan.changes)} of {len(plan.files)} files go to {plan.repo}, {size_text(size)}", err=True)


def _published_json(published: PublishedSpace) -> dict[str, object]:
    return {
        "repo": published.repo,
        "commit": published.commit,
        "url": published.url,
        "files": [asdict(file) for file in published.files],
        "entry": msgspec.to_builtins(published.entry),
    }
