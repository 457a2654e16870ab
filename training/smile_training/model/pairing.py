"""Pairing: the cells that can form a positive pair with each cell."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from smile_training.data import Dataset
from smile_training.recipe import Pairing

N_STAND_INS = 64
MAX_PARTNERS = 64
MAX_LABEL_CANDIDATES = 1_000
MAX_EXACT_CANDIDATES = 10_000
"""Most cells of a batch that each cell is compared with, one by one; the time grows with the square of the cells."""


def self_partners(n_cells: int) -> NDArray[np.intp]:
    """Return each cell as its own partner, as published, shape ``(n_cells, 1)``; also used for pairing by label."""
    return np.arange(n_cells)[:, None]


def paired_rows(
    dataset: Dataset, first: str, second: str, *, pairing: Pairing, seed: int
) -> dict[str, NDArray[np.intp]]:
    """Return the rows of paired cells in each of two modalities, in the same order, shape ``(n_pairs, n_choices)``.

    These are the cells measured by both. With ``pairing.unpaired``, each other labeled cell of the second modality
    follows, with random cells of its label in the first modality as stand-ins, from which training draws.
    """
    rows, others = dataset.pairs(first, second)
    if not pairing.unpaired:
        return {first: rows[:, None], second: others[:, None]}
    rng = np.random.default_rng(seed)
    labels = dataset.cells[first].labels
    unpaired = np.setdiff1d(np.flatnonzero(np.isin(dataset.cells[second].labels, labels[labels >= 0])), others)
    stand_ins = [
        rng.choice(np.flatnonzero(labels == label), N_STAND_INS) for label in dataset.cells[second].labels[unpaired]
    ]
    same_cell = np.repeat(rows[:, None], N_STAND_INS, axis=1)  # (n_shared, n_choices)
    choices = np.concatenate([same_cell, np.reshape(stand_ins, (-1, N_STAND_INS)).astype(np.intp)])
    return {first: choices, second: np.concatenate([others, unpaired])[:, None]}


def neighbor_partners(
    components: NDArray[np.float32],
    batches: NDArray[np.int64],
    *,
    n_neighbors: int,
    labels: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> NDArray[np.int32]:
    """Return near cells of each cell in the batches, its own included: the nearest ones unless there are many.

    With many cells, the work is bounded. Each cell has partners in at most as many batches, drawn from those with its
    label, as give 64 partners; cells of one label are sought among 1,000 of them in a batch, drawn at random, and cells
    of any label by an approximate index.

    Parameters
    ----------
    components
        Principal components of all cells, shape ``(n_cells, n_components)``; distances are Euclidean.
    batches
        Batch ids, shape ``(n_cells,)``.
    n_neighbors
        Number of cells from each batch; fewer candidates are repeated to that number.
    labels
        Label ids, shape ``(n_cells,)``: partners share a label, and in a batch without the label a cell is its own
        partner; an unlabeled cell (-1) may pair with any. None to ignore labels.
    seed
        Seed of what is drawn.

    Returns
    -------
        Rows of the partners, shape ``(n_cells, n_partners)``.
    """
    n_cells, names, rng = len(components), np.unique(batches), np.random.default_rng(seed)
    labels = np.full(n_cells, -1) if labels is None else labels
    n_batches = min(len(names), max(1, MAX_PARTNERS // n_neighbors))
    partners = np.empty((n_cells, n_batches, n_neighbors), np.int32)
    partners[:] = np.arange(n_cells)[:, None, None]
    for label in np.unique(labels):
        cells = np.flatnonzero(labels == label)
        candidates = cells if label >= 0 else np.arange(n_cells)
        present = np.unique(batches[candidates])
        drawn = n_batches < len(names)
        chosen = rng.choice(present, (len(cells), n_batches)) if drawn else np.tile(names, (len(cells), 1))
        for batch in present:
            among = candidates[batches[candidates] == batch]
            if label >= 0 and len(among) > MAX_LABEL_CANDIDATES:
                among = np.sort(rng.choice(among, MAX_LABEL_CANDIDATES, replace=False))
            row, place = np.nonzero(chosen == batch)
            if len(row):
                partners[cells[row], place] = _nearest(components, cells[row], among, n_neighbors, seed)
    return partners.reshape(n_cells, -1)


def _nearest(
    components: NDArray[np.float32], cells: NDArray[np.intp], candidates: NDArray[np.intp], n: int, seed: int
) -> NDArray[np.intp]:
    """Return the ``n`` candidates nearest to each of some cells, shape ``(n_selected, n)``, repeated if fewer."""
    k = min(n, len(candidates))
    if len(candidates) > MAX_EXACT_CANDIDATES:
        from pynndescent import NNDescent

        index = NNDescent(components[candidates], random_state=seed, n_jobs=1)
        places, _ = index.query(components[cells], k)  # (n_selected, n)
    else:
        search = NearestNeighbors(n_neighbors=k).fit(components[candidates])
        places = search.kneighbors(components[cells], return_distance=False)  # (n_selected, <= n)
    return np.resize(candidates[places].T, (n, len(cells))).T
