"""``smile-zoo describe``."""

from pathlib import Path

import click

from smile_runtime.cards import unstated_facts
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line
from smile_zoo.transfer import describe


@click.command("describe")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--title", help="Title on the card and in lists.")
@click.option("--description", help="Description in a few sentences.")
@click.option("--intended-use", help="What the space is good for, in about ten words (at most 100 characters).")
@click.option("--organism", help="Species of the reference cells, such as Homo sapiens.")
@click.option("--tissue", help="Tissue of the reference cells.")
@click.option("--license", help="License of the space, such as CC-BY-4.0.")
@click.option("--source", help="Name of the data source to change [default: the only one].")
@click.option("--source-name", help="New name of the source.")
@click.option("--source-license", help="License of the source's data.")
@click.option("--source-url", help="Page or file that the source's data came from.")
@options.as_json
def command(directory: Path, *, as_json: bool, **texts: str | None) -> None:
    """Change what a space DIRECTORY states about itself, without training it again.

    The manifest and the generated part of the card are written again; your own text in the card is kept. What publish
    would still miss is listed.

    \b
    Example:
      smile-zoo describe ./my-space --license CC-BY-4.0 --source-url https://doi.org/10.1038/...
    """
    if all(text is None for text in texts.values()):
        raise click.UsageError("nothing to change; give at least one option, such as --license CC-BY-4.0")
    manifest = describe(directory, **texts)
    missing = list(unstated_facts(manifest, manifest.sources))
    if as_json:
        print_json({"space": str(directory), "unstated": missing})
    if missing:
        print_line(f"publishing will also need: {', '.join(missing)}", err=True)
    print_line(f"wrote {directory}", err=True)
