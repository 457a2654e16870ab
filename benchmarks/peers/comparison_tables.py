"""Tables of the comparison, and where our method is behind."""

from collections.abc import Iterator

import numpy as np
from behind import Behind, behind_in_metric
from over_sets import Rows, compare, figures, mean_ranks, sign
from plots import Titles, cost_points, exponent
from summary import OURS

from smile_runtime.cards.tables import markdown_table

STRANGERS = "-strangers"
STRANGER_SCORE = "stranger_score"
METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "nearest_accuracy": "accuracy without `unknown`",
    "ece": "calibration error",
    "foscttm": "FOSCTTM",
    "matching": "cells matched to their partner",
    "accuracy_first": "accuracy within the first modality",
    "knn_auc": "neighbors shared (openproblems' knn_auc)",
    "mse": "distance of pairs by that of all (openproblems' mse)",
    "stranger_score": "AUROC of strangers",
}
NOT_COMPARED = {
    *("n_cells", "n_strangers", "unknown", "unknown_strangers", "nearest_macro_f1"),
    *("auroc", "auroc_novelty"),
}
STRANGER_FIGURES = {
    "auroc_novelty": "AUROC of its own score",
    "auroc": "AUROC of its confidence",
    "unknown_strangers": "strangers labeled unknown",
    "unknown": "others labeled unknown",
    "accuracy": "accuracy of others",
}


def behind(rows: Rows, titles: Titles) -> Iterator[Behind]:
    """Yield where a method is ahead of ours, in each metric that methods are compared by."""
    for metric in compared_metrics(rows):
        title = METRICS.get(metric, metric)
        yield from behind_in_metric(rows_of_metric(rows, metric), titles, metric, title)


def rows_of_metric(rows: Rows, metric: str) -> Rows:
    """Return the rows of sets that a metric is compared on: sets with removed types for scores of strangers alone."""
    return [row for row in rows if row["set"].endswith(STRANGERS) == (metric == STRANGER_SCORE)]


def with_stranger_score(rows: Rows) -> Rows:
    """Return rows with one AUROC of strangers: that of the method's own score, or of its confidence if it has none."""
    found = []
    for row in rows:
        scores = [row.get("metrics", {}).get(name) for name in ("auroc_novelty", "auroc")]
        known = [score for score in scores if score is not None]
        found.append({**row, "metrics": {**row["metrics"], STRANGER_SCORE: known[0]}} if known else row)
    return found


def compared_metrics(rows: Rows) -> list[str]:
    """Return the metrics that methods are compared by, the known ones first."""
    present = dict.fromkeys(metric for row in rows for metric in row.get("metrics", {}))
    order = [*METRICS, *(metric for metric in present if metric not in METRICS)]
    return [metric for metric in order if metric in present and metric not in NOT_COMPARED]


def over_sets_table(rows: Rows, titles: Titles, metric: str) -> str:
    """Return the table of methods in a metric over sets."""
    found, spread = figures(rows, metric), spread_over_seeds(rows, metric)
    ranks, n_ranked = mean_ranks(found, metric)
    table = []
    for method in titles:
        if method not in found:
            continue
        result = compare(found.get(OURS, {}), found[method], metric)
        if not result.n_sets:
            continue
        lead = "" if result.interval is None or method == OURS else _interval(result.interval)
        p = "" if result.p is None or method == OURS else _p(result.p)
        rank = f"{ranks[method]:.1f}" if method in ranks else ""
        ours = "" if method == OURS else f"{result.mean:.3f}"
        between = f"{spread[method]:.3f}" if method in spread else ""
        table.append([titles[method], str(result.n_sets), f"{result.other:.3f}", between, ours, lead, p, rank])
    header = [
        "method",
        "sets",
        "mean",
        "SD over splits",
        "smile-zoo on these",
        "our lead, 95% interval over sets",
        "Wilcoxon p",
        f"mean rank, {n_ranked} sets" if n_ranked else "mean rank",
    ]
    kept = [at for at in range(len(header)) if at != 3 or any(line[3] for line in table)]
    return markdown_table([header[at] for at in kept], [[line[at] for at in kept] for line in table])


def spread_over_seeds(rows: Rows, metric: str) -> dict[str, float]:
    """Return the standard deviation over splits or seeds by method, the mean over sets that have several."""
    found: dict[str, list[float]] = {}
    for row in rows:
        values = row.get("values", {}).get(metric, [])
        if len(values) > 1:
            found.setdefault(row["method"], []).append(float(np.std(values, ddof=1)))
    return {method: float(np.mean(each)) for method, each in found.items()}


def strangers_table(rows: Rows, titles: Titles) -> str:
    """Return what each method does with cells of types that the reference lacks, the means over its sets."""
    rows = [row for row in rows if row["set"].endswith(STRANGERS)]
    found = {name: figures(rows, name) for name in STRANGER_FIGURES}
    table = []
    for method, title in titles.items():
        by_figure = [found[name].get(method, {}) for name in STRANGER_FIGURES]
        n_sets = max(len(sets) for sets in by_figure)
        if n_sets:
            cells = [f"{np.mean(list(sets.values())):.3f}" if sets else "-" for sets in by_figure]
            table.append([title, str(n_sets), *cells])
    return markdown_table(["method", "sets", *STRANGER_FIGURES.values()], table)


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


def cost_table(rows: Rows, titles: Titles, phase: str) -> str:
    """Return what a phase takes by number of cells, and exponents between the two largest; `-` if it was not run."""
    costs = {f"{phase}_cpu_s": "CPU s", f"{phase}_mb": "peak MB"}
    points = {(method, cost): dict(cost_points(rows, method, cost)) for method in titles for cost in costs}
    sizes = sorted({size for each in points.values() for size in each})
    table = []
    for method, title in titles.items():
        cells = []
        for cost in costs:
            own = points[method, cost]
            cells += [_rounded(own[size]) if size in own else "-" for size in sizes]
            power = exponent(sorted(own.items()))
            cells += ["-" if power is None else f"{power:.2f}"]
        if any(points[method, cost] for cost in costs):
            table.append([title, *cells])
    header = [[f"{name}, {size:,} cells" for size in sizes] + ["exponent"] for name in costs.values()]
    return markdown_table(["method", *header[0], *header[1]], table)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}"
