"""``smile-zoo project``."""

import gc
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from smile_runtime import project_file
from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.io import require_free
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.results import OUTPUTS
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_table, progress_bar
from smile_zoo.report import (
    MOST_SHOWN,
    SUFFIXES,
    Summary,
    draw_map,
    require_drawable,
    shown_cells,
    summarize_cells,
    summary_json,
    write_report,
)
from smile_zoo.transfer import load


@click.command()
@click.argument("query", type=click.Path(path_type=Path))
@click.argument("space")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help=f"The file to write: {', '.join(OUTPUTS)}."
)
@click.option("--modality", help="Which encoder; not needed where the space has one.")
@click.option("--layer", help="Layer that holds the values [default: X].")
@click.option("--raw", "use_raw", is_flag=True, help="The values are those of raw, with its features.")
@click.option(
    "--values",
    type=click.Choice(get_args(ValueKind)),
    help="What the values are: counts or lognorm (RNA), counts (antibodies), presence (peaks), levels (from 0 to 1, of "
    "methylation), numbers (of any kind) [default: recognized].",
)
@click.option(
    "--target-sum",
    type=click.FloatRange(min=0, min_open=True),
    help="What log-normalized cells were scaled to before the logarithm [default: what each adds up to, or 10,000 "
    "where features were taken away since].",
)
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
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path),
    multiple=True,
    help="What to draw, query cells over the reference map: an .html page or a .png picture; may be given again.",
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    help="Column of obs that says which batch a cell is of: how well they mix is measured; may be given again.",
)
@click.option("--key-added", default="smile", show_default=True, help="Stem of the names of the fields written.")
@click.option("--overwrite", is_flag=True, help="Replace fields that the query already has.")
@click.option("--only-embedding", is_flag=True, help="Write the results alone, as .h5ad or .parquet.")
@click.option(
    "--force", is_flag=True, help="Replace OUTPUT and reports if they exist, and what an interrupted run left."
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
@options.as_json
def project(
    query: Path,
    space: str,
    *,
    output: Path,
    modality: str | None,
    layer: str | None,
    use_raw: bool,
    values: ValueKind | None,
    target_sum: float | None,
    features: str | None,
    overlap: bool,
    unknown_rate: float,
    batch_size: int,
    device: options.DeviceName,
    precision: options.PrecisionName,
    reports: tuple[Path, ...],
    batches: tuple[str, ...],
    key_added: str,
    overwrite: bool,
    only_embedding: bool,
    force: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Project the cells of QUERY into SPACE and label them.

    QUERY is an .h5ad, .h5mu or .zarr file of raw counts or log-normalized values, of any size. SPACE is a name that
    `smile-zoo list` shows, a Hub repo (org/name) or a directory (./name); it is pulled if it is not here. All that
    QUERY holds is written to OUTPUT, a file of the same kind, with obsm["X_smile"], obs["smile_label"],
    obs["smile_confidence"], obs["smile_similarity"], obsm["X_smile_map"] and uns["smile"], and likewise every further
    label column of SPACE. Cells unlike anything in the reference are labeled unknown.

    \b
    Example:
      smile-zoo project query.h5ad pbmc -o out.h5ad --report report.html
    """
    gc.set_threshold(1_000_000)  # nearly all that is made are libraries, which stay: looking for garbage takes 0.2 s
    _require_outputs(output, reports)
    for report in reports:
        require_drawable(report)
        require_free(report, force=force)
    with progress_bar("pulling", unit="B") as pulling:
        modalities = None if modality is None else [modality]
        opened = load(space, device=device, precision=precision, modalities=modalities, progress=pulling)
    with progress_bar("projecting") as progress:
        overview = project_file(
            query,
            opened,
            output,
            modality=modality,
            layer=layer,
            use_raw=use_raw,
            values=values,
            target_sum=target_sum,
            features=features,
            overlap=overlap,
            unknown_rate=unknown_rate,
            batch_size=batch_size,
            key_added=key_added,
            overwrite=overwrite,
            only_embedding=only_embedding,
            force=force,
            resume=resume,
            batch_keys=batches,
            n_sample=MOST_SHOWN if reports or batches else 0,
            progress=progress,
        )
    shown, summary, provenance = shown_cells(overview), summarize_cells(overview), overview.provenance
    for report in reports:
        if report.suffix == ".html":
            write_report(report, opened, provenance=provenance, summary=summary, shown=shown)
        else:
            draw_map(report, opened, shown)
    written = {"output": str(output), "reports": [str(report) for report in reports]}
    if as_json:
        print_json({**summary_json(summary, provenance), **written})
    else:
        print_summary(summary, provenance)
        for path in (output, *reports):
            click.echo(f"wrote {path}", err=True)


def _require_outputs(output: Path, reports: Sequence[Path]) -> None:
    """Refuse names that tell no kind of file, and reports of the same place."""
    if output.suffix not in OUTPUTS:
        raise click.BadParameter(f"{output} does not end in {' or '.join(OUTPUTS)}", param_hint="-o")
    for report in reports:
        if report.suffix not in SUFFIXES:
            raise click.BadParameter(f"{report} does not end in {' or '.join(SUFFIXES)}", param_hint="--report")
    places = [(os.path.realpath(report.parent), report.name) for report in reports]
    for report, place in zip(reports, places, strict=True):
        if places.count(place) > 1:
            raise click.BadParameter(f"{report} is given twice; name each report differently", param_hint="--report")


def print_summary(summary: Summary, provenance: Mapping[str, Any]) -> None:
    """Print the table of labels on stdout, and what was done on stderr."""
    for rows in list(summary.labels.values())[:1]:
        print_table(["LABEL", "CELLS", "SHARE", "CONFIDENCE"], [list(asdict(row).values()) for row in rows])
    n_matched = provenance["n_features_matched"]
    unknown = "" if summary.fraction_unknown is None else f"{summary.fraction_unknown:.1%} unknown; "
    click.echo(
        f"{summary.n_cells:,} cells ({provenance['values']}) into {provenance['space']}: {unknown}"
        f"{n_matched:,} of {n_matched + len(provenance['features_missing']):,} features matched "
        f"({provenance['weight_matched']:.0%} of what the encoder looks at), {provenance['provider']}",
        err=True,
    )
    for column, found in summary.batches.items():
        mixing = "nothing to mix" if found.mixing is None else f"mixing {found.mixing:.2f} (0 apart, 1 mixed)"
        click.echo(f"{len(found.batches)} batches by {column}: {mixing}", err=True)
