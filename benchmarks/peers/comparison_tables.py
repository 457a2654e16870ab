"""Tables of the comparison, and where our method is behind."""

from collections.abc import Iterator

from over_sets import Rows, compare, figures, mean_ranks, sign
from plots import Titles, cost_points, exponent
from summary import OURS

from smile_runtime.cards.tables import markdown_table

STRANGERS = "-strangers"
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
    "auroc": "strangers: AUROC of the confidence",
    "auroc_novelty": "strangers: AUROC of the method's own score",
}
NOT_COMPARED = {"n_cells", "n_strangers", "unknown", "unknown_strangers", "nearest_macro_f1"}


def behind(rows: Rows, titles: Titles) -> Iterator[str]:
    """Yield where a method is ahead by an interval that excludes zero, of cells or over sets, or by mean rank."""
    ours = {metric: figures(rows, metric).get(OURS, {}) for metric in ("accuracy", "macro_f1", "foscttm")}
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
        # AUROC stands for sets whose strangers were chosen; others may have one or two cells of a missing type
        found = figures([row for row in rows if row["set"].endswith(STRANGERS) == metric.startswith("auroc")], metric)
        for method, other in found.items():
            result = compare(found.get(OURS, {}), other, metric) if method != OURS else None
            if result and result.interval and result.interval[1] < 0:
                means = f"{result.other:.3f} against {result.mean:.3f}, {result.n_sets} sets"
                yield f"{METRICS.get(metric, metric)}, mean over sets: {titles[method]} ({means})"
        ranks = mean_ranks(found, metric)
        before = [each for each in ranks if ranks[each] < ranks.get(OURS, 0)]
        if before:
            ahead = ", ".join(f"{titles[each]} ({ranks[each]:.1f})" for each in sorted(before, key=ranks.__getitem__))
            yield f"{METRICS.get(metric, metric)}, mean rank: {ahead} before smile-zoo ({ranks[OURS]:.1f})"


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
        if not result.n_sets:
            continue
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


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}"
