"""Write docs/comparison.md and its figures from the committed summary of results.

python benchmarks/peers/page.py                      (from benchmarks/peers/results.json)
python benchmarks/peers/page.py --results RESULTS    (after summarizing a folder of results into it)
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from over_sets import Rows, compare, figures, mean_ranks, sign
from plots import Titles, cost_points, exponent, plot_costs, plot_leads, plot_values
from sets import KINDS
from summary import OURS, summarize

from smile_runtime.cards.tables import markdown_table

SUMMARY = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[2] / "docs/comparison.md"
HEADINGS = {"transfer": "Labels", "integration": "Integration of batches", "pairs": "Pairs of modalities"}
STRANGERS = "-strangers"
ABOUT = {
    "transfer": (
        "A method learns from labeled cells of a reference, and labels a query: whole batches or studies where there\n"
        "are several, otherwise a quarter of the cells. `unknown` counts as wrong. Cells whose type the reference lacks\n"
        "are counted only among strangers: in sets that end in `-strangers`, one or two types were removed from the\n"
        "reference."
    ),
    "integration": "A method embeds the cells of several batches; labels are known to semi-supervised methods alone.",
    "pairs": "A method embeds cells of two modalities, some of which are known to be the same cells.",
}
METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "nearest_accuracy": "accuracy without `unknown`",
    "ece": "calibration error",
    "auroc": "strangers: AUROC of the confidence",
    "auroc_novelty": "strangers: AUROC of the method's own score",
}
NOT_COMPARED = {"n_cells", "n_strangers", "unknown", "unknown_strangers", "nearest_macro_f1"}


def behind(rows: Rows, titles: Titles) -> Iterator[str]:
    """Yield where a method is ahead of ours by an interval that excludes zero: by cells of a set, or over sets."""
    ours = {metric: figures(rows, metric).get(OURS, {}) for metric in ("accuracy", "macro_f1")}
    for metric, known in ours.items():
        for name in known:
            ahead = [row for row in rows if row["set"] == name and row.get("leads", {}).get(metric, [0, 0])[1] < 0]
            if ahead:
                by = ", ".join(
                    f"{titles[row['method']]} ({100 * (row['metrics'][metric] - known[name]):.1f} points)"
                    for row in ahead
                )
                yield f"{METRICS[metric]} in `{name}`: {by}"
    for metric in compared_metrics(rows):
        found = figures(rows, metric)
        for method, other in found.items():
            result = compare(found.get(OURS, {}), other, metric) if method != OURS else None
            if result and result.interval and result.interval[1] < 0:
                means = f"{result.other:.3f} against {result.mean:.3f}, {result.n_sets} sets"
                yield f"{METRICS.get(metric, metric)}, mean over sets: {titles[method]} ({means})"


def compared_metrics(rows: Rows) -> list[str]:
    """Return the metrics that methods are compared by, the known ones first."""
    present = dict.fromkeys(metric for row in rows for metric in row.get("metrics", {}))
    order = [*METRICS, *(metric for metric in present if metric not in METRICS)]
    return [metric for metric in order if metric in present and metric not in NOT_COMPARED]


def over_sets_table(rows: Rows, titles: Titles, metric: str) -> str:
    """Return the table of methods in a metric over sets."""
    found = figures(rows, metric)
    ranks = mean_ranks(found, metric)
    table = []
    for method in titles:
        if method not in found:
            continue
        result = compare(found.get(OURS, {}), found[method], metric)
        lead = "" if result.interval is None or method == OURS else _interval(result.interval)
        p = "" if result.p is None or method == OURS else f"{result.p:.3f}"
        rank = f"{ranks[method]:.1f}" if method in ranks else ""
        ours = "" if method == OURS else f"{result.mean:.3f}"
        table.append([titles[method], str(result.n_sets), f"{result.other:.3f}", ours, lead, p, rank])
    header = [
        "method",
        "sets",
        "mean",
        "smile-zoo on these",
        "our lead, 95% interval over sets",
        "Wilcoxon p",
        "mean rank",
    ]
    return markdown_table(header, table)


def by_set_table(rows: Rows, titles: Titles, metric: str) -> str:
    """Return a metric of every method in every set: the mean over seeds; `-` where there is a reason for none."""
    found = figures(rows, metric)
    sets = list(dict.fromkeys(row["set"] for row in rows if metric in row.get("metrics", {})))
    methods = [method for method in titles if method in found]
    table = []
    for name in sets:
        values = {method: found[method][name] for method in methods if name in found[method]}
        best = max(values.values(), key=lambda value: sign(metric) * value)
        seeds = max(len(row["seeds"]) for row in rows if row["set"] == name)
        cells = [f"{values[each]:.3f}" if each in values else "-" for each in methods]
        cells = [f"**{cell}**" if cell == f"{best:.3f}" else cell for cell in cells]
        table.append([name, str(seeds), *cells])
    return markdown_table(["set", "seeds", *(titles[method] for method in methods)], table)


def cost_table(rows: Rows, titles: Titles) -> str:
    """Return what building and projecting took by number of cells, and the exponents between the two largest."""
    table = []
    for method, title in titles.items():
        cells = [title]
        for cost in ("build_cpu_s", "build_mb", "project_cpu_s", "project_mb"):
            points = cost_points(rows, method, cost)
            power = exponent(points)
            cells.append("; ".join(f"{value:,.3g}" for _, value in points) + (f" ({power:.2f})" if power else ""))
        if any(cells[1:]):
            table.append(cells)
    header = ["method", "build, CPU s", "build, peak MB", "project, CPU s", "project, peak MB"]
    return markdown_table(header, table)


def section(kind: str, summary: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield the paragraphs of a kind of task, and draw its figures."""
    rows, titles = summary["rows"], {name: each["title"] for name, each in summary["methods"].items()}
    real = [row for row in rows if not row["set"].startswith("simulated-")]
    yield f"## {HEADINGS[kind]}"
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
    if any(row["set"].startswith("simulated-") and "costs" in row for row in rows):
        yield from _costs(kind, rows, titles, folder)
    yield from _methods(kind, summary, rows, titles)


