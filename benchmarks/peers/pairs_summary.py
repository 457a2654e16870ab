"""Interval of our lead in FOSCTTM, by the left-out cells of a set."""

from pathlib import Path

import numpy as np
import pandas as pd

from smile_training.evaluation.paired_interval import INTERVAL, N_DRAWS


def foscttm_lead(folder: Path, method: str, ours: str) -> list[float]:
    """Return the 95% interval of a method's FOSCTTM less ours, by a paired bootstrap of cells.

    A draw takes the same cells in all repeats, and the mean over cells is averaged over repeats.

    Parameters
    ----------
    folder
        Results of a set, in which both methods have ``METHOD-SEED-labels.csv`` of one seed at least.
    method, ours
        Names of the methods.
    """
    leads = []
    for path in sorted(folder.glob(f"{method}-[0-9]*-labels.csv")):
        own = path.with_name(path.name.replace(method, ours, 1))
        if own.exists():
            mine, theirs = (pd.read_csv(each, index_col="cell")["foscttm"] for each in (own, path))
            leads.append(theirs - mine)
    table = pd.concat(leads, axis=1).to_numpy()  # (n_cells, n_repeats), NaN where a repeat did not measure the cell
    rng, means = np.random.default_rng(0), []
    for _ in range(N_DRAWS):
        drawn = np.bincount(rng.choice(len(table), len(table)), minlength=len(table))[:, None]
        measured = drawn * ~np.isnan(table)
        means.append(np.mean((measured * np.nan_to_num(table)).sum(axis=0) / measured.sum(axis=0)))
    return [float(f"{end:.5g}") for end in np.quantile(means, INTERVAL)]
