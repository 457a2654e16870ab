"""Canonical variates: directions along which two modalities of the same cells vary together (Hotelling 1936)."""

import numpy as np
from numpy.typing import NDArray

N_VARIATES = 30
"""Most variates of a modality."""
MIN_PAIRS = 20
PAIRS_PER_COMPONENT = 10
"""Fewest pairs for each component that variates are made of: with fewer, any two sets of components agree."""
RIDGE = 0.05
"""Fraction of the largest variance that is added to all: components that hardly vary are not scaled up to it."""
MIN_CORRELATION = 1e-6
"""Smallest correlation of a variate, as a fraction of the first one's; those of dependent components have none."""
SPREAD = 2.0
"""Standard deviation of the first variate, in units of that of the first component."""


def fit_canonical_variates(
    components: NDArray[np.float32], partner: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the canonical variates of the components of paired cells.

    Parameters
    ----------
    components, partner
        Components of the cells in two modalities, in the same order, shapes ``(n_pairs, n_components)`` and
        ``(n_pairs, n_partner_components)``; the most important ones come first. They need not be centered.

    Returns
    -------
        Combinations of each modality's components, shapes ``(n_components, n_variates)`` and
        ``(n_partner_components, n_variates)``. Variates are proportional to their correlation, so that those that
        hardly correlate do not drown the others; the first has a standard deviation of `SPREAD`.
    """
    n_used = max(1, len(components) // PAIRS_PER_COMPONENT)
    whitened, to_whitened = _whiten(components[:, :n_used])
    partner_whitened, to_partner = _whiten(partner[:, :n_used])
    left, correlation, right = np.linalg.svd(whitened.T @ partner_whitened / len(components), full_matrices=False)
    kept = np.flatnonzero(correlation > MIN_CORRELATION * correlation[0])[:N_VARIATES]
    weighted, partner_weighted = left[:, kept] * correlation[kept], right.T[:, kept] * correlation[kept]
    return (
        _combinations(components.shape[1], to_whitened @ weighted, whitened @ weighted),
        _combinations(partner.shape[1], to_partner @ partner_weighted, partner_whitened @ partner_weighted),
    )


def _whiten(components: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return uncorrelated components of variance 1, or less if they hardly vary, and the map to them.

    Their shapes are ``(n_pairs, n_used)`` and ``(n_used, n_used)``.
    """
    centered = components - components.mean(axis=0, dtype=np.float64)
    variance, axes = np.linalg.eigh(centered.T @ centered / len(centered))
    largest = max(float(variance.max()), np.finfo(float).tiny)
    whitening = axes / np.sqrt(np.maximum(variance, 0.0) + RIDGE * largest)
    return centered @ whitening, whitening


def _combinations(n_components: int, used: NDArray[np.float64], variates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return combinations of all components, of which only the first are used, with the spread of the first variate."""
    unit = float(np.std(variates[:, 0])) if variates.size else 1.0
    combinations = np.zeros((n_components, used.shape[1]))
    combinations[: len(used)] = used * (SPREAD / unit)
    return combinations
