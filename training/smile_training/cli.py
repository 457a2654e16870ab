"""The commands ``train`` and ``evaluate``, which join the ``smile-zoo`` command."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from tqdm import tqdm

from smile_runtime.cards import metric_table
from smile_runtime.errors import DependencyError
from smile_runtime.io import ProgressLines
from smile_runtime.manifest import MANIFEST_NAME, MetricRecord, read_manifest
from smile_runtime.space import open_space
from smile_training.recipe import Recipe, read_recipe, recipe_sha256

if TYPE_CHECKING:
    from smile_training.loop import Progress

_data = click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    envvar="SMILE_ZOO_DATA",
    help="Folder of the data [default: the recipe's].",
)
_device = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
_json = click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Space directory to write [default: ./NAME].")
@_data
@_device
@click.option("--onto", type=click.Path(path_type=Path), help="Space to add the recipe's further modalities to.")
@click.option("--resume", is_flag=True, help="Go on where a run that was cut off stopped.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@_json
def train(
    recipe: Path,
    output: Path | None,
    data_folder: Path | None,
    device: str,
    onto: Path | None,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train a space from a RECIPE, measure it, and write its directory.

    \b
    Example:
      smile-zoo train training/recipes/pbmc.toml --data ~/data -o pbmc
      smile-zoo train with-adt.toml --onto ./rna-space -o rna-and-adt
    """
    with _training_packages():
        from smile_training.build import build_space
    settings = read_recipe(recipe)
    output = output or Path(settings.name)
    try:
        manifest = build_space(
            settings,
            output,
            data_folder=data_folder or recipe.parent,
            device=device,
            resume=resume,
            force=force,
            onto=None if onto is None else open_space(onto, device="cpu"),
            stage=_progress_bar,
        )
    except KeyboardInterrupt:
        click.echo("run the same command with --resume to continue from the last checkpoint", err=True)
        raise
    _show({"space": str(output), "recipe_sha256": recipe_sha256(settings)}, manifest.metrics, as_json=as_json)
    click.echo(f"wrote {output}", err=True)


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@_data
@_device
@_json
def evaluate(recipe: Path, data_folder: Path | None, device: str, as_json: bool) -> None:
    """Measure a RECIPE, or the recipe of a space directory, on left-out cells, compared with baselines.

    \b
    Example:
      smile-zoo evaluate training/recipes/pbmc.toml --data ~/data
      smile-zoo evaluate ./pbmc --data ~/data --json
    """
    with _training_packages():
        from smile_training.build import prepare_builder
    settings = _recipe_of(recipe)
    builder = prepare_builder(settings, data_folder or recipe.parent, device=device, stage=_progress_bar)
    evaluation = builder.measure()
    if evaluation is None:
        raise click.UsageError(
            f"{recipe} has neither labels nor pairs, so left-out cells show nothing; name a column as data.label_key"
        )
    _show({"recipe": settings.name, "recipe_sha256": recipe_sha256(settings)}, evaluation.metrics, as_json=as_json)


@contextmanager
def _training_packages() -> Iterator[None]:
    """Turn the import error of a missing package into one that says how to install it.

    Raises
    ------
    DependencyError
        If a package of the ``train`` extra is missing or broken.
    """
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"training needs packages that are not installed ({error}); install them with: "
            "pip install 'smile-zoo[train,cpu]'"
        ) from error


def _recipe_of(path: Path) -> Recipe:
    if (path / MANIFEST_NAME).is_file():
        return msgspec.convert(read_manifest(path).recipe, Recipe)
    return read_recipe(path)


def _show(about: dict[str, str], metrics: Sequence[MetricRecord], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**about, "metrics": msgspec.to_builtins(metrics)}, indent=2))
        return
    click.echo(metric_table(metrics), nl=False)


@contextmanager
def _progress_bar(name: str, n_cells: int) -> "Iterator[Progress]":
    if not sys.stderr.isatty():
        lines = ProgressLines(name, "cells", partial(click.echo, err=True))
        yield lambda n, _loss: lines.update(n, n_cells)
        return
    with tqdm(total=n_cells, desc=name, unit="cells", unit_scale=True) as bar:

        def update(n: int, loss: float | None) -> None:
            bar.update(n)
            if loss is not None:
                bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)

        yield update
