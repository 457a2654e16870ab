"""Write docs/comparison.md, its figures, and README's first lines on it from the committed summary of results.

python benchmarks/peers/page.py                      (from benchmarks/peers/results.json)
python benchmarks/peers/page.py --results RESULTS    (after summarizing a folder of results into it)
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import integration_page
import pairs_page
import suites_page
from behind import Behind, behind_table, sentence
from comparison_tables import (
    METRICS,
    STRANGER_SCORE,
    behind,
    by_set_table,
    compared_metrics,
    cost_table,
    over_sets_table,
    rows_of_metric,
    strangers_table,
    with_stranger_score,
)
from figures_page import KEPT, overview, write_figures_page
from headline import plot_overview, write_readme
from over_sets import Rows, figures
from plots import SIMULATED, Titles, cost_points, plot_costs, plot_leads, plot_values
from sets import KINDS, load_kind
from suite_rows import Row, read_rows
from summary import OURS, summarize

from smile_runtime.cards.tables import markdown_table

SUMMARY = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[2] / "docs/comparison.md"
HEADINGS = {"transfer": "Labels", "integration": "Integration of batches", "pairs": "Pairs of modalities"}
ABOUT = {
    "transfer": """A method learns from labeled cells of a reference, and labels a query: whole batches or studies where
there are several, otherwise a quarter of the cells. `unknown` counts as wrong. In sets that end in `-strangers`, one or
two types were removed from the reference; cells of types that it lacks count only among strangers.

smile-zoo is what `smile-zoo train reference.h5ad --labels label --batch batch --evaluation sample` and
`smile-zoo project query.h5ad` give, at the settings that the command drafts, the same for all sets.""",
    "pairs": pairs_page.ABOUT,
}
COSTS = """Simulated counts of 20,000 genes, as many cells in the query as in the reference, one thread; imports are
not counted. The exponent is the slope between the two largest numbers of cells on logarithmic axes: 1 for what grows
as the cells do."""
ABOUT_STRANGERS = """Cells of types that the reference lacks, in sets that end in `-strangers`: means over these sets.
AUROC tells strangers from other cells, by the method's own score of new cells if it has one, otherwise by its
confidence (low is strange); 0.5 is chance. Methods without either can only say `unknown`, or nothing."""
HOW = """Everything below is made by these commands; the first takes hours and is resumed by itself:

```bash
for kind in transfer integration pairs; do python benchmarks/peers/run.py $kind ../shared/data -o RESULTS; done
python benchmarks/peers/integration_metrics.py ../shared/data RESULTS
python benchmarks/peers/page.py --results RESULTS
```

All methods get the same cells and features, one thread, and an environment of their own; each follows its documented
workflow, linked below, and nothing is tuned on cells that a figure is measured on, unless the table of methods says
so. Intervals of one set are of paired cells (500 bootstrap draws), those over sets are Student's, of paired sets. A
dash stands for a run that was not made, or failed; reasons stand below the methods. Mean ranks are over the sets that
all methods with at least half of the sets have."""


def section(kind: str, summary: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield the paragraphs of a kind of task, and draw its figures."""
    rows, titles = summary["rows"], _titles(summary)
    real = real_rows(summary)
    yield f"## {HEADINGS[kind]}"
    yield _extent(kind, real)
    if kind == "integration":
        yield from integration_page.section(summary, folder)
        yield from _methods(kind, summary, rows, titles)
        return
    yield ABOUT[kind]
    for metric in compared_metrics(real):
        of_metric = rows_of_metric(real, metric)
        if not figures(of_metric, metric):
            continue
        title, path = METRICS.get(metric, metric), folder / f"{kind}-{metric}.svg"
        label = title.replace("`", "")
        if any(metric in row.get("leads", {}) for row in of_metric):
            plot_leads(of_metric, titles, metric, label, path)
        else:
            plot_values(of_metric, titles, metric, label, path)
        yield f"### {title[0].upper()}{title[1:]}"
        if metric == STRANGER_SCORE:
            yield ABOUT_STRANGERS
            yield strangers_table(of_metric, titles)
        yield f"![{label}]({folder.name}/{path.name})"
        yield over_sets_table(of_metric, titles, metric)
        yield _folded("each set", by_set_table(of_metric, titles, metric))
    if any(row["set"].startswith(SIMULATED) and "costs" in row for row in rows):
        yield from _costs(kind, rows, titles, folder)
    yield from _methods(kind, summary, rows, titles)


def real_rows(summary: dict[str, Any]) -> Rows:
    """Return the rows of sets that are not simulated; simulated ones tell time and memory alone."""
    return with_stranger_score([row for row in summary["rows"] if not row["set"].startswith(SIMULATED)])


def _titles(summary: dict[str, Any]) -> Titles:
    return {name: each["title"] for name, each in summary["methods"].items()}


def _folded(title: str, table: str) -> str:
    """Return a table that is shown on a click."""
    return f"<details>\n<summary>{title}</summary>\n\n{table.rstrip()}\n\n</details>"


