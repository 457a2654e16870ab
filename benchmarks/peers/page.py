"""Write docs/comparison.md and its figures from the committed summary of results.

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
from comparison_tables import METRICS, STRANGERS, behind, by_set_table, compared_metrics, cost_table, over_sets_table
from over_sets import Rows, figures
from plots import SIMULATED, Titles, plot_costs, plot_leads, plot_values
from sets import KINDS, load_kind
from summary import summarize

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
not counted. Values at 1,000, 10,000 and 100,000 cells, as far as they were run; in brackets, the exponent between the
two largest."""
HOW = """Everything below is made by these commands; the first takes hours and is resumed by itself:

```bash
for kind in transfer integration pairs; do python benchmarks/peers/run.py $kind ../shared/data -o RESULTS; done
python benchmarks/peers/integration_metrics.py ../shared/data RESULTS
python benchmarks/peers/page.py --results RESULTS
```

All methods get the same cells and features, one thread, and an environment of their own; each follows its documented
workflow, linked below, and nothing is tuned on cells that a figure is measured on. Intervals of one set are of paired
cells (500 bootstrap draws), those over sets are Student's, of paired sets. A dash stands for a run that was not
made, or failed; reasons stand below the methods."""


def section(kind: str, summary: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield the paragraphs of a kind of task, and draw its figures."""
    rows, titles = summary["rows"], {name: each["title"] for name, each in summary["methods"].items()}
    real = [row for row in rows if not row["set"].startswith(SIMULATED)]
    yield f"## {HEADINGS[kind]}"
    yield _extent(kind, real)
    if kind == "integration":
        yield from integration_page.section(summary, folder)
        yield from _methods(kind, summary, rows, titles)
        return
    yield ABOUT[kind]
    for metric in compared_metrics(real):
        of_metric = [row for row in real if row["set"].endswith(STRANGERS) == metric.startswith("auroc")]
        if not figures(of_metric, metric):
            continue
        title, path = METRICS.get(metric, metric), folder / f"{kind}-{metric}.svg"
        label = title.replace("`", "")
        if any(metric in row.get("leads", {}) for row in of_metric):
            plot_leads(of_metric, titles, metric, label, path)
        else:
            plot_values(of_metric, titles, metric, label, path)
        yield f"### {title[0].upper()}{title[1:]}"
        yield f"![{label}]({folder.name}/{path.name})"
        yield over_sets_table(of_metric, titles, metric)
        yield by_set_table(of_metric, titles, metric)
    if any(row["set"].startswith(SIMULATED) and "costs" in row for row in rows):
        yield from _costs(kind, rows, titles, folder)
    yield from _methods(kind, summary, rows, titles)
    if kind == "pairs":
        yield pairs_page.FIGURES


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
    yield cost_table(rows, titles)


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


def write_page(results: dict[str, Any], page: Path) -> None:
    """Write the page, and the figures into the folder beside it that has its name."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.svg"):
        path.unlink()
    lost = [
        f"- {HEADINGS[kind]}, {line}"
        for kind, summary in results.items()
        for line in (integration_page.behind if kind == "integration" else behind)(
            [row for row in summary["rows"] if not row["set"].startswith(SIMULATED)],
            {name: each["title"] for name, each in summary["methods"].items()},
        )
    ]
    first = (
        "smile-zoo is behind by 95% intervals of paired differences that exclude zero, or by mean rank over sets where "
        "the line says so:\n\n" + "\n".join(lost)
        if lost
        else "No difference to a peer that was measured excludes zero to our disadvantage."
    )
    paragraphs = ["# Comparison with other methods", first, HOW]
    for kind, summary in results.items():
        paragraphs += section(kind, summary, folder)
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
    write_page(results, PAGE)


if __name__ == "__main__":
    main()
