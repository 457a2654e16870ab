"""Pairing: the cell that the second view of a positive pair shows."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from smile_training.data import Dataset
from smile_training.recipe import Pairing

MAX_UNPAIRED_CHOICES = 64


def self_partners(n_cells: int) -> NDArray[np.intp]:
    """Pair each cell with itself, shape ``(n_cells, 1)``, as published; pairing by label does the same."""
    return np.arange(n_cells)[:, None]


def matched(dataset: Dataset, first: str, second: str, pairing: Pairing, seed: int) -> dict[str, NDArray[np.intp]]:
    """Return the rows of paired cells in each of two modalities, in the same order, shape ``(n_pairs, n_choices)``.

    These are the cells measured by both. With ``pairing.unpaired``, each further labeled cell of the second modality
    follows, with cells of its label in the first modality to choose from.
    """
    rows, others = dataset.pairs(first, second)
    if not pairing.unpaired:
        return {first: rows[:, None], second: others[:, None]}
    rng = np.random.default_rng(seed)
    labels = dataset.cells[first].labels
    alone = np.setdiff1d(np.flatnonzero(np.isin(dataset.cells[second].labels, labels[labels >= 0])), others)
    stand_ins = [
        rng.choice(np.flatnonzero(labels == label), MAX_UNPAIRED_CHOICES)
        for label in dataset.cells[second].labels[alone]
    ]
    choices = np.concatenate(
        [
            np.repeat(rows[:, None], MAX_UNPAIRED_CHOICES, axis=1),
            np.reshape(stand_ins, (-1, MAX_UNPAIRED_CHOICES)).astype(np.intp),
        ]
    )
    return {first: choices, second: np.concatenate([others, alone])[:, None]}


def neighbor_partners(
    components: NDArray[np.float32],
    batches: NDArray[np.int64],
    n_neighbors: int,
    labels: NDArray[np.int64] | None = None,
) -> NDArray[np.intp]:
    """Return each cell's nearest cells in every batch, including its own.

    Parameters
    ----------
    components
        Principal components of all cells, shape ``(n_cells, n_components)``; distances are Euclidean.
    batches
        Batch ids, shape ``(n_cells,)``.
    n_neighbors
        Number of cells from each batch; with fewer candidates, they are repeated.
    labels
        Label ids, shape ``(n_cells,)``: partners share a label, and a cell is its own partner in a batch without such
        cells; a cell without label (-1) may pair with any. None to ignore labels.

    Returns
    -------
        Rows of the partners, shape ``(n_cells, n_batches * n_neighbors)``.
    """
    labels = np.full(len(components), -1) if labels is None else labels
    tables = []
    for batch in np.unique(batches):
        table = np.repeat(self_partners(len(components)), n_neighbors, axis=1)
        for label in np.unique(labels):
            cells = np.flatnonzero(labels == label)
            candidates = np.flatnonzero((batches == batch) & ((labels == label) | (label < 0)))
            if len(candidates):
                table[cells] = _nearest(components, cells, candidates, n_neighbors)
        tables.append(table)
    return np.hstack(tables)


def _nearest(
    components: NDArray[np.float32], cells: NDArray[np.intp], candidates: NDArray[np.intp], n: int
) -> NDArray[np.intp]:
    search = NearestNeighbors(n_neighbors=min(n, len(candidates))).fit(components[candidates])
    nearest = candidates[search.kneighbors(components[cells], return_distance=False)]  # (cells, <= n)
    return np.resize(nearest.T, (n, len(cells))).T  # repeats if there are fewer candidates
