"""``smile-zoo project``."""

from pathlib import Path
from typing import Any, Literal

import click

from smile_runtime import project_file
from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.files import require_writable
from smile_runtime.similarity import UNKNOWN_RATE
from smile_zoo import options
from smile_zoo.console import print_json, print_table, progress_bar
from smile_zoo.pictures import draw_projection, require_matplotlib
from smile_zoo.pulling import load
from smile_zoo.summary import summarise_projection


@click.command()
@click.argument("query", type=click.Path(path_type=Path))
@click.argument("space")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The h5ad file to write.")
@click.option("--modality", help="Which encoder; not needed where the space has one.")
@click.option("--layer", help="Layer that holds the values [default: X].")
@click.option("--values", type=click.Choice(["counts", "lognorm"]), help="What the values are [default: recognised].")
@click.option("--features", help="Where the ids are: var_names, or a column of var [default: where they fit best].")
@click.option("--overlap", is_flag=True, help="Peaks and bins go to those of the space that they overlap most.")
@click.option(
    "--unknown-rate",
    type=click.FloatRange(0, 1),
    default=UNKNOWN_RATE,
    show_default=True,
    help="Share of cells of known types that may be called unknown; 0 for none.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    help="Cells that run through the encoder together; changes speed, not results.",
)
@options.device
@options.precision
@click.option("--report", type=click.Path(path_type=Path), help="PNG to draw: query cells over the reference map.")
@click.option("--key-added", default="smile", show_default=True, help="Stem of the names of the fields written.")
@click.option("--overwrite", is_flag=True, help="Replace fields that the query already has.")
@click.option("--force", is_flag=True, help="Replace OUTPUT if it exists.")
@options.as_json
def project(
    query: Path,
    space: str,
    *,
    output: Path,
    modality: str | None,
    layer: str | None,
    values: Literal["counts", "lognorm"] | None,
    features: str | None,
    overlap: bool,
    unknown_rate: float,
    batch_size: int,
    device: options.DeviceName,
    precision: options.PrecisionName,
    report: Path | None,
    key_added: str,
    overwrite: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Project the cells of QUERY into SPACE and label them.

    QUERY is an h5ad file of raw counts or log-normalised values, SPACE a name that `smile-zoo list` shows, a Hub repo
    (org/name) or a directory (./name); it is pulled if it is not here. All that QUERY holds is written to OUTPUT with
    obsm["X_smile"], obs["smile_label"], obs["smile_confidence"], obs["smile_similarity"], obsm["X_smile_map"] and
    uns["smile"]. Cells unlike anything in the reference are labelled unknown.

    \b
    Example:
      smile-zoo project query.h5ad pbmc -o out.h5ad --report map.png
    """
    if report is not None:
        if report.suffix != ".png":
            raise click.BadParameter(f"{report} does not end in .png", param_hint="--report")
        require_matplotlib()
        require_writable(report)
    with progress_bar("pulling", unit="B") as pulling:
        modalities = None if modality is None else [modality]
        opened = load(space, device=device, precision=precision, modalities=modalities, progress=pulling)
    with progress_bar("projecting") as progress:
        adata = project_file(
            query,
            opened,
            output,
            modality=modality,
            layer=layer,
            values=values,
            features=features,
            overlap=overlap,
            unknown_rate=unknown_rate,
            batch_size=batch_size,
            key_added=key_added,
            overwrite=overwrite,
            force=force,
            progress=progress,
        )
    if report is not None:
        draw_projection(adata, opened, key_added, report)
    summary = {**summarise_projection(adata, key_added), "output": str(output), "report": report and str(report)}
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)


def print_summary(summary: dict[str, Any]) -> None:
    """Print the table of labels on stdout, and what was done on stderr."""
    if summary["labels"]:
        print_table(["LABEL", "CELLS", "SHARE", "CONFIDENCE"], [list(row.values()) for row in summary["labels"]])
    n_features = summary["n_features_matched"] + summary["n_features_missing"]
    click.echo(
        f"{summary['n_cells']:,} cells ({summary['values']}) into {summary['space']}: "
        f"{summary['n_features_matched']:,} of {n_features:,} features matched "
        f"({summary['weight_matched']:.0%} of what the encoder looks at), {summary['provider']}",
        err=True,
    )
    for key in ("output", "report"):
        if summary[key]:
            click.echo(f"wrote {summary[key]}", err=True)
