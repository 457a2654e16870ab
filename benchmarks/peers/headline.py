"""The picture and the sentence of the comparison that README shows first, from the summary of results."""

import textwrap
from pathlib import Path
from typing import Any

import integration_page
import matplotlib.pyplot as plt
import numpy as np
from behind import is_peer
from comparison_tables import rows_of_metric
from over_sets import MIN_SETS, Comparison, Rows, compare, figures, sign
from plots import SETTINGS, SIMULATED, Titles
from summary import OURS

README = Path(__file__).parents[2] / "README.md"
START = "<!-- comparison: made by python benchmarks/peers/page.py -->\n"
END = "<!-- comparison: end -->\n"
LINE_WIDTH = 120
PANELS = {
    ("transfer", "accuracy"): "labels: accuracy",
    ("integration", "mixing"): "batches mixed: BRAS and iLISI",
    ("integration", "separation"): "labels apart: cLISI, NMI, ARI, isolated labels",
    ("pairs", "foscttm"): "pairs matched: FOSCTTM",
}
WORSE = {
    ("integration", "mixing"): "mixes batches less than *{}* by BRAS and iLISI",
    ("integration", "separation"): "keeps types less apart than *{}* in mixed batches",
    ("pairs", "foscttm"): "matches pairs of modalities worse than *{}* by FOSCTTM",
}
MEANS = {"mixing": integration_page.MIXING, "separation": integration_page.SEPARATION}

Leads = list[tuple[str, Comparison]]
"""Title of each method and its comparison with ours, the one that is farthest ahead first."""


def leads_of(kind: str, metric: str, summary: dict[str, Any]) -> Leads:
    """Return the comparison of ours with each peer in a metric, over real sets, without methods that read labels."""
    rows: Rows = [row for row in summary["rows"] if not row["set"].startswith(SIMULATED)]
    titles: Titles = {name: each["title"] for name, each in summary["methods"].items()}
    found = _means(rows, MEANS[metric]) if metric in MEANS else figures(rows_of_metric(rows, metric), metric)
    left_out = integration_page.WITH_LABELS if kind == "integration" else set()
    compared = [
        (titles[method], compare(found.get(OURS, {}), sets, metric))
        for method, sets in found.items()
        if is_peer(method) and method not in left_out
    ]
    return sorted((each for each in compared if each[1].n_sets), key=lambda each: _lead(each[1], metric))


def plot_overview(results: dict[str, Any], path: Path) -> None:
    """Draw our lead over each method, a panel for each of four questions."""
    panels = {
        (metric, title): leads_of(kind, metric, results[kind])
        for (kind, metric), title in PANELS.items()
        if kind in results
    }
    panels = {key: leads for key, leads in panels.items() if leads}
    if not panels:
        return
    rows = -(-len(panels) // 2)
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(rows, 2, figsize=(8.5, 2.4 * rows), layout="constrained", squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis, ((metric, title), leads) in zip(axes.flat, panels.items(), strict=False):
            for y, (_, result) in enumerate(leads):
                lead, few = 100 * _lead(result, metric), result.interval is None
                color = "C3" if lead < 0 else "C0"
                if result.interval:
                    axis.plot([100 * end for end in result.interval], [y, y], color=color, linewidth=1)
                axis.plot(lead, y, "o", color=color, markersize=4, fillstyle="none" if few else "full")
            axis.set_yticks(range(len(leads)), [f"{name} ({result.n_sets})" for name, result in leads])
            axis.invert_yaxis()
            axis.axvline(0, color="black", linewidth=0.6)
            axis.set_title(title, fontsize=8)
        figure.supxlabel("points that smile-zoo is ahead (blue) or behind (red), of the sets in brackets", fontsize=8)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def headline(results: dict[str, Any]) -> str:
    """Return the sentences: the share of right labels beside that of the best other method, and what others do better.

    Methods count that were run on at least three sets, and on half of those that ours was run on.
    """
    ahead: dict[str, tuple[str, Comparison]] = {}
    for (kind, metric), verb in WORSE.items():
        leads = _well_known(leads_of(kind, metric, results[kind])) if kind in results else []
        if leads and _lead(leads[0][1], metric) < 0:
            ahead[verb] = leads[0]
    labels = _well_known(leads_of("transfer", "accuracy", results["transfer"])) if "transfer" in results else []
    if not labels:
        return "Too few data sets have been run to compare labels with those of other methods."
    name, result = labels[0]
    first = (
        f"On the same cells, smile-zoo labels {result.mean:.1%} right on average over {result.n_sets} data sets"
        f"{_without_unknown(results['transfer'], result.n_sets)}; "
        f"{name}, the best of {len(labels)} other methods, {result.other:.1%}."
    )
    if not ahead:
        return first
    worse = [
        f"{verb.format(name)} ({result.mean:.3f} against {result.other:.3f}, {result.n_sets} sets)"
        for verb, (name, result) in ahead.items()
    ]
    return f"{first} It {', '.join(worse[:-1])}{' and ' if worse[:-1] else ''}{worse[-1]}."


def _without_unknown(summary: dict[str, Any], n_sets: int) -> str:
    rows = [row for row in summary["rows"] if not row["set"].startswith(SIMULATED)]
    own = figures(rows_of_metric(rows, "nearest_accuracy"), "nearest_accuracy").get(OURS, {})
    if len(own) != n_sets:
        return ""
    return f" (`unknown` counts as wrong; with the nearest label instead, {np.mean(list(own.values())):.1%})"


def _well_known(leads: Leads) -> Leads:
    enough = max((result.n_sets for _, result in leads), default=0) / 2
    return [each for each in leads if each[1].n_sets >= max(MIN_SETS, enough)]


def paragraph(results: dict[str, Any]) -> str:
    """Return what README shows: the sentence and the picture."""
    text = f"{headline(results)} [docs/comparison.md](docs/comparison.md) says first where it is behind."
    picture = "![lead of smile-zoo over other methods](docs/comparison/overview.svg)\n"
    return f"{textwrap.fill(text, LINE_WIDTH, break_on_hyphens=False)}\n\n{picture}"


def write_readme(results: dict[str, Any], readme: Path = README) -> None:
    """Replace what stands between the marks in README."""
    text = readme.read_text("utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{START}\n{paragraph(results)}\n{END}{after}", "utf-8")


def _means(rows: Rows, metrics: tuple[str, ...]) -> dict[str, dict[str, float]]:
    found = [figures(rows, metric) for metric in metrics]
    methods = [method for method in found[0] if all(method in each for each in found)]
    return {
        method: {
            name: float(np.mean([each[method][name] for each in found]))
            for name in found[0][method]
            if all(name in each[method] for each in found)
        }
        for method in methods
    }


def _lead(result: Comparison, metric: str) -> float:
    return sign(metric) * (result.mean - result.other)
