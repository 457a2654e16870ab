"""Figures of the comparison, one question each, drawn from the rows of the summary."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from over_sets import Rows, figures
from summary import OURS

SIMULATED = "simulated-"
SETTINGS = {
    "svg.hashsalt": "comparison",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
MARKERS = "osD^v<>PX*hdp8"

Titles = dict[str, str]
"""Titles of the methods of a kind by name, in the order of the table."""


def plot_leads(rows: Rows, titles: Titles, metric: str, label: str, path: Path) -> None:
    """Draw how far each method is ahead of ours in each set, with 95% intervals of paired cells."""
    ours = figures(rows, metric).get(OURS, {})
    leads = [row for row in rows if metric in row.get("leads", {}) and row["set"] in ours]
    figure, axes, place = _axes(leads, titles)
    for row in leads:
        y, style = place(row["set"], row["method"])
        low, high = row["leads"][metric]
        axes.plot([-100 * high, -100 * low], [y, y], color=style["color"], linewidth=1)
        axes.plot(100 * (row["metrics"][metric] - ours[row["set"]]), y, **style)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"{label}: points ahead of smile-zoo (0)")
    _save(figure, path)


def plot_values(rows: Rows, titles: Titles, metric: str, label: str, path: Path) -> None:
    """Draw a metric of each method in each set."""
    known = [row for row in rows if metric in row.get("metrics", {})]
    figure, axes, place = _axes(known, titles)
    for row in known:
        y, style = place(row["set"], row["method"])
        axes.plot(row["metrics"][metric], y, **style)
    axes.set_xlabel(label)
    _save(figure, path)


def plot_costs(rows: Rows, titles: Titles, costs: dict[str, str], path: Path) -> None:
    """Draw what a run takes by the number of cells, on logarithmic axes."""
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(1, len(costs), figsize=(7.5, 3), layout="constrained", squeeze=False)
    for axes, (cost, label) in zip(panels[0], costs.items(), strict=True):
        for method, title in titles.items():
            points = cost_points(rows, method, cost)
            if points:
                axes.loglog(*zip(*points, strict=True), label=title, **_style(titles, method) | {"linestyle": "-"})
        axes.set(xlabel="cells", ylabel=label)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False, fontsize=8
    )
    _save(figure, path)


def cost_points(rows: Rows, method: str, cost: str) -> list[tuple[int, float]]:
    """Return the numbers of simulated cells, ascending, and what they took."""
    return sorted(
        (int(row["set"].removeprefix(SIMULATED)), row["costs"][cost])
        for row in rows
        if row["method"] == method and row["set"].startswith(SIMULATED) and cost in row.get("costs", {})
    )


def exponent(points: list[tuple[int, float]]) -> float | None:
    """Return the slope between the two largest numbers of cells on logarithmic axes; None for a single number."""
    if len(points) < 2:
        return None
    (fewer, less), (more, most) = points[-2:]
    return float(np.log(most / less) / np.log(more / fewer))


def _style(titles: Titles, method: str) -> dict[str, object]:
    index = list(titles).index(method)
    color = "black" if method == OURS else plt.get_cmap("tab10")((index - 1) % 10)
    return {"color": color, "marker": MARKERS[index % len(MARKERS)], "markersize": 3.5, "linestyle": ""}


def _axes(rows: Rows, titles: Titles):
    """Return a figure with a band for each set, its axes, and the height and style of a set and method."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    methods = [method for method in titles if any(row["method"] == method for row in rows)]
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7, 1.2 + 0.07 * len(sets) * len(methods)), layout="constrained")
    axes.set_yticks(range(len(sets)), sets)
    axes.set_ylim(len(sets) - 0.5, -0.5)
    for row in range(1, len(sets)):
        axes.axhline(row - 0.5, color="0.9", linewidth=0.6)
    handles = [axes.plot([], [], label=titles[method], **_style(titles, method))[0] for method in methods]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False, fontsize=8)

    def place(name: str, method: str) -> tuple[float, dict[str, object]]:
        offset = (methods.index(method) + 0.5) / len(methods) - 0.5
        return sets.index(name) + 0.9 * offset, _style(titles, method)

    return figure, axes, place


def _save(figure: Figure, path: Path) -> None:
    with plt.rc_context(SETTINGS):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
