"""Label transfer to a batch that nobody trained on: each batch of a recipe's data is left out once, with 3 seeds.

As in the cross-validation of a space, labels go through landmarks and the runtime's own functions; the baselines are 15
nearest neighbors among 30 principal components, and logistic regression, both on z-scores of the same cells.

    python benchmarks/unseen_batch.py --data FOLDER      (about 10 minutes on one core)
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from smile_runtime.mapping.label_means import LabelMeans
from smile_runtime.mapping.label_transfer import transfer_labels
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_training.data.dataset import Dataset, read_dataset
from smile_training.evaluation import baselines as baselines
from smile_training.evaluation import metrics
from smile_training.evaluation.baseline_inputs import baseline_values
from smile_training.loop.train import Run, train_encoders
from smile_training.recipe.read import read_recipe
from smile_training.recipe.records import Recipe
from smile_training.reference.reference_points import build_reference

RECIPES = Path(__file__).parents[1] / "training/recipes"
NAMES = ("lung-cell-lines", "pancreas", "pbmc")
SEEDS = 3
METHODS = ("smile", "pca", "logistic regression")


def predictions(train: Dataset, left_out: Dataset, recipe: Recipe, seed: int) -> dict[str, np.ndarray]:
    """Return the labels that each method gives to the left-out cells."""
    ((name, known),), ((_, others),) = train.cells.items(), left_out.cells.items()
    encoder = train_encoders(train, recipe, Run(torch.device("cpu"), seed))[name]
    points = build_reference(train, {name: encoder.embed(known)}, recipe.reference, recipe.seed)
    embedding = encoder.embed(others)
    neighbors = find_nearest_neighbors(embedding, points.embedding, recipe.reference.n_neighbors)
    fitted, projected = baseline_values(known, others, recipe.modalities[name])
    components = baselines.pca(fitted, projected, seed=seed)
    return {
        "smile": transfer_labels(neighbors, points, LabelMeans.of(points).distances(embedding))[0].label,
        "pca": baselines.nearest_neighbor_labels(components[0], known.labels, components[1]),
        "logistic regression": baselines.logistic_regression(fitted, known.labels, projected),
    }


def measure(recipe: Recipe, folder: Path) -> dict[tuple[str, str], list[float]]:
    """Return the accuracy on each left-out batch by each method, one a seed."""
    dataset = read_dataset(recipe, folder)
    ((_, cells),) = dataset.cells.items()
    found: dict[tuple[str, str], list[float]] = {}
    for batch, title in enumerate(cells.batch_names):
        train, left_out = (
            dataset.subset(cells.names[rows]) for rows in (cells.batches != batch, cells.batches == batch)
        )
        for seed in range(SEEDS):
            for method, predicted in predictions(train, left_out, recipe, seed).items():
                true = next(iter(left_out.cells.values())).labels
                found.setdefault((title, method), []).append(metrics.accuracy(true, predicted))
    return found


def main() -> None:
    """Measure every recipe and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the recipes' data")
    folder = parser.parse_args().data
    torch.set_num_threads(1)
    print(f"| recipe | batch left out | {' | '.join(METHODS)} |\n|{'---|' * (2 + len(METHODS))}")
    for name in NAMES:
        found = measure(read_recipe(RECIPES / f"{name}.toml"), folder)
        for batch in dict.fromkeys(title for title, _ in found):
            cells = [f"{np.mean(found[batch, method]):.3f} ± {np.std(found[batch, method]):.3f}" for method in METHODS]
            print(f"| {name} | {batch} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
