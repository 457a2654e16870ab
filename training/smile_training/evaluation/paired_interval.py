"""Interval of how far one method leads another that labeled the same cells."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smile_training.evaluation.metrics import Floats, Ids

N_DRAWS = 500
INTERVAL = (0.025, 0.975)

Score = Callable[[Floats], float]
"""Metric of a confusion matrix: weights of the cells of each label (rows) that got each label (columns)."""


def accuracy_of(confusion: Floats) -> float:
    """Return the share of cells with the right label."""
    return float(confusion.trace() / confusion.sum())


def macro_f1_of(confusion: Floats) -> float:
    """Return F1 averaged over the labels that cells have or got."""
    sizes = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * confusion.diagonal()[sizes > 0] / sizes[sizes > 0]).mean())


def lead_interval(score: Score, true: list[Ids], own: Ids, other: Ids, *, seed: int = 0) -> tuple[float, float] | None:
    """Return the 95% interval of a metric of one method less that of another, by a bootstrap of the cells.

    A draw takes the same cells in all repeats, and the metric is averaged over repeats.

    Parameters
    ----------
    score
        The metric.
    true
        Label ids of the cells that each repeat measured, -1 for others, each of shape ``(n_cells,)``.
    own, other
        Label ids that the two methods gave, -1 for none, each of shape ``(n_repeats, n_cells)``.
    seed
        Seed of the draws.

    Returns
    -------
        The interval; None unless both methods labeled the same cells.
    """
    measured = [row >= 0 for row in true]
    if any(((a >= 0) != (b >= 0))[known].any() for known, a, b in zip(measured, own, other, strict=True)):
        return None
    n_labels = 1 + max(int(each.max()) for each in (*true, own, other))
    cells = [np.flatnonzero(known & (a >= 0)) for known, a in zip(measured, own, strict=True)]
    codes = [
        [row[each] * n_labels + predicted[each] for row, each, predicted in zip(true, cells, method, strict=True)]
        for method in (own, other)
    ]
    rng, n_cells = np.random.default_rng(seed), own.shape[1]
    anywhere = np.unique(np.concatenate(cells))
    leads = []
    for _ in range(N_DRAWS):
        drawn = np.bincount(rng.choice(anywhere, len(anywhere)), minlength=n_cells)
        mine, theirs = (
            np.mean(
                [
                    score(_confusion(code, drawn[each], n_labels))
                    for code, each in zip(method, cells, strict=True)
                    if drawn[each].any()
                ]
            )
            for method in codes
        )
        leads.append(mine - theirs)
    low, high = np.quantile(leads, INTERVAL)
    return float(low), float(high)


def _confusion(codes: NDArray[np.int64], weights: NDArray[np.int64], n_labels: int) -> Floats:
    return np.bincount(codes, weights, minlength=n_labels**2).astype(np.float64).reshape(n_labels, n_labels)
