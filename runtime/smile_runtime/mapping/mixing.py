"""How well the batches of a query mix in a space, beyond the difference in their composition."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors

MOST_CELLS = 10_000
"""Cells that the mixing is measured on; of more, a sample is drawn."""
PERPLEXITY = 30
_NEIGHBORS = 3 * PERPLEXITY  # the cell itself included, as in the authors' code
_SHUFFLES = 10
_STEPS = 40


def batch_mixing(
    embedding: NDArray[np.float32], label: NDArray[np.integer], batch: NDArray[np.integer], *, seed: int = 0
) -> float | None:
    """Return how well batches mix: 0 where they lie apart, 1 where a cell's batch says nothing of where it lies.

    The mean of ``iLISI - 1`` (Korsunsky et al. 2019, Nature Methods 16:1289), the effective number of further batches
    around a cell, as a share of what it is with the batches shuffled among the cells of each label. (The scaling of
    Luecken et al. 2022, Nature Methods 19:41, takes the number of batches less one instead, which batches of unequal
    size or composition cannot reach.)

    Parameters
    ----------
    embedding
        Cells in the space, L2-normalized, shape ``(n, n_latent)``; of more than 10,000 a sample is drawn.
    label
        Their labels as ids, shape ``(n,)``.
    batch
        Their batches as ids from 0 on, shape ``(n,)``.
    seed
        Of the sample and of the shuffling.

    Returns
    -------
        0 to 1, over the cells whose label occurs in several batches; None where there is nothing to mix: one batch, no
        label in common, or too few cells.
    """
    rng = np.random.default_rng(seed)
    if len(label) > MOST_CELLS:
        rows = np.sort(rng.choice(len(label), MOST_CELLS, replace=False))
        embedding, label, batch = embedding[rows], label[rows], batch[rows]
    mixable = _have_label_in_common(label, batch)
    if not mixable.any():
        return None
    indices, distances = _other_neighbors(embedding)
    indices, weights = indices[mixable], perplexity_weights(distances[mixable])
    observed = np.mean(inverse_simpson(weights, batch[indices]) - 1)
    shuffled = [_shuffled(batch, label, rng) for _ in range(_SHUFFLES)]
    expected = np.mean([inverse_simpson(weights, other[indices]) - 1 for other in shuffled])
    return min(float(observed / expected), 1.0) if expected > 0 else None


def inverse_simpson(weights: NDArray[np.float64], batch: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the effective number of batches around each cell: LISI, from 1 on, shape ``(n,)``.

    Parameters
    ----------
    weights
        Of each cell's neighbors, rows summing to 1, shape ``(n, k)``.
    batch
        The neighbors' batches as ids, shape ``(n, k)``.
    """
    share = np.zeros((len(batch), int(batch.max()) + 1))
    np.add.at(share, (np.arange(len(batch))[:, None], batch), weights)
    result: NDArray[np.float64] = 1 / np.square(share).sum(axis=1)
    return result


def perplexity_weights(distances: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return weights that fall off with distance, each row as fast as makes its perplexity 30, shape ``(n, k)``.

    ``exp(-beta * distance)``, as LISI has it, with ``beta`` found by bisection of its logarithm; where there are fewer
    neighbors, a third of their number is the perplexity.
    """
    beyond = (distances - distances.min(axis=1, keepdims=True)).astype(np.float64)
    target = np.log(max(min(PERPLEXITY, distances.shape[1] / 3), 1.0))
    low, high = np.full((2, len(distances), 1), [[[-10.0]], [[20.0]]])
    for _ in range(_STEPS):
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
    """Return each cell's neighbors but for itself, and their distances, shape ``(n, k)``."""
    found = find_nearest_neighbors(embedding, embedding, _NEIGHBORS)
    itself = found.indices == np.arange(len(embedding))[:, None]
    others = np.argsort(itself, axis=1, kind="stable")[:, :-1]  # where copies hide the cell, the farthest is left out
    indices, distances = found.indices, found.distances
    return np.take_along_axis(indices, others, axis=1), np.take_along_axis(distances, others, axis=1)


def _have_label_in_common(label: NDArray[np.integer], batch: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which cells have a label that occurs in several batches, shape ``(n,)``."""
    pairs = np.unique(np.stack([label, batch]), axis=1)
    labels, n_batches = np.unique(pairs[0], return_counts=True)
    return np.isin(label, labels[n_batches > 1])


def _shuffled(
    batch: NDArray[np.integer], label: NDArray[np.integer], rng: "np.random.Generator"
) -> NDArray[np.integer]:
    """Return the batches, exchanged at random among the cells of each label."""
    result = batch.copy()
    result[np.argsort(label, kind="stable")] = batch[np.lexsort((rng.random(len(label)), label))]
    return result
