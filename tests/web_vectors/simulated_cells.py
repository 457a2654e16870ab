"""Cells drawn from the label profiles of a space: counts that look real enough to be labeled, and belong to nobody."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from smile_runtime import Space

DEPTHS = (100, 3000)  # counts of a cell, from a log-uniform distribution
NOISE = 0.5  # standard deviation of the logarithm of a gene's expected share, as cells of a type differ
MIXED_FRACTION = 0.15  # of the cells are doublets of two labels
FOREIGN_FRACTION = 0.1  # of the cells have the profile of a label with its genes shuffled, like those of no type


def simulated_counts(space: Space, n_cells: int, seed: int) -> sparse.csr_matrix:
    """Return whole counts of a space's features, float32, shape ``(n_cells, n_features)``."""
    modality = next(iter(space.encoders))
    profiles = space.profiles(modality)
    assert profiles is not None
    rng = np.random.default_rng(seed)
    shares = np.exp(profiles.log_profile.astype(np.float64))  # (n_labels, n_features)
    rows = [_draw(rng, shares, cell % len(shares)) for cell in range(n_cells)]
    return sparse.csr_matrix(np.stack(rows).astype(np.float32))


def _draw(rng: np.random.Generator, shares: NDArray[np.float64], label: int) -> NDArray[np.int64]:
    expected, kind = shares[label], rng.random()
    if kind < MIXED_FRACTION:
        expected = expected + shares[rng.integers(len(shares))]
    elif kind < MIXED_FRACTION + FOREIGN_FRACTION:
        expected = rng.permutation(expected)
    expected = expected * np.exp(NOISE * rng.standard_normal(len(expected)))
    depth = int(np.exp(rng.uniform(*np.log(DEPTHS))))
    return rng.multinomial(depth, expected / expected.sum())
