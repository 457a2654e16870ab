"""``smile-zoo project``."""

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from smile_runtime import Space, project_file
from smile_runtime.formats import BarcodeSelection
from smile_runtime.io import require_apart, require_free
from smile_runtime.manifest import JOINT_SEPARATOR, Device, Precision
from smile_runtime.projection import ProjectionOptions, is_projected
from smile_runtime.query import MatrixLocation
from smile_runtime.results import OUTPUTS
from smile_zoo.cli import options
from smile_zoo.cli.arguments import require_query_first
from smile_zoo.cli.console import print_json, print_line, progress_bar
from smile_zoo.cli.flags import error_text
from smile_zoo.cli.outcomes import print_run, print_tables, report_outcomes
from smile_zoo.cli.report_drivers import explain_for_report
from smile_zoo.cli.samples import Projected, create_folder, name_samples, project_samples, require_outputs, sample_names
from smile_zoo.cli.table_files import remove_if_empty, require_free_tables, write_tables
from smile_zoo.report import (
    DRAWING_PACKAGES,
    MAX_DRAWN_CELLS,
    draw_map,
    is_report,
    require_drawing_packages,
    sampled_cells,
    tables_json,
    tabulate_projection,
    write_page,
)
from smile_zoo.transfer import load

_COMPARED = (
    "values",
    "target_sum",
    "features",
    "overlap",
    "unknown_rate",
    "probabilities",
    "coverage",
    "clusters",
    "key_added",
)
"""Options of the command, and of a projection, that an earlier output must have been written with to be complete."""


