"""Simulated cells, a recipe for them, and encoders and spaces that were never trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy
import torch

from smile_runtime.encoder.preprocessing import Preprocessing, size_factors
from smile_runtime.manifest import LabelColumn, SimilarityRecord
from smile_runtime.mapping.reference import Reference
from smile_training.data.cells import Cells
from smile_training.export.space_writer import SpaceContents, write_space
from smile_training.model.network import SmileNetwork
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Network, Recipe

N_FEATURES = 2000
_N_LANDMARKS = 1000
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


def feature_names(n_features: int = N_FEATURES) -> tuple[str, ...]:
    """Return as many names."""
    return tuple(f"gene{number}" for number in range(n_features))


def recipe(**fields: object) -> Recipe:
    """Return a recipe of the published preset with some of its own fields."""
    about = dict.fromkeys(["title", "description", "organism", "tissue", "licence"], "simulated")
    data = {"path": "simulated.h5ad", "source": {"name": "simulated", "licence": "none"}}
    modalities = {"rna": {"data": data}}
    return resolve_recipe({"name": "benchmark", **about, "modalities": modalities, **fields}, "of the benchmark")


def random_network(stem_size: int | None, sizes: Network, features: Sequence[str]) -> TrainedEncoder:
    """Return an encoder of some features that was never trained."""
    rng, n_features = np.random.default_rng(0), len(features)
    mean, std = rng.uniform(0.0, 1.0, (2, n_features))
    stem = None if stem_size is None else rng.standard_normal((n_features, stem_size), np.float32)
    network = SmileNetwork(n_features, sizes, stem)
    network.initialize(torch.Generator().manual_seed(0))
    return TrainedEncoder(
        tuple(features), Preprocessing(target_sum=1e4, log1p=True, scaling="sd", mean=mean, std=std), network.eval()
    )


def simulated_space(folder: Path, features: Sequence[str], stem_size: int | None, hidden: list[int]) -> None:
    """Write a space with a random encoder of some features and 1,000 random landmarks of ten labels."""
    settings = recipe(network={"hidden": hidden}, reference={"n_landmarks": _N_LANDMARKS})
    rng = np.random.default_rng(1)
    embedding = rng.standard_normal((_N_LANDMARKS, settings.network.n_latent), np.float32)
    column = LabelColumn(name="type", labels=[f"type {number}" for number in range(10)])
    points = Reference(
        embedding=embedding / np.linalg.norm(embedding, axis=1, keepdims=True),
        weight=np.full(_N_LANDMARKS, 100, np.float32),
        map=rng.standard_normal((_N_LANDMARKS, 2), np.float32),
        label=rng.integers(10, size=(_N_LANDMARKS, 1)),
        modality=np.zeros(_N_LANDMARKS, np.int64),
        label_columns=(column,),
        modalities=("rna",),
    )
    parts = SpaceContents(
        encoders={"rna": random_network(stem_size, settings.network, features)},
        points=points,
        n_cells=100 * _N_LANDMARKS,
        label_modalities={"rna": ["rna"]},
        calibrations={},
        similarities={"rna": SimilarityRecord(quantiles=[0.0, 2.0], n_cells=1)},
        metrics=[],
        cells={},
        sha256={"rna": [""]},
    )
    folder.mkdir()
    write_space(folder, settings, parts)