def _extent(kind: str, real: Rows) -> str:
    """Say how much of what there is to run has been run."""
    names = {name for name in load_kind(kind).names if not name.startswith(SIMULATED)}
    run = {row["set"] for row in real if "reason" not in row}
    seeds = max((len(row.get("seeds", ())) for row in real), default=0)
    of = "one split or seed" if seeds == 1 else f"up to {seeds} splits or seeds"
    return f"Run so far: {len(run & names)} of {len(names)} sets, {of} of each, and not every method on each."


def _costs(kind: str, rows: Rows, titles: Titles, folder: Path) -> Iterator[str]:
    yield "### Time and memory"
    yield COSTS
    for phase in ("build", "project"):
        costs = {f"{phase}_cpu_s": f"{phase}, CPU s", f"{phase}_mb": f"{phase}, peak MB"}
        plot_costs(rows, titles, costs, folder / f"{kind}-{phase}.svg")
        yield f"![{phase}]({folder.name}/{kind}-{phase}.svg)"
        yield cost_table(rows, titles, phase)


def _methods(kind: str, summary: dict[str, Any], rows: Rows, titles: Titles) -> Iterator[str]:
    yield "### Methods"
    table = [
        [f"[{each['title']}]({each['documentation']})", each["version"] or "not run", each["settings_chosen_on"]]
        for each in summary["methods"].values()
    ]
    yield markdown_table(["method and workflow followed", "version", "settings chosen on"], table)
    if summary["not_run"]:
        yield f"Not run: {', '.join(summary['not_run'])}."
    failed: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "reason" in row:
            failed.setdefault((titles[row["method"]], row["reason"]), []).append(row["set"])
    if failed:
        yield "Runs without figures:"
        table = [[title, ", ".join(sets), reason] for (title, reason), sets in failed.items()]
        yield markdown_table(["method", "sets", "reason"], table)


def behind_first(results: dict[str, Any]) -> tuple[str, dict[str, list[Behind]]]:
    """Return the first paragraph, and all that is ahead of ours by kind of task."""
    lines, found = [], {}
    for kind, summary in results.items():
        rows, titles = real_rows(summary), _titles(summary)
        found[HEADINGS[kind]] = list((integration_page.behind if kind == "integration" else behind)(rows, titles))
        own = {row["set"] for row in rows if row["method"] == OURS and "metrics" in row}
        lines.append(sentence(HEADINGS[kind], found[HEADINGS[kind]], len(own)))
        lines += _slower(summary["rows"], titles)
    first = "Where smile-zoo is behind other methods, by 95% intervals that exclude zero or by mean rank:"
    return first + "\n\n" + "\n".join(lines), found


def _slower(rows: Rows, titles: Titles) -> Iterator[str]:
    """Yield the line on the time of building, for the largest number of cells that ours was run on."""
    points = {method: dict(cost_points(rows, method, "build_cpu_s")) for method in titles}
    if not points.get(OURS):
        return
    size = max(points[OURS])
    others = {method: each[size] for method, each in points.items() if method != OURS and size in each}
    faster = [method for method, seconds in others.items() if seconds < points[OURS][size]]
    yield (
        f"- **Time**: building a reference of {size:,} cells takes {points[OURS][size]:,.0f} CPU s; "
        f"{len(faster)} of {len(others)} others take less."
    )


def write_page(
    results: dict[str, Any], page: Path, kept: dict[str, Any] | None = None, suites: list[Row] | None = None
) -> None:
    """Write the page, and the figures into the folder beside it that has its name.

    Parameters
    ----------
    results
        Summary of each kind of task.
    page
        Path of the page.
    kept
        What the scripts of the paper's figures kept.
    suites
        Figures of suites by others beside ours.
    """
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.svg"):
        path.unlink()
    first, found = behind_first(results)
    plot_overview(results, folder / "overview.svg")
    paragraphs = ["# Comparison with other methods", first]
    paragraphs += [f"![lead of smile-zoo over other methods]({folder.name}/overview.svg)", HOW]
    if any(found.values()):
        paragraphs += ["## Where smile-zoo is behind", behind_table(found)]
    for kind, summary in results.items():
        paragraphs += section(kind, summary, folder)
    if suites:
        paragraphs += suites_page.section(suites, {kind: _titles(summary) for kind, summary in results.items()})
    if kept:
        write_figures_page(kept, folder / "figures.md")
        paragraphs += ["## The paper's figures again", overview(kept, f"{folder.name}/figures.md")]
    page.write_text("\n\n".join(each.rstrip("\n") for each in paragraphs) + "\n", "utf-8")


def main() -> None:
    """Summarize results if they are given, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, help="folder of results to summarize first")
    arguments = parser.parse_args()
    results = json.loads(SUMMARY.read_text("utf-8")) if SUMMARY.exists() else {}
    if arguments.results:
        new = {kind: summarize(arguments.results, kind) for kind in KINDS if (arguments.results / kind).is_dir()}
        results = {kind: (results | new)[kind] for kind in KINDS if kind in results | new}
        SUMMARY.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else None
    write_page(results, PAGE, kept, read_rows())
    write_readme(results)


if __name__ == "__main__":
    main()