@click.command("project")
@click.argument("queries", metavar="QUERY...", nargs=-1, type=click.Path(path_type=Path))
@click.argument("space")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help=f"File to write: {', '.join(OUTPUTS)}; for several queries, the folder of their outputs.",
)
@click.option(
    "--modality",
    help="Encoder to use, or several, as in rna+adt, that label each cell together [default: all that the features of "
    "QUERY are for].",
)
@options.query
@click.option(
    "--barcodes",
    type=click.Path(path_type=Path),
    help="List of the barcodes of an ATAC fragments file that are cells, one a line.",
)
@click.option(
    "--min-fragments",
    type=click.IntRange(min=1),
    help="Fragments of a barcode that is a cell, if none are listed [default: 1,000].",
)
@click.option("--probabilities", is_flag=True, help="Also write the probability of every label, and the runner-up.")
@click.option(
    "--coverage",
    type=click.FloatRange(0.5, 0.99),
    metavar="FRACTION",
    help="Also write a set of labels for each cell that holds its own with this probability, such as 0.9, and the "
    "finest label that they share.",
)
@click.option(
    "--clusters", metavar="COLUMN", help="Column of obs with clusters, such as leiden, to label each of them."
)
@options.device
@options.precision
@click.option(
    "--report",
    "reports",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Report to write, query cells over the reference map: an .html page or a .png picture; its folder is created "
    "if needed; may be repeated.",
)
@click.option(
    "--batch",
    "batch_keys",
    multiple=True,
    help="Column of obs that names each cell's batch, to measure how well the batches mix; may be repeated.",
)
@click.option(
    "--truth",
    metavar="COLUMN",
    help="Column of obs with known labels, to print how many are found; unknown cells count as wrong.",
)
@click.option(
    "--tables",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for the printed tables as .tsv: labels, and with --clusters or --truth those as well.",
)
@click.option("--key-added", default="smile", show_default=True, help="Base name of the fields written.")
@click.option("--overwrite", is_flag=True, help="Replace fields that the query already has.")
@click.option("--only-embedding", is_flag=True, help="Write the results without the query, as .h5ad or .parquet.")
@click.option(
    "--force", is_flag=True, help="Replace OUTPUT and reports if they exist, and the results of an interrupted run."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Resume an interrupted run; does nothing if OUTPUT is complete and was projected with the same options. "
    "Of several queries, skip those whose output is.",
)
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    queries: tuple[Path, ...],
    space: str,
    *,
    output: Path,
    modality: str | None,
    device: Device,
    precision: Precision,
    reports: tuple[Path, ...],
    tables: Path | None,
    batch_keys: tuple[str, ...],
    force: bool,
    resume: bool,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 (options that have the names of project_file's arguments)
) -> None:
    """Project the cells of QUERY into SPACE and label them.

    QUERY is an .h5ad, .h5mu or .zarr file of any size with raw counts or log-normalized values; or a Cell Ranger .h5
    or matrix folder, a .loom file, or a .csv or .tsv table, which are converted in memory. SPACE is a name from
    `smile-zoo list`, a Hub repo (org/name) or a directory (./name), and is downloaded if it is not on this machine.
    OUTPUT is a file of the same kind (.h5ad if QUERY was converted) that holds all of QUERY and adds obsm["X_smile"],
    obs["smile_label"], obs["smile_confidence"], obs["smile_similarity"], obsm["X_smile_map"] and uns["smile"], and a
    label and a confidence for every further label column of SPACE. Cells that resemble nothing in the reference are
    labeled unknown, and obs["smile_nearest_label"] is what they would have been labeled otherwise.

    If SPACE has encoders of several modalities and QUERY measured them in the same cells, as an .h5mu file or an .h5ad
    file with var["feature_types"] may state, each cell is labeled from all of them by weights that SPACE holds, and
    obs["smile_modalities"] states which.

    Several queries are projected one after another into a folder, each into a file named after it; if one fails, the
    others are still finished, and the exit code is 1.

    \b
    Example:
      smile-zoo project query.h5ad pbmc -o out.h5ad --report report.html
      smile-zoo project filtered_feature_bc_matrix.h5 pbmc -o out.h5ad
      smile-zoo project multiome.h5mu org/multiome-space -o out.h5mu
      smile-zoo project s1.h5ad s2.h5 s3/ pbmc -o results/ --report report.html
      smile-zoo project fragments.tsv.gz org/atac-space -o out.h5ad --barcodes barcodes.tsv.gz
    """
    gc.set_threshold(1_000_000)  # collecting garbage takes 0.2 s and frees little: most objects belong to libraries
    if not queries:
        raise click.UsageError(f"QUERY or SPACE is missing, only {space!r} is given; give both, as in the example")
    require_query_first(queries, space)
    several = len(queries) > 1
    _require_valid_names(queries, output, reports)
    samples = name_samples(queries, output, only_embedding=settings["only_embedding"]) if several else []
    if not several:
        require_apart(output, queries[0])
    for report in reports:
        require_apart(report, *queries, *([sample.output for sample in samples] or [output]))
        require_drawing_packages(report)
        create_folder(report.parent, "choose another folder for the reports")

    def require_free_reports() -> None:
        for report in reports:
            require_free(report, force=force or (resume and is_report(report)))

    require_free_reports()
    if tables is not None:
        asked = {name: settings[name] is not None for name in ("clusters", "truth")}
        if not tables.exists():
            ctx.call_on_close(lambda: remove_if_empty(tables))
        require_free_tables(tables, **asked, force=force or resume)
    with progress_bar("pulling", unit="B") as pulling:
        modalities = None if modality is None else modality.split(JOINT_SEPARATOR)
        opened = load(space, device=device, precision=precision, modalities=modalities, progress=pulling)

    explains = any(report.suffix == ".html" for report in reports)

    def project(query: Path, output: Path, *, again: bool = False) -> Projected:
        n_sample = MAX_DRAWN_CELLS // len(queries) if reports else MAX_DRAWN_CELLS if batch_keys else 0
        with progress_bar("projecting") as progress:
            summary = project_file(
                query,
                opened,
                output,
                modality=modality,
                force=force or again,
                resume=resume and not again,
                batch_keys=batch_keys,
                n_sample=n_sample,
                progress=progress,
                **settings,
            )
        if not explains:
            return Projected(summary, None)
        asked = {**settings, "modality": modality}
        return Projected(summary, explain_for_report(query, output, opened, summary, asked, n_queries=len(queries)))

    def is_done(query: Path, output: Path) -> bool:
        options = ProjectionOptions(
            modality=modality,
            location=MatrixLocation(settings["layer"], settings["use_raw"]),
            **{name: settings[name] for name in _COMPARED},
        )
        written = {name: settings[name] for name in ("table", "only_embedding")}
        barcodes = BarcodeSelection(settings["barcodes"], settings["min_fragments"])
        return resume and is_projected(query, opened, output, options, barcodes=barcodes, **written)

    if not several:
        wanted = [*reports, *([] if tables is None else [tables / "labels.tsv"])]
        done, missing = is_done(queries[0], output), [path for path in wanted if not path.exists()]
        if done and not missing:
            _print_complete(output, reports, as_json=as_json)
            return
        if done:
            print_line(f"{output} is complete, but {missing[0]} is missing; projecting again", err=True)
        projected = project(queries[0], output, again=done)
        require_free_reports()  # again: the projection may have taken long
        _show_one(projected, opened, output, reports, tables, as_json=as_json)
        return
    skipped = [sample for sample in samples if is_done(sample.query, sample.output)]
    require_outputs(samples, output, skipped=skipped, force=force)
    outcomes = project_samples(
        samples,
        lambda sample: project(sample.query, sample.output),
        skipped=skipped,
        explain=lambda error: error_text(error, ctx.command),
    )
    require_free_reports()
    report_outcomes(outcomes, opened, reports, tables, as_json=as_json)
    ctx.exit(1 if any(outcome.error for outcome in outcomes) else 0)


