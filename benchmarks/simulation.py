"""Simulated cells, and a recipe for them."""

import numpy as np
import scipy

from smile_training.cells import Cells
from smile_training.recipe import Recipe, resolve_recipe

N_FEATURES = 2000
_N_KINDS = 8
_MEAN_COUNT = 0.12  # about one value in ten is not zero, as in the highly variable genes of a droplet data set


def simulated_cells(n_cells: int, seed: int = 0) -> Cells:
    """Return Poisson counts of eight kinds of cells, scaled to 1e4 and logged, CSR, 2,000 features."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.0, _MEAN_COUNT, (_N_KINDS, N_FEATURES))
    kinds = rng.integers(_N_KINDS, size=n_cells)
    counts = scipy.sparse.csr_matrix(rng.poisson(rates[kinds]), dtype=np.float32)
    totals = np.maximum(np.asarray(counts.sum(axis=1)), 1.0)
    logged = scipy.sparse.csr_matrix(counts.multiply(1e4 / totals), dtype=np.float32).log1p()
    return Cells(logged, feature_names(), np.zeros(n_cells, np.int64), np.full(n_cells, -1), ())


def feature_names() -> tuple[str, ...]:
    """Return 2,000 names."""
    return tuple(f"gene{number}" for number in range(N_FEATURES))


def recipe(**fields: object) -> Recipe:
    """Return a recipe of the published preset with some of its own fields."""
    about = dict.fromkeys(["title", "description", "organism", "tissue", "licence"], "simulated")
    data = {"path": "simulated.h5ad", "source": {"name": "simulated", "licence": "none"}}
    return resolve_recipe({"name": "benchmark", **about, "data": data, **fields}, "of the benchmark")
