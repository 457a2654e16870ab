"""Comparison of methods over data sets: mean lead of ours with its interval, test, and mean rank."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

MIN_SETS = 3  # for an interval over sets
LOWER_IS_BETTER = {"ece", "foscttm", "mse"}

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """Our lead over a method in a metric.

    Attributes
    ----------
    n_sets
        Sets that both have figures of.
    mean
        Mean over the sets of our figure.
    other
        Mean over the sets of the method's figure.
    interval
        95% interval of the mean lead by Student's t; None for few sets.
    p
        Wilcoxon's signed-rank test over the sets; None for few sets.
    """

    n_sets: int
    mean: float
    other: float
    interval: tuple[float, float] | None
    p: float | None


def sign(metric: str) -> int:
    """Return 1 for a metric that is better if higher, otherwise -1."""
    return -1 if metric in LOWER_IS_BETTER else 1


def figures(rows: Rows, metric: str) -> dict[str, dict[str, float]]:
    """Return a metric by method and set."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if metric in row.get("metrics", {}):
            found.setdefault(row["method"], {})[row["set"]] = row["metrics"][metric]
    return found


def compare(ours: dict[str, float], other: dict[str, float], metric: str) -> Comparison:
    """Compare a metric of two methods on the sets that both have."""
    common = [name for name in ours if name in other]
    pairs = np.array([[ours[name], other[name]] for name in common]).reshape(-1, 2)
    leads = sign(metric) * (pairs[:, 0] - pairs[:, 1])
    mean, theirs = pairs.mean(axis=0) if common else (np.nan, np.nan)
    if len(common) < MIN_SETS:
        return Comparison(len(common), float(mean), float(theirs), None, None)
    half = scipy.stats.t.ppf(0.975, len(leads) - 1) * scipy.stats.sem(leads)
    low, high = leads.mean() - half, leads.mean() + half
    p = scipy.stats.wilcoxon(leads).pvalue if leads.any() else 1.0
    return Comparison(len(common), float(mean), float(theirs), (float(low), float(high)), float(p))


def mean_ranks(found: dict[str, dict[str, float]], metric: str) -> tuple[dict[str, float], int]:
    """Return the mean rank of each method, 1 for the best, over the sets that all of them have, and the number of sets.

    Methods with fewer than half as many sets as another are left out, so that they don't leave few sets to the rest.
    """
    enough = max((len(sets) for sets in found.values()), default=0) / 2
    ranked = {method: sets for method, sets in found.items() if len(sets) >= enough}
    common = set.intersection(*(set(sets) for sets in ranked.values())) if ranked else set()
    if not common:
        return {}, 0
    table = np.array([[sign(metric) * sets[name] for name in sorted(common)] for sets in ranked.values()])
    ranks = scipy.stats.rankdata(-table, axis=0).mean(axis=1)
    return dict(zip(ranked, ranks.tolist(), strict=True)), len(common)
