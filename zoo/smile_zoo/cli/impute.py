"""``smile-zoo impute``."""

from pathlib import Path
from typing import Any

import click

from smile_runtime import ImputationSummary, impute_file
from smile_runtime.io import counted, require_apart, require_free
from smile_runtime.manifest import Device, Precision
from smile_runtime.projection import source_text
from smile_zoo.cli import options
from smile_zoo.cli.arguments import require_query_first
from smile_zoo.cli.console import print_json, print_line, print_table, progress_bar
from smile_zoo.transfer import load


@click.command("impute")
@click.argument("query", type=click.Path(path_type=Path))
@click.argument("space")
@click.option("--to", "modality_to", required=True, help="Modality to impute, such as adt for surface proteins.")
@click.option("--from", "modality_from", help="Modality of the query; needed only if several can be imputed from.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write: .h5ad.")
@options.query
@options.device
@options.precision
@click.option("--force", is_flag=True, help="Replace OUTPUT if it exists, and the results of an interrupted run.")
@click.option("--resume", is_flag=True, help="Resume an interrupted run.")
@options.as_json
def command(
    query: Path,
    space: str,
    *,
    output: Path,
    device: Device,
    precision: Precision,
    force: bool,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 (options that have the names of impute_file's arguments)
) -> None:
    """Write values of another modality that are expected of the cells of QUERY.

    For RNA, for example, the surface proteins of such cells. QUERY is a file as for `smile-zoo project`; what SPACE
    imputes is listed by `smile-zoo show SPACE`. Each value is the mean of the nearest reference points, weighted as
    votes for a label are: it is typical of such cells, not a measurement. Cells that resemble nothing in the reference
    get NaN. OUTPUT has the obs of QUERY, and in var the columns correlation and correlation_knn: how well each feature
    was predicted in cells left out of training, by SPACE and by nearest neighbors on PCA. Features that are not
    predicted better than by their mean are left out.

    \b
    Example:
      smile-zoo impute query.h5ad pbmc-proteins --to adt -o proteins.h5ad
    """
    require_query_first([query], space)
    if output.suffix != ".h5ad":
        raise click.BadParameter(f"{output} does not end in .h5ad", param_hint="-o")
    require_apart(output, query)
    require_free(output, force=force)
    with progress_bar("pulling", unit="B") as pulling:
        modality = settings["modality_from"]
        modalities = None if modality is None else [modality]
        opened = load(space, device=device, precision=precision, modalities=modalities, progress=pulling)
    with progress_bar("imputing") as progress:
        summary = impute_file(query, opened, output, force=force, progress=progress, **settings)
    if as_json:
        print_json({**_summary(summary), "output": str(output)})
        return
    rows = [[each.id, each.correlation, each.correlation_knn] for each in summary.record.predicted]
    print_table(["FEATURE", "CORRELATION", "KNN ON PCA"], rows)
    print_line(
        f"{counted(summary.n_cells, 'cell')} of {summary.record.modality_from} into {opened.name}: expected values "
        f"of {summary.record.modality_to} ({summary.record.unit}) for {summary.n_cells - summary.n_unknown:,}, none "
        f"for {counted(summary.n_unknown, 'unknown cell')}; {len(rows):,} of "
        f"{counted(len(summary.record.features), 'feature')}",
        err=True,
    )
    if not_predicted := _not_predicted(summary):
        print_line(f"left out, not predicted better than by their mean: {', '.join(not_predicted)}", err=True)
    if source := source_text(summary.provenance):
        print_line(source, err=True)
    print_line(f"wrote {output}", err=True)


def _summary(summary: ImputationSummary) -> dict[str, Any]:
    record = summary.record
    return {
        "space": summary.provenance["space"],
        "modality_from": record.modality_from,
        "modality_to": record.modality_to,
        "unit": record.unit,
        "n_cells": summary.n_cells,
        "n_unknown": summary.n_unknown,
        "features": [
            {"id": each.id, "correlation": each.correlation, "correlation_knn": each.correlation_knn}
            for each in record.predicted
        ],
        "not_predicted": _not_predicted(summary),
    }


def _not_predicted(summary: ImputationSummary) -> list[str]:
    """Return the features that are left out of the output."""
    return [each.id for each in summary.record.features if not each.is_predicted]
