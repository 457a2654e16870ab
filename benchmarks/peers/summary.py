"""Summary of a folder of results: means over seeds, what they took, and paired intervals beside our method."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from method_table import read_methods
from pairs_summary import foscttm_lead
from sets import load_kind

from smile_training.evaluation.metrics import Floats
from smile_training.evaluation.paired_interval import accuracy_of, lead_interval

OURS = "smile"
COSTS = ("cpu_s", "wall_s", "peak_mb", "build_s", "build_cpu_s", "build_mb", "project_s", "project_cpu_s", "project_mb")


def summarize(folder: Path, kind: str) -> dict[str, Any]:
    """Return the methods of a kind, a row for each set and method that has results, and the sets that have none.

    A row holds the seeds that gave figures, the mean and the values of each metric, the mean of what a run took, and
    the reason for no figures. For labels, it also holds the interval of what our method is ahead by.
    """
    records: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for path in sorted((folder / kind).glob("*/*.json")):
        record = json.loads(path.read_text("utf-8"))
        records[record["set"], record["method"]].append(record)
    rows = [_row(*key, group) for key, group in records.items()]
    for row in rows:
        if kind in ("transfer", "pairs"):
            row.update(measure_leads(folder / kind / row["set"], row["method"]))
        if kind == "pairs" and "leads" in row:
            row["leads"]["foscttm"] = foscttm_lead(folder / kind / row["set"], row["method"], OURS)
    methods = {}
    for name, method in read_methods(kind).items():
        versions = sorted({row["version"] for row in rows if row["method"] == name and "version" in row})
        methods[name] = {
            "title": method.title,
            "version": ", ".join(versions),
            "documentation": method.documentation,
            "settings_chosen_on": method.settings_chosen_on,
        }
    not_run = [name for name in load_kind(kind).names if name not in {row["set"] for row in rows}]
    return {"methods": methods, "rows": rows, "not_run": not_run}


def _row(name: str, method: str, group: list[dict[str, Any]]) -> dict[str, Any]:
    done = sorted((record for record in group if "metrics" in record), key=lambda record: record["seed"])
    row: dict[str, Any] = {"set": name, "method": method, "seeds": [record["seed"] for record in done]}
    reasons = [record["reason"] for record in group if "reason" in record]
    if reasons:
        row["reason"] = reasons[0]
    if not done:
        return row
    values = {metric: [record["metrics"].get(metric) for record in done] for metric in done[0]["metrics"]}
    costs = {cost: [record[cost] for record in done] for cost in COSTS if all(cost in record for record in done)}
    return row | {
        "version": done[-1]["version"],
        "metrics": {metric: _mean(each) for metric, each in values.items() if None not in each},
        "values": {metric: [_short(value) for value in each] for metric, each in values.items() if None not in each},
        "costs": {cost: _mean(each) for cost, each in costs.items()},
    }


def measure_leads(folder: Path, method: str) -> dict[str, Any]:
    """Return 95% intervals of our lead over a method in accuracy and macro-F1, by a paired bootstrap of cells."""
    tables = []
    for path in sorted(folder.glob(f"{method}-[0-9]*-labels.csv")):
        own = path.with_name(path.name.replace(method, OURS, 1))
        if own.exists():
            tables.append([pd.read_csv(each, index_col="cell", dtype=str) for each in (own, path)])
    if method == OURS or not tables:
        return {}
    cells = pd.Index(sorted(set().union(*(own.index for own, _ in tables))))
    labels = sorted(set().union(*(own["true"] for own, _ in tables)))

    def ids(column: pd.Series, known: pd.Series) -> np.ndarray:
        """Return label ids of all cells, -1 where a seed did not measure the cell; other labels count as one more."""
        found = pd.Series(pd.Index(labels).get_indexer(column), column.index).replace(-1, len(labels))
        return found[known == "True"].reindex(cells, fill_value=-1).to_numpy()

    true = [ids(own["true"], own["known"]) for own, _ in tables]
    ours, other = (
        np.stack([ids(each["label"], each["known"]) for each in column]) for column in zip(*tables, strict=True)
    )
    scores = {"accuracy": accuracy_of, "macro_f1": macro_f1_of_true}
    intervals = {name: lead_interval(score, true, ours, other) for name, score in scores.items()}
    return {"leads": {name: [_short(end) for end in each] for name, each in intervals.items() if each}}


def macro_f1_of_true(confusion: Floats) -> float:
    """Return F1 averaged over the labels that cells have; `unknown` is none of them."""
    own, given = confusion.sum(axis=1), confusion.sum(axis=0)
    return float((2 * confusion.diagonal()[own > 0] / (own + given)[own > 0]).mean())


def _mean(values: list[float]) -> float:
    return _short(float(np.mean(values)))


def _short(value: float) -> float:
    return float(f"{value:.5g}")
