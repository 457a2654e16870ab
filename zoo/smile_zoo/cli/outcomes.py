"""Results of a run: tables on the terminal or as JSON, and reports of several queries."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smile_runtime import Space
from smile_runtime.io import counted, share_text
from smile_runtime.projection import source_text
from smile_runtime.results import ClusterLabel, LabelAgreement, ModalityCount
from smile_zoo.cli.console import print_json, print_line, print_table
from smile_zoo.cli.samples import Outcome, Projected
from smile_zoo.cli.table_files import write_tables
from smile_zoo.report import (
    ProjectionTables,
    SampleResult,
    draw_map,
    expectation,
    pool_cells,
    sampled_cells,
    tables_json,
    tabulate_projection,
    transferred_labels,
    write_samples_page,
)

_MAX_COLUMNS = 12
"""Labels of a table of known by transferred labels; more are listed by pairs, as a terminal would break the lines."""
_NO_CELLS = "."


def report_outcomes(
    outcomes: Sequence[Outcome], space: Space, reports: Sequence[Path], folder: Path | None, *, as_json: bool
) -> None:
    """Write reports and tables of several queries, and print what became of each, with the data alone on stdout."""
    results = [_result(outcome.sample.name, outcome.projected) for outcome in outcomes if outcome.projected is not None]
    notes = {outcome.sample.name: outcome.note for outcome in outcomes if outcome.projected is None}
    written = list(reports) if results else []
    for report in written:
        _write_report(report, space, results, notes)
    if folder is not None and results:
        written += write_tables(folder, {result.name: result.tables for result in results})
    if as_json:
        print_json({"samples": _samples_json(outcomes, results), "reports": list(map(str, reports if results else []))})
    else:
        print_tables({result.name: result.tables for result in results})
        for result in results:
            print_run(result.tables, result.provenance, result.name)
    for report in written:
        print_line(f"wrote {report}", err=True)
    if failed := [str(outcome.sample.query) for outcome in outcomes if outcome.error]:
        print_line(f"{len(failed)} of {len(outcomes)} queries failed: {', '.join(failed)}", err=True)


def _result(name: str, projected: Projected) -> SampleResult:
    summary, found = projected.summary, projected.explanation
    cells = sampled_cells(summary, found)
    return SampleResult(name, summary.provenance, tabulate_projection(summary), cells, found)


def _write_report(report: Path, space: Space, results: Sequence[SampleResult], notes: Mapping[str, str]) -> None:
    if report.suffix == ".html":
        write_samples_page(report, space, results, notes)
    else:
        draw_map(report, space, pool_cells({result.name: result.cells for result in results}))


def print_tables(tables: Mapping[str, ProjectionTables]) -> None:
    """Print the primary labels of one query on stdout, or of several by name."""
    header = ["LABEL", "CELLS", "SHARE", "CONFIDENCE"]
    named = [(name, row) for name, each in tables.items() for rows in list(each.labels.values())[:1] for row in rows]
    if not named:
        return
    if set(tables) == {""}:
        print_table(header, [list(asdict(row).values()) for _, row in named])
    else:
        print_table(["QUERY", *header], [[name, *asdict(row).values()] for name, row in named])
    for name, each in tables.items():
        if each.modalities:
            print_modalities(each.modalities, name)
        if each.clusters is not None:
            print_clusters(each.clusters, name)
        if each.agreement is not None:
            print_agreement(each.agreement, name)


def print_modalities(modalities: Sequence[ModalityCount], name: str = "") -> None:
    """Print on stdout how many cells of one query were labeled from which modalities, and how many were right."""
    has_truth = any(row.n_known is not None for row in modalities)
    header = ["CELLS", "SHARE", "UNKNOWN", *(["KNOWN", "RIGHT", "ACCURACY"] if has_truth else [])]
    print_line("")
    print_table(
        [f"{name and f'{name}: '}LABELED FROM", *header],
        [list(asdict(row).values())[: 1 + len(header)] for row in modalities],
    )


def print_clusters(clusters: Sequence[ClusterLabel], name: str = "") -> None:
    """Print the labels of the clusters of one query on stdout."""
    print_line("")
    nearest = [", ".join(f"{label} {probability:.2f}" for label, probability in each.nearest) for each in clusters]
    print_table(
        [f"{name and f'{name}: '}CLUSTER", "CELLS", "LABEL", "CONFIDENCE", "OTHER", "UNKNOWN", "MOST PROBABLE"],
        [
            [row.cluster, row.n_cells, row.label, row.confidence, row.fraction_other, row.fraction_unknown, labels]
            for row, labels in zip(clusters, nearest, strict=True)
        ],
    )


def print_agreement(agreement: LabelAgreement, name: str = "") -> None:
    """Print the accuracy by known label and the confusion of one query on stdout."""
    print_line("")
    print_line(f"{name and f'{name}: '}known labels, compared with {agreement.column}")
    print_table(
        ["KNOWN LABEL", "CELLS", "RIGHT", "ACCURACY", "FROM", "TO"],
        [list(asdict(row).values()) for row in (*agreement.labels, agreement.overall)],
    )
    print_line("")
    rows = {**agreement.confusion, **{f"{label} (not in the space)": row for label, row in agreement.lacking.items()}}
    labels = transferred_labels(agreement)
    if len(labels) > _MAX_COLUMNS:
        pairs = [[known, label, row[label]] for known, row in rows.items() for label in labels if label in row]
        print_table(["KNOWN", "LABELED", "CELLS"], pairs)
    else:
        print_table(
            ["KNOWN \\ LABELED", *labels],
            [[known, *(row.get(label, _NO_CELLS) for label in labels)] for known, row in rows.items()],
        )
    n_without = agreement.n_without
    left_out = f"; {counted(n_without, 'cell')} without a known label" if n_without else ""
    print_line(f"macro-F1 {agreement.macro_f1:.3f}; FROM and TO are 95% intervals (Wilson){left_out}", err=True)


def print_run(tables: ProjectionTables, provenance: Mapping[str, Any], name: str = "") -> None:
    """Print a summary of a projection on stderr."""
    if tables.fraction_unknown is not None:
        unknown = f"{share_text(tables.fraction_unknown)} unknown; "
    else:
        reason = "no cell can become unknown, and confidence is not calibrated, because the space was not evaluated; "
        unknown = reason if tables.labels else ""
    features = f"encoded by {provenance['modality']}" if "modalities" in provenance else _features_text(provenance)
    print_line(
        f"{name and f'{name}: '}{counted(tables.n_cells, 'cell')} ({provenance['values']}) into "
        f"{provenance['space']}: {unknown}{features}, {provenance['provider']}",
        err=True,
    )
    if source := source_text(provenance):
        print_line(source, err=True)
    for modality, own in provenance.get("modalities", {}).items():
        print_line(f"{modality}: {_features_text(own)}", err=True)
    for line in expectation(tables, provenance).splitlines():
        print_line(line, err=True)
    if tables.sets is not None and tables.sets.fraction_single is not None:
        print_line(
            f"sets at a coverage of {tables.sets.coverage:g}: {tables.sets.mean_size:.2f} labels on average, and "
            f"{share_text(tables.sets.fraction_single)} of the cells that are not unknown have a single label",
            err=True,
        )
    if "n_feature_sets" in provenance:
        print_line(
            f"cells measured {provenance['n_feature_sets']:,} different sets of features; the lowest measured fraction "
            f"of the feature weight is {share_text(provenance['lowest_weight_matched'], 0)}",
            err=True,
        )
    if left_out := provenance["features"]["left_out"]:
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in left_out.items())
        print_line(f"left out of the query, which holds other features too: {kinds}", err=True)
    for column, table in tables.batches.items():
        mixing = "mixing undefined" if table.mixing is None else f"mixing {table.mixing:.2f} (0 apart, 1 mixed)"
        n = len(table.batches)
        print_line(f"{n} {'batch' if n == 1 else 'batches'} by {column}: {mixing}", err=True)


def _features_text(provenance: Mapping[str, Any]) -> str:
    n_matched = provenance["n_features_matched"]
    return (
        f"{n_matched:,} of {n_matched + len(provenance['features_missing']):,} features matched "
        f"({share_text(provenance['weight_matched'], 0)} of the encoder's feature weight)"
    )


def _samples_json(outcomes: Sequence[Outcome], results: Sequence[SampleResult]) -> list[dict[str, Any]]:
    tables = {result.name: tables_json(result.tables, result.provenance) for result in results}
    return [
        {
            "name": outcome.sample.name,
            "query": str(outcome.sample.query),
            "status": outcome.status,
            **tables.get(outcome.sample.name, {}),
            **({"error": outcome.error} if outcome.error else {"output": str(outcome.sample.output)}),
        }
        for outcome in outcomes
    ]
