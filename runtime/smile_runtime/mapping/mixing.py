"""Batch mixing in a space, corrected for differences in composition between batches."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors

MAX_MIXING_CELLS = 10_000
"""Maximum number of cells that mixing is measured on; larger queries are sampled."""
PERPLEXITY = 30
_N_NEIGHBORS = 3 * PERPLEXITY  # including the cell itself, as in the authors' code
_N_SHUFFLES = 10
_N_BISECTIONS = 40


def batch_mixing(
    embedding: NDArray[np.float32], label: NDArray[np.integer], batch: NDArray[np.integer], *, seed: int = 0
) -> float | None:
    """Measure how well batches mix: 0 for separate batches, 1 if batch and position are independent.

    The mean of ``iLISI - 1`` (Korsunsky et al. 2019, Nature Methods 16:1289), the effective number of further batches
    around a cell, divided by its value after shuffling the batches among the cells of each label. (Luecken et al. 2022,
    Nature Methods 19:41, divide by the number of batches minus one instead, which batches of unequal size or
    composition cannot reach.)

    Parameters
    ----------
    embedding
        L2-normalized embedding, shape ``(n, n_latent)``; more than 10,000 cells are sampled.
    label
        Label ids of the cells, shape ``(n,)``.
    batch
        Batch ids of the cells, from 0, shape ``(n,)``.
    seed
        Seed of the sampling and the shuffling.

    Returns
    -------
        Mixing from 0 to 1, over the cells whose label occurs in several batches; None for a single batch, batches
        without a common label, or too few cells.
    """
    rng = np.random.default_rng(seed)
    if len(label) > MAX_MIXING_CELLS:
        rows = np.sort(rng.choice(len(label), MAX_MIXING_CELLS, replace=False))
        embedding, label, batch = embedding[rows], label[rows], batch[rows]
    mixable = _in_shared_label(label, batch)
    if not mixable.any():
        return None
    indices, distances = _other_neighbors(embedding)
    indices, weights = indices[mixable], perplexity_weights(distances[mixable])
    observed = np.mean(inverse_simpson(weights, batch[indices]) - 1)
    shuffled = [_shuffled(batch, label, rng) for _ in range(_N_SHUFFLES)]
    expected = np.mean([inverse_simpson(weights, other[indices]) - 1 for other in shuffled])
    return min(float(observed / expected), 1.0) if expected > 0 else None


def inverse_simpson(weights: NDArray[np.float64], batch: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the effective number of batches around each cell: LISI, at least 1, shape ``(n,)``.

    Parameters
    ----------
    weights
        Weights of each cell's neighbors, rows summing to 1, shape ``(n, k)``.
    batch
        Batch ids of the neighbors, shape ``(n, k)``.
    """
    share = np.zeros((len(batch), int(batch.max()) + 1))
    np.add.at(share, (np.arange(len(batch))[:, None], batch), weights)
    result: NDArray[np.float64] = 1 / np.square(share).sum(axis=1)
    return result


def perplexity_weights(distances: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return weights that decrease with distance, with a perplexity of 30 in each row, shape ``(n, k)``.

    The weights are ``exp(-beta * distance)``, as in LISI, with ``beta`` by bisection of its logarithm. With fewer than
    90 neighbors the perplexity is a third of their number.
    """
    beyond = (distances - distances.min(axis=1, keepdims=True)).astype(np.float64)
    target = np.log(max(min(PERPLEXITY, distances.shape[1] / 3), 1.0))
    low, high = np.full((2, len(distances), 1), [[[-10.0]], [[20.0]]])
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        too_wide = _entropy(_weights(beyond, middle)) > target
        low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
    return _weights(beyond, low)


def _weights(beyond: NDArray[np.float64], log_beta: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(-np.exp(log_beta) * beyond)
    result: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return result


def _entropy(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shannon entropy of each row, in nats, shape ``(n, 1)``."""
    result: NDArray[np.float64] = -(weights * np.log(weights + np.finfo(float).tiny)).sum(axis=1, keepdims=True)
    return result


def _other_neighbors(embedding: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the neighbors of each cell, without the cell itself, and their distances, shape ``(n, k)`` each."""
    neighbors = find_nearest_neighbors(embedding, embedding, _N_NEIGHBORS)
    itself = neighbors.indices == np.arange(len(embedding))[:, None]
    others = np.argsort(itself, axis=1, kind="stable")[:, :-1]  # drops the farthest if copies hide the cell
    indices, distances = neighbors.indices, neighbors.distances
    return np.take_along_axis(indices, others, axis=1), np.take_along_axis(distances, others, axis=1)


def _in_shared_label(label: NDArray[np.integer], batch: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return whether each cell's label occurs in several batches, shape ``(n,)``."""
    pairs = np.unique(np.stack([label, batch]), axis=1)
    labels, n_batches = np.unique(pairs[0], return_counts=True)
    return np.isin(label, labels[n_batches > 1])


def _shuffled(
    batch: NDArray[np.integer], label: NDArray[np.integer], rng: "np.random.Generator"
) -> NDArray[np.integer]:
    """Return batch ids shuffled among the cells of each label, shape ``(n,)``."""
    result = batch.copy()
    result[np.argsort(label, kind="stable")] = batch[np.lexsort((rng.random(len(label)), label))]
    return result
