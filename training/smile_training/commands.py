"""The commands that train; they join the ``smile-zoo`` command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from tqdm import tqdm

from smile_training.build import build_space
from smile_training.loop import Progress
from smile_training.recipe import read_recipe


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Space directory to write [default: ./NAME].")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="SMILE_ZOO_DATA",
    help="Folder of the data [default: the recipe's].",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--resume", is_flag=True, help="Go on where a run that was cut off stopped.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def train(
    recipe: Path,
    output: Path | None,
    data: Path | None,
    device: str,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train a space from a RECIPE and write its directory.

    \b
    Example:
      smile-zoo train training/recipes/pbmc.toml --data ~/data -o pbmc
    """
    settings = read_recipe(recipe)
    output = output or Path(settings.name)
    try:
        manifest = build_space(
            settings,
            output,
            data_folder=data or recipe.parent,
            device=device,
            resume=resume,
            force=force,
            stage=_progress_bar,
        )
    except KeyboardInterrupt:
        click.echo("the same command with --resume goes on from the last checkpoint", err=True)
        raise
    if as_json:
        click.echo(json.dumps({"space": str(output), "metrics": msgspec.to_builtins(manifest.metrics)}, indent=2))
        return
    for metric in manifest.metrics:
        click.echo(f"{metric.mean:8.3f} ± {metric.std:.3f}  {metric.name}")
    click.echo(f"wrote {output}", err=True)


@contextmanager
def _progress_bar(name: str, n_cells: int) -> Iterator[Progress]:
    with tqdm(total=n_cells, desc=name, unit="cells", unit_scale=True) as bar:

        def update(n: int, loss: float | None) -> None:
            bar.update(n)
            if loss is not None:
                bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)

        yield update
