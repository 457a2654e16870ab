"""Whether a budget of steps loses accuracy: label transfer to left-out cells, after 300 epochs and after fewer steps.

A third of the cells is left out, with the seeds 0 to 2; they are labeled as measured, and with a tenth of their counts.
Each budget is compared with 300 epochs on the same cells: mean difference of accuracies in points, and its standard
error over seeds.

    python benchmarks/steps.py --data FOLDER      (about 10 minutes on one core)
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch

from machine import cpu_model
from smile_training.data import Dataset, Fold, read_dataset, split_folds, stress_cells
from smile_training.draft import draft_recipe
from smile_training.evaluation.queried_cells import query_cells
from smile_training.loop import Run, train_encoders
from smile_training.recipe import Recipe
from smile_training.reference import build_reference

FILES = ("mouse_cortex_snare_rna.h5ad",)
BUDGETS = (msgspec.UNSET, 3000, 2000, 1000)
LEVELS = (("features", 1.0), ("depth", 0.1))
N_FOLDS, SEEDS = 3, range(3)


def folds(dataset: Dataset) -> Iterator[Fold]:
    """Yield one fold of each seed."""
    names, labels = dataset.names()
    for seed in SEEDS:
        rows, out = next(iter(split_folds(labels, N_FOLDS, seed)))
        yield Fold(dataset.subset(names[rows]), dataset.subset(names[out]))


def accuracies(fold: Fold, recipe: Recipe, seed: int) -> list[float]:
    """Return the accuracy on left-out cells at each level."""
    (modality,) = recipe.modalities
    encoder = train_encoders(fold.train, recipe, Run(torch.device("cpu"), seed))[modality]
    embedding = {modality: encoder.embed(fold.train.cells[modality])}
    points = build_reference(fold.train, embedding, recipe.reference, seed)
    found = {}
    for level, cells in stress_cells(fold.left_out.cells[modality], seed):
        if tuple(level) in LEVELS:
            queried = query_cells(cells, encoder, points, None, recipe.reference.n_neighbors)
            found[tuple(level)] = float(queried.right[queried.known, 0].mean())
    return [found[level] for level in LEVELS]


def main() -> None:
    """Measure every file with every budget and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--files", nargs="+", default=FILES)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{cpu_model()}\n\n| file | steps | accuracy | difference | with 10% of the counts | difference |")
    print("|---|---|---|---|---|---|")
    for file in arguments.files:
        recipe = draft_recipe([arguments.data / file], labels="cell_type").recipe
        dataset = read_dataset(recipe, arguments.data)
        values = np.zeros((len(BUDGETS), len(SEEDS), len(LEVELS)))
        for seed, fold in zip(SEEDS, folds(dataset), strict=True):
            for number, budget in enumerate(BUDGETS):
                training = msgspec.structs.replace(recipe.training, max_steps=budget)
                values[number, seed] = accuracies(fold, msgspec.structs.replace(recipe, training=training), seed)
        for budget, each, difference in zip(BUDGETS, values, 100 * (values - values[0]), strict=True):
            mean, error = difference.mean(axis=0), difference.std(axis=0, ddof=1) / np.sqrt(len(SEEDS))
            shown = [
                f"{each[:, level].mean():.3f} | {mean[level]:+.1f} ± {error[level]:.1f}" for level in range(len(LEVELS))
            ]
            steps = "300 epochs" if budget is msgspec.UNSET else f"{budget:,}"
            print(f"| {file} | {steps} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
