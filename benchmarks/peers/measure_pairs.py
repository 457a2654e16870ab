"""Figures of two embeddings of the same cells, on the cells whose pairs the method did not know."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from environments import PeerError
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from smile_training.evaluation.baselines import nearest_neighbor_labels
from smile_training.evaluation.metrics import Floats, accuracy, foscttm, macro_f1

N_NEIGHBORS = 15
N_COMPONENTS = 100
NEIGHBOR_FRACTION = 0.1  # of the cells; as in openproblems' task match_modalities


@dataclass(frozen=True, eq=False, kw_only=True)
class PairTruth:
    """What embeddings are compared with.

    Attributes
    ----------
    orders
        For each file, the cell that each row is, each of shape ``(n_cells,)``.
    left_out
        Cells whose pairs are not known to the method, shape ``(n_cells,)``.
    labels
        Label ids of the cells, shape ``(n_cells,)``.
    values
        Values of the first modality, shape ``(n_cells, n_features)``.
    counts
        Whether these are counts.
    """

    orders: tuple[NDArray[np.int64], NDArray[np.int64]]
    left_out: NDArray[np.bool_]
    labels: NDArray[np.int64]
    values: scipy.sparse.csr_matrix
    counts: bool


def measure_pairs(output: Path, truth: PairTruth) -> dict[str, float]:
    """Return the figures of the embeddings ``first.npy`` and ``second.npy``, and write those of each cell.

    ``labels.csv`` lists the left-out cells: ``true`` and ``label`` of the second modality, and ``foscttm``.

    Parameters
    ----------
    output
        Folder of the embeddings.
    truth
        What they are compared with.

    Returns
    -------
        ``foscttm``, ``matching`` (share of left-out cells whose nearest cell of the other modality is their partner,
        mean of both directions), ``accuracy`` and ``macro_f1`` of labels that left-out cells of the second modality
        get from 15 neighbors among training cells of the first, ``accuracy_first`` of left-out cells of the first, and
        ``knn_auc`` and ``mse`` as openproblems defines them.

    Raises
    ------
    PeerError
        If an embedding has the wrong shape or values that are not finite.
    """
    first, second = read_embeddings(output, truth)
    known, out = ~truth.left_out, truth.left_out
    own, labels = truth.labels[out], truth.labels[known]
    predicted = nearest_neighbor_labels(first[known], labels, second[out], N_NEIGHBORS)
    predicted_first = nearest_neighbor_labels(first[known], labels, first[out], N_NEIGHBORS)
    table = pd.DataFrame({"true": own, "label": predicted, "known": True}, pd.Index(np.flatnonzero(out), name="cell"))
    table.assign(foscttm=fractions_closer(first[out], second[out])).to_csv(output / "labels.csv")
    return {
        "foscttm": foscttm(first[out], second[out]),
        "matching": (_matched(first[out], second[out]) + _matched(second[out], first[out])) / 2,
        "accuracy": accuracy(own, predicted),
        "macro_f1": macro_f1(own, predicted),
        "accuracy_first": accuracy(own, predicted_first),
        "knn_auc": knn_auc(components(truth)[out], first[out], second[out]),
        "mse": mean_squared_error(first[out], second[out]),
    }


def read_embeddings(output: Path, truth: PairTruth, prefix: str = "") -> tuple[Floats, Floats]:
    """Return both embeddings with the same cells in the same order, each of shape ``(n_cells, n_latent)``."""
    embeddings = []
    for name, order in zip(("first", "second"), truth.orders, strict=True):
        rows = np.load(output / f"{prefix}{name}.npy").astype(np.float64)
        if rows.ndim != 2 or len(rows) != len(order) or not np.isfinite(rows).all():
            raise PeerError(f"{name}.npy has shape {rows.shape} or values that are not finite")
        cells = np.empty_like(rows)
        cells[order] = rows
        embeddings.append(cells)
    if embeddings[0].shape != embeddings[1].shape:
        raise PeerError(f"embeddings of widths {embeddings[0].shape[1]} and {embeddings[1].shape[1]}")
    return embeddings[0], embeddings[1]


def components(truth: PairTruth) -> Floats:
    """Return 100 singular vectors of all cells of the first modality, as openproblems' datasets have them."""
    from sklearn.decomposition import TruncatedSVD

    values = truth.values.astype(np.float64)
    if truth.counts:
        values = scipy.sparse.diags(1e4 / np.maximum(values.sum(axis=1).A1, 1)) @ values
        values = values.log1p()
    n_components = min(N_COMPONENTS, min(values.shape) - 1)
    return np.asarray(TruncatedSVD(n_components, random_state=0).fit_transform(values))


def knn_auc(components: Floats, first: Floats, second: Floats) -> float:
    """Return the area under the curve of neighbors that both modalities agree on (openproblems' ``knn_auc``).

    For each k up to a tenth of the cells, the share of a cell's k nearest cells in the components of the first
    modality that are also among the k nearest cells of the first embedding to its second embedding; the mean over k.

    Parameters
    ----------
    components
        Components of the first modality, shape ``(n_cells, n_components)``.
    first, second
        Embeddings of the same cells, each of shape ``(n_cells, n_latent)``.
    """
    from sklearn.neighbors import NearestNeighbors

    n_cells = len(components)
    k = int(np.ceil(NEIGHBOR_FRACTION * n_cells))
    true = NearestNeighbors(n_neighbors=k).fit(components).kneighbors(components, return_distance=False)
    found = NearestNeighbors(n_neighbors=k).fit(first).kneighbors(second, return_distance=False)
    rank = np.full((n_cells, n_cells), k)
    np.put_along_axis(rank, true, np.arange(k)[None], axis=1)
    both = np.maximum(np.take_along_axis(rank, found, axis=1), np.arange(k)[None])  # k where a cell is in one alone
    shared = np.cumsum(np.bincount(both.ravel(), minlength=k + 1)[:k])
    return float((shared / (n_cells * np.arange(1, k + 1))).mean())


def mean_squared_error(first: Floats, second: Floats) -> float:
    """Return the squared distance of pairs, divided by that of all cells to all (openproblems draws an order)."""
    pairs = np.square(first - second).sum(axis=1).mean()
    centers = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    return float(pairs / (first.var(axis=0).sum() + second.var(axis=0).sum() + centers))


def fractions_closer(first: Floats, second: Floats) -> Floats:
    """Return FOSCTTM of each pair, whose mean is the metric, shape ``(n_cells,)``."""
    distance = cdist(first, second)
    own = distance.diagonal()
    closer = sum(
        (side < own[:, None]).sum(axis=1) + 0.5 * ((side == own[:, None]).sum(axis=1) - 1)
        for side in (distance, distance.T)
    )
    return closer / (2 * (len(first) - 1))


def _matched(a: Floats, b: Floats) -> float:
    """Return the share of rows of ``a`` whose nearest row of ``b`` is the one of the same index."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=1).fit(b).kneighbors(a, return_distance=False)[:, 0]
    return float((nearest == np.arange(len(a))).mean())
