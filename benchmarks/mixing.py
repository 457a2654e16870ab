"""Mixing of batches and separation of labels by scib-metrics: BRAS, iLISI and cLISI, ours beside PCA and Harmony.

The silhouette by batch that cards show is unreliable where batches overlap in part; scib-metrics replaced it by BRAS.
All three are 1 at best. They are measured on left-out cells, in 3 folds, with 3 seeds: SMILE and PCA project these
cells, Harmony sees them together with the training cells. scib-metrics brings jax, 0.4 GB, hence no extra has it:

    pip install scib-metrics
    python benchmarks/mixing.py --data FOLDER      (about 5 minutes on one core)
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch

from machine import cpu_model
from smile_training.data import Dataset, read_dataset, split_folds
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.evaluation.harmony import harmony
from smile_training.loop import Run, train_encoders
from smile_training.recipe import Recipe, read_recipe

RECIPES = Path(__file__).parents[1] / "training/recipes"
NAMES = ("pbmc", "pancreas")
METHODS = ("SMILE", "Harmony", "PCA")
N_FOLDS, SEEDS, N_NEIGHBORS = 3, range(3), 90


def embeddings(train: Dataset, left_out: Dataset, recipe: Recipe, seed: int) -> Iterator[np.ndarray]:
    """Yield the left-out cells as each method places them."""
    known, others = train.cells["rna"], left_out.cells["rna"]
    yield train_encoders(train, recipe, Run(torch.device("cpu"), seed))["rna"].embed_with_components(others)[0]
    fitted = FittedBaselines.of(known, recipe.modalities["rna"], seed)
    projected = fitted.project(fitted.scale(others))
    together = np.concatenate([fitted.components, projected]).astype(np.float64)
    yield harmony(together, np.concatenate([known.batches, others.batches]), seed)[len(known) :]
    yield projected


def measure(embedding: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> tuple[float, float, float]:
    """Return BRAS, iLISI and cLISI."""
    from scib_metrics import bras, clisi_knn, ilisi_knn
    from scib_metrics.nearest_neighbors import pynndescent

    neighbors = pynndescent(embedding, min(N_NEIGHBORS, len(embedding) - 1), random_state=0)
    return bras(embedding, labels, batches), ilisi_knn(neighbors, batches), clisi_knn(neighbors, labels)


def rna_alone(recipe: Recipe) -> Recipe:
    """Return the recipe of the RNA teacher of a composition, or the recipe itself."""
    return msgspec.structs.replace(recipe, variant="smile", modalities={"rna": recipe.modalities["rna"]})


def main() -> None:
    """Measure every recipe with batches and print a table of means, and of standard deviations over seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the recipes' data")
    parser.add_argument("--recipes", nargs="+", default=NAMES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{cpu_model()}\n\n| recipe | method | BRAS | iLISI | cLISI |\n|---|---|---|---|---|")
    for name in arguments.recipes:
        recipe = rna_alone(read_recipe(RECIPES / f"{name}.toml"))
        dataset = read_dataset(recipe, arguments.data)
        names, labels = dataset.names()
        values = np.zeros((len(METHODS), len(SEEDS), N_FOLDS, 3))
        for seed in SEEDS:
            for fold, (rows, out) in enumerate(split_folds(labels, N_FOLDS, seed)):
                left_out = dataset.subset(names[out])
                cells = left_out.cells["rna"]
                for method, embedding in enumerate(embeddings(dataset.subset(names[rows]), left_out, recipe, seed)):
                    values[method, seed, fold] = measure(embedding, cells.labels, cells.batches)
        by_seed = values.mean(axis=2)  # (methods, seeds, metrics)
        for method, each in zip(METHODS, by_seed, strict=True):
            shown = (f"{mean:.3f} ± {std:.3f}" for mean, std in zip(each.mean(axis=0), each.std(axis=0), strict=True))
            print(f"| {name} | {method} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
