"""Multiple co-inertia analysis (Chessel and Hanafi 1996; for omics Meng et al. 2014), as ade4's `mcoa` computes it."""

import numpy as np
from scipy.sparse.linalg import svds


def coinertia_axes(tables: list[np.ndarray], n_axes: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Return axes of tables of the same cells along which their scores vary together.

    Each table is divided by its first singular value. One axis after another is the first right singular vector of
    the tables side by side, its part in each table scaled to length 1 and then removed from that table.

    Parameters
    ----------
    tables
        Centered and weighted values of the same cells, each of shape ``(n_cells, n_features)``.
    n_axes
        Number of axes.
    seed
        Seed of the solver's start.

    Returns
    -------
        For each table, axes for the values as given, shape ``(n_features, n_axes)``; and the singular values, shape
        ``(n_axes,)``.
    """
    start = np.random.default_rng(seed)
    first = [svds(table, 1, return_singular_vectors=False, random_state=start)[0] for table in tables]
    rest = [table / value for table, value in zip(tables, first, strict=True)]
    ends = np.cumsum([table.shape[1] for table in tables])[:-1]
    axes, values = [[] for _ in tables], []
    for _ in range(n_axes):
        _, value, vector = svds(np.concatenate(rest, axis=1), 1, random_state=start)
        values.append(value[0])
        for index, part in enumerate(np.split(vector[0], ends)):
            part = part / np.linalg.norm(part)
            rest[index] = rest[index] - np.outer(rest[index] @ part, part)
            axes[index].append(part / first[index])
    return [np.stack(each, axis=1) for each in axes], np.array(values)