def _costs(kind: str, rows: Rows, titles: Titles, folder: Path) -> Iterator[str]:
    yield "### Time and memory"
    yield (
        "Simulated counts of 20,000 genes, as many cells in the query as in the reference, one thread; imports are not\n"
        "counted. Values at 1,000, 10,000 and 100,000 cells, as far as they were run; in brackets, the exponent between\n"
        "the two largest."
    )
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
    failed: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if "reason" in row:
            failed.setdefault((titles[row["method"]], row["reason"]), []).append(row["set"])
    if failed:
        yield "Runs without figures:"
        table = [[title, ", ".join(sets), reason] for (title, reason), sets in failed.items()]
        yield markdown_table(["method", "sets", "reason"], table)


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}"


def write_page(results: dict[str, Any], page: Path) -> None:
    """Write the page, and the figures into the folder beside it that has its name."""
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.svg"):
        path.unlink()
    lost = [
        f"- {HEADINGS[kind]}, {line}"
        for kind, summary in results.items()
        for line in behind(
            [row for row in summary["rows"] if not row["set"].startswith("simulated-")],
            {name: each["title"] for name, each in summary["methods"].items()},
        )
    ]
    first = (
        "smile-zoo is behind, by 95% intervals of paired differences that exclude zero, in:\n\n" + "\n".join(lost)
        if lost
        else "No difference to a peer that was measured excludes zero to our disadvantage."
    )
    paragraphs = ["# Comparison with other methods", first, HOW]
    for kind, summary in results.items():
        paragraphs += section(kind, summary, folder)
    page.write_text("\n\n".join(each.rstrip("\n") for each in paragraphs) + "\n", "utf-8")


HOW = """Everything below is made by two commands; the first takes hours and is resumed by itself:

```bash
for kind in transfer integration pairs; do python benchmarks/peers/run.py $kind ../shared/data -o RESULTS; done
python benchmarks/peers/page.py --results RESULTS
```

All methods get the same cells and features, one thread, and an environment of their own; each follows its documented
workflow, linked below, and nothing is tuned on cells that a figure is measured on. Intervals of one set are of paired
cells (500 bootstrap draws), those over sets of paired sets (10,000 draws)."""


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
