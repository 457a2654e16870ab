"""Pairing: the cells that can form a positive pair with each cell."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from smile_training.data import Dataset
from smile_training.recipe import Pairing

N_STAND_INS = 64


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
) -> NDArray[np.intp]:
    """Return the nearest cells of each cell in every batch, its own included.

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

    Returns
    -------
        Rows of the partners, shape ``(n_cells, n_batches * n_neighbors)``.
    """
    labels = np.full(len(components), -1) if labels is None else labels
    by_batch = []
    for batch in np.unique(batches):
        partners = np.repeat(self_partners(len(components)), n_neighbors, axis=1)
        for label in np.unique(labels):
            cells = np.flatnonzero(labels == label)
            candidates = np.flatnonzero((batches == batch) & ((labels == label) | (label < 0)))
            if len(candidates):
                partners[cells] = _nearest(components, cells, candidates, n_neighbors)
        by_batch.append(partners)  # (n_cells, n_neighbors)
    return np.hstack(by_batch)


def _nearest(
    components: NDArray[np.float32], cells: NDArray[np.intp], candidates: NDArray[np.intp], n: int
) -> NDArray[np.intp]:
    """Return the ``n`` candidates nearest to each of some cells, shape ``(n_selected, n)``, repeated if fewer."""
    search = NearestNeighbors(n_neighbors=min(n, len(candidates))).fit(components[candidates])
    nearest = candidates[search.kneighbors(components[cells], return_distance=False)]  # (n_selected, <= n)
    return np.resize(nearest.T, (n, len(cells))).T
