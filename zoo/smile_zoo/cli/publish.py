"""``smile-zoo publish``."""

from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from smile_zoo.catalogue import encode_catalogue
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, size_text
from smile_zoo.transfer import PublishedSpace, publish


@click.command("publish")
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("repo")
@click.option("--private", is_flag=True, help="Make REPO private, if it is not there yet.")
@click.option("--tag", help="Tag the commit.")
@click.option("--pr", "create_pr", is_flag=True, help="Open a pull request, in place of a commit on main.")
@click.option("--message", help="Of the commit [default: Publish NAME].")
@click.option("--dry-run", is_flag=True, help="Check, show what would go, and stop.")
@options.as_json
def publish_(
    directory: Path,
    repo: str,
    *,
    private: bool,
    tag: str | None,
    create_pr: bool,
    message: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put a space DIRECTORY on the Hugging Face Hub as REPO.

    REPO is org/name. Before anything goes: hashes, parity, file types, no path or user name of this machine, license
    and sources stated, a complete card. It goes as one commit; text that its author gave the card on the Hub is kept.
    Needs a token with write access (HF_TOKEN, or hf auth login). The line for the catalogue is printed on stdout.

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
        commit_message=message,
        dry_run=dry_run,
        show=_show,
    )
    if as_json:
        print_json(_record(published))
    elif published.entry is not None:
        click.echo(encode_catalogue([published.entry]).decode(), nl=False)
    if published.commit is not None:
        done = "published" if published.changes else "nothing changed"
        click.echo(f"{done}: {published.url} (commit {published.commit})", err=True)


def _show(plan: PublishedSpace) -> None:
    for file in plan.files:
        click.echo(f"{file.state:8} {size_text(file.size):>9}  {file.name}", err=True)
    size = sum(file.size for file in plan.changes)
    click.echo(f"{len(plan.changes)} of {len(plan.files)} files go to {plan.repo}, {size_text(size)}", err=True)


def _record(published: PublishedSpace) -> dict[str, object]:
    return {
        "repo": published.repo,
        "commit": published.commit,
        "url": published.url,
        "files": [asdict(file) for file in published.files],
        "entry": msgspec.to_builtins(published.entry),
    }
