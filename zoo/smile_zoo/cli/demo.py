"""``smile-zoo demo``."""

import shlex
from pathlib import Path

import click

import smile_zoo
from smile_runtime.errors import SpaceError
from smile_zoo.cli import options
from smile_zoo.cli.project import command as project

_QUERIES = {"pbmc": "query.h5ad"}
"""Packaged queries by the space that they are projected into."""
_TARGET_SUM = "10000"
"""Total that the cells of these queries were normalized to, of which they keep a part of the genes."""


@click.command("demo")
@click.argument("space", default="pbmc")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder for the three files [default: the current one].",
)
@options.as_json
@click.pass_context
def command(ctx: click.Context, space: str, folder: Path, *, as_json: bool) -> None:
    """Project packaged example cells into a SPACE.

    Embeds, labels and draws cells that no space was trained on: for pbmc, the default, 200 human blood cells. Writes
    demo.h5ad, the report demo.html and the picture demo.png, replacing them if they exist. Needs no network.

    \b
    Example:
      smile-zoo demo
      smile-zoo demo pbmc --folder results
    """
    if space not in _QUERIES:
        raise SpaceError(
            f"no example cells are packaged for {space!r}, only for {', '.join(_QUERIES)}; project cells of your own "
            f"with: smile-zoo project query.h5ad {shlex.quote(space)} -o out.h5ad --report report.html"
        )
    query = Path(smile_zoo.__file__).parent / "demo" / _QUERIES[space]
    arguments = [str(query), space, "-o", str(folder / "demo.h5ad"), "--force", "--target-sum", _TARGET_SUM]
    for name in ("demo.html", "demo.png"):
        arguments += ["--report", str(folder / name)]
    if as_json:
        arguments.append("--json")
    project.main(arguments, standalone_mode=False, parent=ctx.parent)
