"""``smile-zoo demo``."""

from pathlib import Path

import click

import smile_zoo
from smile_zoo.cli import options
from smile_zoo.cli.project import command as project

_QUERY = Path(smile_zoo.__file__).parent / "demo" / "query.h5ad"


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder for the three files [default: the current one].",
)
@options.as_json
@click.pass_context
def command(ctx: click.Context, folder: Path, *, as_json: bool) -> None:
    """Project the packaged example cells into the pbmc space.

    Embeds, labels and draws 200 immune cells that no space was trained on. Writes demo.h5ad, the report demo.html and
    the picture demo.png, replacing them if they exist. Needs no network.

    \b
    Example:
      smile-zoo demo
    """
    arguments = [str(_QUERY), "pbmc", "-o", str(folder / "demo.h5ad"), "--force"]
    for name in ("demo.html", "demo.png"):
        arguments += ["--report", str(folder / name)]
    if as_json:
        arguments.append("--json")
    project.main(arguments, standalone_mode=False, parent=ctx.parent)
