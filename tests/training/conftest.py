"""Simulated cells, and recipes that train in well under a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
import torch

from smile_training.data.cells import Cells, read_cells
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

MakeRecipe = Callable[..., Recipe]

ABOUT: dict[str, Any] = {
    "name": "tiny",
    "title": "Tiny",
    "description": "Simulated cells.",
    "organism": "none",
    "tissue": "none",
    "licence": "MIT",
}
DATA: dict[str, Any] = {"path": "counts.h5ad", "source": {"name": "simulated", "licence": "CC0-1.0"}}
NETWORK: dict[str, Any] = {"hidden": [32], "n_latent": 16, "n_projection": 8, "n_pseudo_types": 5}
TRAINING: dict[str, Any] = {"batch_size": 64, "epochs": 3}
MODALITY_FIELDS = ("data", "preprocessing", "stem", "noise")
TRAINING_FIELDS = ("pairing", "loss", "optimiser", "batch_size", "epochs", "max_steps", "precision", "contrast")


def simulate_counts(
    n_cells: int = 180, n_features: int = 90, n_labels: int = 3, n_batches: int = 2, seed: int = 0
) -> anndata.AnnData:
    """Return raw counts of cells of several types in several batches.

    Each type has marker genes with six-fold expression, and each batch scales every gene by a factor of its own. The
    first gene is zero in all cells.
    """
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n_cells) % n_labels)
    batch = rng.permutation(np.arange(n_cells) % n_batches)
    marker_of = np.arange(n_features) % (3 * n_labels)
    rate = rng.gamma(2.0, 0.6, n_features) * np.where(marker_of == label[:, None], 6.0, 1.0)
    rate = rate * rng.lognormal(0.0, 0.3, (n_batches, n_features))[batch]
    depth = rng.lognormal(0.0, 0.3, (n_cells, 1))
    X = rng.poisson(rate * depth).astype(np.float32)
    X[:, 0] = 0.0
    obs = pd.DataFrame(
        {"cell_type": [f"type{each}" for each in label], "batch": [f"batch{each}" for each in batch]},
        index=[f"cell{row}" for row in range(n_cells)],
    )
    var = pd.DataFrame(index=[f"gene{column}" for column in range(n_features)])
    return anndata.AnnData(scipy.sparse.csr_matrix(X), obs=obs, var=var)


@pytest.fixture(scope="session")
def simulated() -> Callable[..., anndata.AnnData]:
    return simulate_counts


@pytest.fixture(scope="session")
def make_recipe() -> MakeRecipe:
    """Return a function that makes a tiny recipe with one modality, ``rna``.

    Fields of the modality and of training are passed without their table and replace the tiny ones; those of ``data``
    and ``network`` are merged with them.
    """

    def make(**fields: Any) -> Recipe:
        rna = {key: fields.pop(key) for key in MODALITY_FIELDS if key in fields}
        training = {key: fields.pop(key) for key in TRAINING_FIELDS if key in fields}
        tables = {
            "modalities": {"rna": {**rna, "data": {**DATA, **rna.get("data", {})}}},
            "training": {**TRAINING, **training},
            "network": {**NETWORK, **fields.pop("network", {})},
        }
        return resolve_recipe({**ABOUT, **tables, **fields}, "tiny.toml")

    return make


@pytest.fixture(scope="session")
def counts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with the simulated counts."""
    folder = tmp_path_factory.mktemp("data")
    simulate_counts().write_h5ad(folder / "counts.h5ad")
    return folder


@pytest.fixture(scope="session")
def cells(counts_folder: Path, make_recipe: MakeRecipe) -> Cells:
    """Return 180 cells with three labels in two batches."""
    recipe = make_recipe(data={"batch_key": "batch", "label_key": "cell_type"})
    return read_cells("rna", recipe.modalities["rna"], counts_folder)


@pytest.fixture(scope="session")
def cpu() -> torch.device:
    return torch.device("cpu")
