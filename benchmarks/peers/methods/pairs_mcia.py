"""MCIA of the known pairs: non-symmetric correspondence analysis of both tables, then their co-inertia axes.

Cells of one modality are placed by that table's axes. omicade4 and nipalsMCIA are not packaged for Debian or PyPI:
`check_mcia.py` compares the axes with those of ade4, which omicade4 calls.
"""

import numpy as np
from adapter import phase, report, task_folders
from multiple_coinertia import coinertia_axes
from pairs_adapter import most_variable_values, read_pairs, write_embeddings

N_AXES = 10


def profiles(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return each feature's profile over cells less the average one, times the root of the feature's weight."""
    values = values - min(0.0, values[rows].min())  # positive, as omicade4 makes them
    features, total = values[rows].sum(axis=0), values[rows].sum()
    profile = values / np.where(features > 0, features, 1) - values.sum(axis=1, keepdims=True) / total
    return profile * np.sqrt(features / total)


folder, output, seed = task_folders()
task = read_pairs(folder)
with phase("build"):
    tables = [profiles(most_variable_values(*table), table[1]) for table in task.tables()]
    pairs = [table[rows] for table, (_, rows) in zip(tables, task.tables(), strict=True)]
    axes, _ = coinertia_axes(pairs, min(N_AXES, *(table.shape[1] - 1 for table in tables)), seed)
with phase("project"):
    write_embeddings(output, *(table @ each for table, each in zip(tables, axes, strict=True)))
report("scipy")
