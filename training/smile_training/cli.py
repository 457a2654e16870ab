"""The commands ``train``, ``evaluate`` and ``extend``, which join the ``smile-zoo`` command."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import click
import msgspec
from click.core import ParameterSource

from smile_runtime.cards import metric_table
from smile_runtime.errors import DependencyError
from smile_runtime.io import default_threads, follow_link
from smile_runtime.manifest import MANIFEST_NAME, ImputationRecord, MetricRecord, read_manifest
from smile_runtime.space import Space, open_space
from smile_training.progress import TrainingProgress
from smile_training.recipe import Kind, Recipe, read_recipe, recipe_sha256, with_evaluation

_Evaluation = Literal["full", "sample", "none"]

_data = click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    envvar="SMILE_ZOO_DATA",
    help="Folder of the data files [default: the folder of the recipe].",
)
_device = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
_json = click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")


_SECTIONS = {
    "Options for DATA files": ("labels", "batch", "kind", "layer", "name", "title", "epochs"),
    "Options for a RECIPE": ("data_folder", "onto"),
}
"""Options that go with one kind of argument, by the heading in the help."""


class _GroupedCommand(click.Command):
    """A command whose help lists its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of `_SECTIONS` under their headings."""
        heading_of = {name: heading for heading, names in _SECTIONS.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*_SECTIONS, "Options")}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                rows[heading_of.get(parameter.name or "", "Options")].append(record)
        for heading, records in rows.items():
            with formatter.section(heading):
                formatter.write_dl(records)


@click.command(cls=_GroupedCommand)
@click.argument("paths", metavar="RECIPE|DATA...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Space directory to write [default: ./NAME].")
@click.option("--labels", metavar="COLUMN", help="Column of obs with the cell types; 'none' to train without labels.")
@click.option("--batch", metavar="COLUMN", help="Column of obs with the batches [default: each file is one batch].")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Kind of values [default: recognized by the features].")
@click.option("--layer", help="Layer that holds the values [default: X].")
@click.option("--name", help="Name of the space [default: the name of OUTPUT or of the first file].")
@click.option("--title", help="Title of the space [default: the title in the file, or NAME].")
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs [default: 300].")
@_data
@_device
@click.option(
    "--onto",
    metavar="SPACE",
    help="Space whose encoders are kept, and to which further modalities are added: a name, a Hub repo or a directory "
    "[default: that of the RECIPE].",
)
@click.option(
    "--evaluation",
    type=click.Choice(get_args(_Evaluation)),
    help="Measure by cross-validation, by one training on at most 50,000 cells, or not at all: confidence is then not "
    "calibrated, and no query cell becomes unknown [default: full; sample for more than 5,000 cells of DATA].",
)
@click.option("--no-evaluation", is_flag=True, help="The same as --evaluation none.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads of large computations [default: OMP_NUM_THREADS, or one for each available core].",
)
@click.option("--resume", is_flag=True, help="Resume an interrupted run from its checkpoints.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@_json
@click.pass_context
def train(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    output: Path | None,
    data_folder: Path | None,
    device: str,
    onto: str | None,
    evaluation: _Evaluation | None,
    no_evaluation: bool,
    threads: int | None,
    resume: bool,
    force: bool,
    as_json: bool,
    **of_data: Any,  # noqa: ANN401 (options of click)
) -> None:
    """Train a space from a RECIPE (.toml), or from DATA files alone; measure it, and write its directory.

    DATA are .h5ad, .h5mu or .zarr files, Cell Ranger .h5 files or Matrix Market folders. Their recipe is drafted from
    what they hold, printed as a plan, and written into the space as recipe.toml.

    \b
    Example:
      smile-zoo train atlas.h5ad --labels cell_type --batch donor_id -o my-space
      smile-zoo train training/recipes/pbmc.toml --data ~/data -o pbmc
      smile-zoo train with-adt.toml --onto ./rna-space -o rna-and-adt
    """
    _require_fitting_options(context, from_recipe=_is_recipe(paths))
    with _training_packages():
        from smile_training.build import build_space, prepare_builder
        from smile_training.loop import checkpoint_folder, join_processes, limit_threads
    limit_threads(threads or default_threads())
    evaluation = _evaluation(evaluation, no_evaluation=no_evaluation)
    with join_processes(device) as processes:
        settings, folder = processes.broadcast(
            _settings(paths, output, data_folder, of_data, evaluation) if processes.leads else None
        )
        onto_space = _teacher(context, onto or settings.onto or None)
        measure = evaluation != "none"
        if not processes.leads:
            prepare_builder(
                settings, folder, device=device, onto=onto_space, measure=measure, processes=processes
            ).assist()
            return
        output, progress = output or Path(settings.name), TrainingProgress()
        try:
            manifest = build_space(
                settings,
                output,
                data_folder=folder,
                device=device,
                resume=resume,
                force=force,
                onto=onto_space,
                measure=measure,
                stage=progress.stage,
                expect=progress.expect,
                processes=processes,
            )
        except KeyboardInterrupt as error:
            checkpoints = checkpoint_folder(follow_link(output)).path
            if not checkpoints.exists():
                raise
            raise KeyboardInterrupt(f"{checkpoints} holds the training so far; continue with --resume") from error
        processes.broadcast(None)  # no more trainings to assist in
    about = {"space": str(output), "recipe_sha256": recipe_sha256(settings)}
    _show(about, manifest.metrics, manifest.imputations or (), as_json=as_json)
    click.echo(f"wrote {output}", err=True)


def _evaluation(chosen: _Evaluation | None, *, no_evaluation: bool) -> _Evaluation | None:
    if no_evaluation and chosen not in (None, "none"):
        raise click.UsageError(f"--no-evaluation and --evaluation {chosen} contradict one another; give one of them")
    return "none" if no_evaluation else chosen


def _settings(
    paths: tuple[Path, ...],
    output: Path | None,
    data_folder: Path | None,
    of_data: dict[str, Any],
    evaluation: _Evaluation | None,
) -> tuple[Recipe, Path]:
    """Return the recipe that was given, or one drafted from data files, and the folder of the data."""
    if _is_recipe(paths):
        settings = read_recipe(paths[0])
        if evaluation is not None and evaluation != "none":
            settings = with_evaluation(settings, evaluation)
        return settings, data_folder or paths[0].parent
    name = of_data.pop("name") or (None if output is None else output.absolute().name)
    return _draft(paths, name=name, evaluation=evaluation, **of_data)


def _draft(paths: tuple[Path, ...], **options: Any) -> tuple[Recipe, Path]:  # noqa: ANN401 (options of click)
    """Draft a recipe from data files and print the plan; the second value is the folder of the data."""
    from smile_training.draft import draft_recipe

    draft = draft_recipe(paths, **options)
    for line in draft.plan:
        click.echo(line, err=True)
    return draft.recipe, draft.folder


def _is_recipe(paths: tuple[Path, ...]) -> bool:
    """Return whether the only path is a recipe, and not one or several data files."""
    recipes = [path for path in paths if path.suffix == ".toml"]
    if recipes and len(paths) > 1:
        raise click.UsageError(f"{recipes[0]} is a recipe, which is trained alone; give one recipe, or data files")
    if len(paths) == 1 and (paths[0] / MANIFEST_NAME).is_file():
        raise click.UsageError(f"{paths[0]} is a space; train its recipe again with: {paths[0] / 'recipe.toml'}")
    return bool(recipes)


def _require_fitting_options(context: click.Context, *, from_recipe: bool) -> None:
    """Raise if an option of recipes was given for data files, or the other way round."""
    unfit = _SECTIONS["Options for DATA files" if from_recipe else "Options for a RECIPE"]
    advice = "data files; set it in the recipe instead" if from_recipe else "a recipe, not with data files; omit it"
    for parameter in context.command.params:
        if parameter.name in unfit and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} goes with {advice}")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@_data
@_device
@_json
@click.pass_context
def evaluate(context: click.Context, /, recipe: Path, data_folder: Path | None, device: str, as_json: bool) -> None:
    """Measure a RECIPE, or the recipe of a space directory, on left-out cells, compared with baselines.

    \b
    Example:
      smile-zoo evaluate training/recipes/pbmc.toml --data ~/data
      smile-zoo evaluate ./pbmc --data ~/data --json
    """
    with _training_packages():
        from smile_training.build import prepare_builder
    settings = _recipe_of(recipe)
    progress = TrainingProgress()
    onto = _teacher(context, settings.onto or None)
    builder = prepare_builder(settings, data_folder or recipe.parent, device=device, stage=progress.stage, onto=onto)
    progress.expect(builder.count_stages(train=False, measure=True))
    evaluation = builder.measure()
    if evaluation is None:
        raise click.UsageError(
            f"{recipe} has neither labels nor pairs, so left-out cells show nothing; name a column as data.label_key"
        )
    about = {"recipe": settings.name, "recipe_sha256": recipe_sha256(settings)}
    _show(about, evaluation.metrics, evaluation.imputations, as_json=as_json)


@click.command()
@click.argument("paths", metavar="DATA...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("space")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Space directory to write [default: ./NAME].")
@click.option("--labels", metavar="COLUMN", help="Column of cell types.")
@click.option("--batch", metavar="COLUMN", help="Column of batches [default: one batch a file].")
@click.option("--modality", help="Modality of the cells; needed only if the space has several.")
@click.option("--layer", help="Layer that holds the values [default: X].")
@click.option("--name", help="Name of the new space [default: that of OUTPUT, or of SPACE with -extended].")
@click.option("--title", help="Title of the new space [default: that of SPACE].")
@click.option("--source-name", help="Title of the data [default: the one that the file states, or its name].")
@click.option("--source-license", help="License of the data.")
@click.option("--source-url", help="Page or file that the data came from.")
@click.option("--force", is_flag=True, help="Replace the output if it exists.")
@_json
@click.pass_context
def extend(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    space: str,
    output: Path | None,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 (options that have the names of extend_space's arguments)
) -> None:
    """Extend the reference of a SPACE by labeled cells in DATA files, without training.

    The encoder is copied byte for byte. Landmarks, map, calibration and similarity take the cells into account; the two
    latter are measured on cells of DATA that are left out, in whole batches if there are several. Labels that SPACE has
    are the same only if they are spelled alike; all others are new. Columns of DATA that are named like further label
    columns of SPACE, such as coarser types, are read, too.

    SPACE is a name from `smile-zoo list`, a Hub repo (org/name) or a directory (./name).

    \b
    Example:
      smile-zoo extend own.h5ad pbmc --labels cell_type --batch donor_id -o own-pbmc
    """
    if Path(space).is_file():
        raise click.UsageError(f"{space} is a file, but SPACE comes last, after all DATA")
    with _training_packages():
        from smile_training.extension import extend_space
    opened = _load(context, space)
    settings["name"] = settings["name"] or (f"{opened.name}-extended" if output is None else None)
    output = output or Path(settings["name"])
    manifest = extend_space(opened, paths, output, **settings)
    assert manifest.extensions
    made = manifest.extensions[-1]
    metrics = manifest.metrics[len(opened.manifest.metrics) :]
    if as_json:
        _print_json({"space": str(output), "extension": msgspec.to_builtins(made)}, metrics)
    else:
        click.echo(metric_table(metrics), nl=False)
    click.echo(f"wrote {output}: {made.n_cells:,} cells added to {made.space} as {made.n_points:,} points", err=True)


def _load(context: click.Context, space: str) -> Space:
    """Open a space by any name, or as a directory if `smile-zoo` does not run this."""
    load: Callable[[str], Space] = context.obj or partial(open_space, device="cpu")
    return load(space)


def _teacher(context: click.Context, space: str | None) -> Space | None:
    """Open the space that a recipe is trained onto, if there is one."""
    return None if space is None else _load(context, space)


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


def _show(
    about: dict[str, Any],
    metrics: Sequence[MetricRecord],
    imputations: Sequence[ImputationRecord],
    *,
    as_json: bool,
) -> None:
    if as_json:
        _print_json({**about, "imputations": msgspec.to_builtins(imputations)} if imputations else about, metrics)
    else:
        click.echo(metric_table(metrics), nl=False)


def _print_json(about: dict[str, Any], metrics: Sequence[MetricRecord]) -> None:
    click.echo(json.dumps({**about, "metrics": msgspec.to_builtins(metrics)}, indent=2))
