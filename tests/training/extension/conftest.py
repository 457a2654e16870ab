"""A small space of three types, and cells of four to extend it by."""

from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
import scipy

import smile_runtime
from smile_training import build_space
from smile_training.recipe.read import resolve_recipe

BROAD = {"type0": "left", "type1": "right", "type2": "right", "type3": "middle"}


@pytest.fixture(scope="session")
def four_types(simulated: Callable[..., anndata.AnnData]) -> anndata.AnnData:
    """760 cells of four types, the last of which expresses the markers of the first two; an encoder can tell it."""
    cells = simulated(n_cells=950)
    label = cells.obs["cell_type"].to_numpy()
    first, second, others = (np.flatnonzero(each) for each in (label == "type0", label == "type1", label == "type2"))
    X = scipy.sparse.vstack(
        [cells.X[first[:190]] + cells.X[second[:190]], cells.X[np.r_[first[190:], second[190:], others]]]
    )
    types = ["type3"] * 190 + ["type0"] * len(first[190:]) + ["type1"] * len(second[190:]) + ["type2"] * len(others)
    rows = np.random.default_rng(0).permutation(len(types))
    obs = cells.obs.iloc[: len(types)].assign(cell_type=np.array(types)[rows])
    obs["broad"] = obs["cell_type"].map(BROAD)
    obs["tissue"] = np.where(obs["cell_type"] == "type0", "skin", "blood")
    return anndata.AnnData(scipy.sparse.csr_matrix(X[rows]), obs=obs, var=cells.var)


@pytest.fixture(scope="session")
def folder(four_types: anndata.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with cells to train on, without type3, and with cells to add and to keep apart."""
    folder = tmp_path_factory.mktemp("data")
    known = four_types[:400]
    known[known.obs["cell_type"] != "type3"].copy().write_h5ad(folder / "known.h5ad")
    four_types[400:580].copy().write_h5ad(folder / "added.h5ad")
    four_types[580:].copy().write_h5ad(folder / "apart.h5ad")
    return folder


@pytest.fixture(scope="session")
def known_space(folder: Path) -> Path:
    """Return a space of the first three types, with a broader level and tissues."""
    source = {"name": "A simulation", "licence": "CC0-1.0"}
    columns = {"label_key": "cell_type", "levels": ["broad"], "more_labels": ["tissue"], "batch_key": "batch"}
    recipe = resolve_recipe(
        {
            "name": "known",
            "title": "Known",
            "description": "x",
            "organism": "none",
            "tissue": "none",
            "licence": "MIT",
            "preset": "stem",
            "modalities": {
                "rna": {"data": {"path": "known.h5ad", "source": source, **columns}, "stem": {"n_components": 8}}
            },
            "network": {"hidden": [32], "n_latent": 16, "n_projection": 8, "n_pseudo_types": 5},
            "training": {"batch_size": 64, "epochs": 12},
            "reference": {"n_landmarks": 100, "n_neighbors": 5, "folds": 2, "repeats": 1, "map_method": "tsne"},
        },
        "known.toml",
    )
    build_space(recipe, folder / "known", data_folder=folder, device="cpu")
    return folder / "known"


@pytest.fixture
def known(known_space: Path) -> smile_runtime.Space:
    return smile_runtime.open_space(known_space, device="cpu")
