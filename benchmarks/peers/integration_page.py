"""The section on integration of batches in docs/comparison.md; `page.py` writes it with the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import scipy
from behind import Behind, behind_in_metric
from integration_sets import DRAWN_FRACTION
from over_sets import Rows, compare, figures
from plots import MARKERS, SETTINGS, Titles

from smile_runtime.cards.tables import markdown_table

FIGURES = {
    "bras": "BRAS",
    "ilisi": "iLISI",
    "clisi": "cLISI",
    "nmi": "NMI",
    "ari": "ARI",
    "isolated_labels": "isolated labels",
}
MIXING, SEPARATION = ("bras", "ilisi"), ("clisi", "nmi", "ari", "isolated_labels")
GROUPS = {"smile": "without labels", "smile-labels": "with labels"}
"""Our method of each group, and what the group is trained."""
WITH_LABELS = {"smile-labels", "scanvi"}
ABOUT = f"""A method embeds the cells of several batches. Only scANVI and smile-zoo with labels read the labels, which
are those that the embedding is then measured by: these two rows show what labels bring, not what is found in new cells.

scib-metrics measures how well batches mix (BRAS, iLISI) and how far labels stay apart (cLISI; NMI and ARI of the best
of ten Leiden clusterings; isolated labels); each is 1 at best. All methods get the counts of a random
{DRAWN_FRACTION:.0%} of the cells, drawn anew for each seed; ± is the half-width of the 95% t interval over these draws,
which overlap, so that it is narrower than that of independent samples. Seconds are those of the whole process on one
thread, imports included."""
SETS = """- `cell-lines`: five human lung cancer lines, four runs of three protocols.
- `bone-marrow-cite`: two donors; 1,000 genes.
- `cortex-paired-tag`: three replicates of mouse cortex and hippocampus.
- `fetal-organs`: nine batches of seven organs; each batch is one organ, so that organs are to be mixed where they share
  types, and 25 of 43 types are in one batch.
- `pancreas`: five batches of four protocols (SMART-seq, inDrop, CEL-seq, C1); counts are rounded; 1,213 genes.
- `cortex-snare`: ten libraries of mouse cortex; 1,677 genes.
- `blood`: seven batches of six studies, 10x 3' v1, 3' v2 and 5'; one is of another laboratory; 8,227 genes."""


def groups_of(rows: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield our method of each group, and the rows of the group."""
    for ours in GROUPS:
        yield ours, [row for row in rows if (row["method"] in WITH_LABELS) == (ours in WITH_LABELS)]


def behind(rows: Rows, titles: Titles) -> Iterator[Behind]:
    """Yield where a method of a group is ahead of ours by an interval over sets that excludes zero."""
    for ours, group in groups_of(rows):
        for metric, title in FIGURES.items():
            for each in behind_in_metric(group, titles, metric, f"{title} {GROUPS[ours]}", ours):
                if each.scope == "sets":
                    yield each


def section(summary: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield the paragraphs about integration, and draw their figure into a folder."""
    rows, titles = summary["rows"], {name: each["title"] for name, each in summary["methods"].items()}
    yield ABOUT
    yield SETS
    if plot_means(rows, titles, folder / "integration.svg"):
        yield f"![mixing of batches and separation of labels]({folder.name}/integration.svg)"
    yield "### Means over sets"
    yield "In brackets: our lead, as its 95% interval over sets, on the sets that both have."
    for ours, group in groups_of(rows):
        yield _over_sets_table(group, titles, ours)
    for name in dict.fromkeys(row["set"] for row in rows):
        table = _set_table([row for row in rows if row["set"] == name], titles)
        yield f"<details>\n<summary><code>{name}</code></summary>\n\n{table.rstrip()}\n\n</details>"


def half_width(values: list[float]) -> float | None:
    """Return the half-width of the 95% t interval of a mean; None for one value."""
    if len(values) < 2:
        return None
    return float(scipy.stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def _over_sets_table(rows: Rows, titles: Titles, ours: str) -> str:
    by_metric = {metric: figures(rows, metric) for metric in FIGURES}
    table = []
    for method in titles:
        sets = by_metric["bras"].get(method, {})
        if not sets:
            continue
        cells = []
        for metric, found in by_metric.items():
            result = compare(found.get(ours, {}), found[method], metric)
            lead = "" if result.interval is None or method == ours else _interval(result.interval)
            cells.append(f"{np.mean(list(found[method].values())):.3f}{lead}")
        table.append([titles[method], str(len(sets)), *cells])
    return markdown_table(["method", "sets", *FIGURES.values()], table)


def _set_table(rows: Rows, titles: Titles) -> str:
    table = []
    for row in sorted(rows, key=lambda row: list(titles).index(row["method"])):
        title = titles[row["method"]]
        if "bras" not in row.get("metrics", {}):
            table.append([title, "", row.get("reason", "not measured"), *[""] * (len(FIGURES) + 1)])
            continue
        cells = []
        for metric in FIGURES:
            width = half_width(row["values"][metric])
            cells.append(f"{row['metrics'][metric]:.3f}" + (f" ± {width:.3f}" if width is not None else ""))
        costs = [f"{row['costs']['cpu_s']:,.0f}", f"{row['costs']['peak_mb']:,.0f}"]
        table.append([title, str(len(row["seeds"])), *cells, *costs])
    return markdown_table(["method", "seeds", *FIGURES.values(), "CPU s", "peak MB"], table)


def plot_means(rows: Rows, titles: Titles, path: Path) -> bool:
    """Draw mixing against separation, each a mean of its figures over the sets that all methods have."""
    found = {metric: figures(rows, metric) for metric in FIGURES}
    methods = [method for method in titles if method in found["bras"]]
    common = set.intersection(*(set(found["bras"][method]) for method in methods)) if methods else set()
    if not common:
        return False
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
        for at, method in enumerate(methods):
            x, y = (
                np.mean([found[metric][method][name] for metric in metrics for name in common])
                for metrics in (MIXING, SEPARATION)
            )
            filled = "none" if method in WITH_LABELS else None
            axes.scatter(x, y, marker=MARKERS[at % len(MARKERS)], facecolors=filled, edgecolors=f"C{at % 10}", s=40)
            axes.annotate(titles[method], (x, y), xytext=(5, 3), textcoords="offset points", fontsize=7)
        axes.set(xlabel="mixing: mean of BRAS and iLISI", ylabel="separation: mean of the others")
        axes.set_title(f"mean of {', '.join(sorted(common))}", fontsize=8)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
    return True


def _interval(interval: tuple[float, float]) -> str:
    return f" ({interval[0]:+.3f} to {interval[1]:+.3f})"