def _show_one(
    projected: Projected, space: Space, output: Path, reports: Sequence[Path], folder: Path | None, *, as_json: bool
) -> None:
    """Write the reports of a projection, and print its tables."""
    summary, found = projected.summary, projected.explanation
    tables, cells, provenance = tabulate_projection(summary), sampled_cells(summary, found), summary.provenance
    for report in reports:
        if report.suffix == ".html":
            write_page(report, space, provenance=provenance, tables=tables, cells=cells, explanation=found)
        else:
            draw_map(report, space, cells)
    written = [] if folder is None else write_tables(folder, {"": tables})
    if as_json:
        files = {"output": str(output), "reports": [str(report) for report in reports]}
        print_json(
            {**tables_json(tables, provenance), **files, **({"tables": list(map(str, written))} if written else {})}
        )
    else:
        print_tables({"": tables})
        print_run(tables, provenance)
        for path in (output, *reports, *written):
            print_line(f"wrote {path}", err=True)


def _require_valid_names(queries: Sequence[Path], output: Path, reports: Sequence[Path]) -> None:
    """Raise if a suffix is unknown, or if two reports are the same file."""
    several = len(queries) > 1
    if several and output.suffix in OUTPUTS:
        raise click.BadParameter(
            f"{output} is one file, but several queries are given; name a folder for their outputs", param_hint="-o"
        )
    if not several and output.suffix not in OUTPUTS:
        stem = Path("out") if str(output) == "-" else output
        example = output / f"{sample_names(queries)[0]}.h5ad" if output.is_dir() else stem.with_suffix(".h5ad")
        raise click.BadParameter(f"{output} does not end in {' or '.join(OUTPUTS)}; name it {example}", param_hint="-o")
    for report in reports:
        if report.suffix not in DRAWING_PACKAGES:
            raise click.BadParameter(f"{report} does not end in {' or '.join(DRAWING_PACKAGES)}", param_hint="--report")
    paths = [os.path.realpath(report) for report in reports]
    for report, path in zip(reports, paths, strict=True):
        if paths.count(path) > 1:
            raise click.BadParameter(f"{report} is given twice; name each report differently", param_hint="--report")


def _print_complete(output: Path, reports: Sequence[Path], *, as_json: bool) -> None:
    """Print that an output needs no resuming."""
    if as_json:
        print_json({"output": str(output), "reports": [str(report) for report in reports], "already_complete": True})
    print_line(f"{output} is complete; nothing to resume", err=True)
