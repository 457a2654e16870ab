"""Simulated cells, and a recipe for them."""

import numpy as np
import scipy

from smile_runtime.preprocessing import size_factors
from smile_training.cells import Cells
from smile_training.recipe import Recipe, resolve_recipe

N_FEATURES = 2000
_N_KINDS = 8
_MEAN_COUNT = 0.12  # about one value in ten is not zero, as in the highly variable genes of a droplet data set


def simulated_cells(n_cells: int, seed: int = 0) -> Cells:
    """Return Poisson counts of eight kinds of cells, to be scaled to 1e4, CSR, 2,000 features."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.0, _MEAN_COUNT, (_N_KINDS, N_FEATURES))
    kinds = rng.integers(_N_KINDS, size=n_cells)
    counts = scipy.sparse.csr_matrix(rng.poisson(rates[kinds]), dtype=np.float32)
    return Cells(
        raw=counts,
        size_factor=size_factors(np.asarray(counts.sum(axis=1)).ravel(), 1e4),
        features=feature_names(),
        names=np.array([f"cell{number}" for number in range(n_cells)], dtype=object),
        batches=np.zeros(n_cells, np.int64),
        batch_names=("all",),
        columns=(),
    )


def feature_names() -> tuple[str, ...]:
    """Return 2,000 names."""
    return tuple(f"gene{number}" for number in range(N_FEATURES))


def recipe(**fields: object) -> Recipe:
    """Return a recipe of the published preset with some of its own fields."""
    about = dict.fromkeys(["title", "description", "organism", "tissue", "licence"], "simulated")
    data = {"path": "simulated.h5ad", "source": {"name": "simulated", "licence": "none"}}
    modalities = {"rna": {"data": data}}
    return resolve_recipe({"name": "benchmark", **about, "modalities": modalities, **fields}, "of the benchmark")
