"""Harmony and LISI, both from harmonypy: batch correction, and the mixing of groups among neighbors."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import DependencyError
from smile_training.evaluation.metrics import Floats, Ids, draw_known

MAX_LISI_CELLS = 5_000
LISI_PERPLEXITY = 30
NEIGHBORS_PER_PERPLEXITY = 3


def harmony(embedding: Floats, batches: Ids, seed: int = 0) -> NDArray[np.float64]:
    """Mix batches by Harmony (Korsunsky et al. 2019), run until it settles.

    It has no projection of further cells: training and left-out cells go in together.

    Parameters
    ----------
    embedding
        Principal components, shape ``(n_cells, n_components)``.
    batches
        Batch ids, shape ``(n_cells,)``.
    seed
        Seed of its clusters.

    Returns
    -------
        Corrected components, shape ``(n_cells, n_components)``; those given where there is one batch.

    Raises
    ------
    DependencyError
        If harmonypy is not installed.
    """
    if len(np.unique(batches)) < 2:
        return embedding.astype(np.float64)
    try:
        from harmonypy import run_harmony
    except ImportError as error:
        raise DependencyError("Harmony needs harmonypy; install it with: pip install 'smile-zoo[harmony]'") from error
    result = run_harmony(
        embedding.T,  # components in rows: as many cells as components would be taken for that anyway
        {"batch": batches},
        "batch",
        nclust=int(np.clip(round(len(embedding) / 30), 1, 100)),  # its default, but never 0
        max_iter_harmony=50,
        epsilon_harmony=1e-4,  # by default it may stop after one iteration
        verbose=False,
        random_state=seed,
        ncores=1,
    )
    return np.array(result.Z_corr, np.float64)


def lisi(embedding: Floats, ids: Ids, *, seed: int = 0) -> float | None:
    """Return the median local inverse Simpson index (Korsunsky et al. 2019), scaled to 0 to 1.

    The index is the effective number of groups among a cell's neighbors (perplexity 30, 90 neighbors). Scaled,
    (median - 1) / (n_groups - 1) is 0 if each cell has neighbors of its own group alone, and 1 if all groups are
    equally frequent around it: iLISI for batches; 1 minus it is cLISI for labels, as in scIB (Luecken et al. 2022).

    Parameters
    ----------
    embedding
        Shape ``(n_cells, n_latent)``.
    ids
        Group of each cell, -1 for unknown, shape ``(n_cells,)``. Cells of no known group are left out; of more than
        5,000 others that many are drawn.
    seed
        Seed of the draw.

    Returns
    -------
        The scaled median; None where there are fewer than two groups or too few cells for 3 neighbors.

    Raises
    ------
    DependencyError
        If harmonypy is not installed.
    """
    rows = draw_known(ids, MAX_LISI_CELLS, seed)
    n_groups = len(np.unique(ids[rows]))
    perplexity = min(LISI_PERPLEXITY, (len(rows) - 1) // NEIGHBORS_PER_PERPLEXITY)
    if n_groups < 2 or perplexity < 1:
        return None
    try:
        from harmonypy import compute_lisi
    except ImportError as error:
        raise DependencyError("LISI needs harmonypy; install it with: pip install 'smile-zoo[harmony]'") from error
    cells = embedding[rows].astype(np.float64)
    index = compute_lisi(cells, {"group": ids[rows]}, ["group"], perplexity)  # (n_cells, 1)
    return float((np.median(index) - 1) / (n_groups - 1))
