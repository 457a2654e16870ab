"""Which cells are called unknown: left-out reference cells, queries of the same tissue, queries of other tissues.

The left-out cells come from a cross-validation of the pbmc recipe: in each fold, the similarity of cells that the
encoder has not seen is compared with the calibration on the other folds. The queries are projected into the packaged
space as a user would do it. AUROC states how well the similarity separates a query's cells from the left-out ones
(0.5: not at all; 1: perfectly).

    python benchmarks/unknown_cells.py --data FOLDER      (about 2 minutes on one core)
"""

import argparse
import json
from pathlib import Path

import anndata
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from smile_runtime import project
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.similarity import mean_distance, similarity_from_distance
from smile_runtime.mapping.unknown_cells import UNKNOWN_RATE
from smile_training.data.dataset import read_dataset
from smile_training.data.degradation import degrade_cells
from smile_training.data.folds import split_folds
from smile_training.evaluation.calibration_fit import calibrate_similarity
from smile_training.loop.train import Run, train_encoders
from smile_training.recipe.read import read_recipe
from smile_training.reference.reference_points import build_reference
from smile_zoo import load

RECIPE = Path(__file__).parents[1] / "training/recipes/pbmc.toml"
QUERIES = {
    "PBMC, three chemistries": ("pbmc_3chem_counts_unlabelled", None),
    "PBMC of another laboratory": ("pbmc_ifnb_counts_unlabelled", "kang_ctrl"),
    "the same, interferon-stimulated": ("pbmc_ifnb_counts_unlabelled", "kang_stim"),
    "pancreas": ("pancreas_rna", None),
    "lung cancer cell lines": ("cell_lines_rna", None),
}


def left_out_similarity(folder: Path) -> np.ndarray:
    """Return the similarity of every left-out cell, calibrated on the other folds."""
    recipe = read_recipe(RECIPE)
    dataset = read_dataset(recipe, folder)
    names, labels = dataset.names()
    distances = []
    for rows, left_out in split_folds(labels, recipe.reference.folds, recipe.seed):
        train, others = dataset.subset(names[rows]), dataset.subset(names[left_out]).cells["rna"]
        encoder = train_encoders(train, recipe, Run(torch.device("cpu"), recipe.seed))["rna"]
        points = build_reference(
            train, {"rna": encoder.embed(train.cells["rna"])}, recipe.reference, recipe.seed
        ).embedding
        looked_at = [encoder.embed(cells) for cells in degrade_cells(others, recipe.seed)]
        k = recipe.reference.n_neighbors
        distances.append([mean_distance(find_nearest_neighbors(each, points, k)) for each in looked_at])
    found = []
    for number, (clean, *_) in enumerate(distances):
        rest = [each for other, fold in enumerate(distances) if other != number for each in fold]
        found.append(similarity_from_distance(clean, calibrate_similarity(rest, len(names))))
    return np.concatenate(found)


def query_similarity(folder: Path, name: str, batch: str | None) -> tuple[np.ndarray, float]:
    """Return the similarity of a query's cells, and the fraction of the encoder's feature weight that was measured."""
    query = anndata.read_h5ad(folder / f"{name}.h5ad")
    if batch is not None:
        query = query[query.obs["batch"] == batch].copy()
    if name == "pancreas_rna":
        query.X.data = np.rint(query.X.data)  # one of its studies has estimated counts
    project(query, load("pbmc", device="cpu"), values="counts")
    return query.obs["smile_similarity"].to_numpy(), query.uns["smile"]["weight_matched"]


def measure(folder: Path) -> list[dict[str, object]]:
    """Return a row for the left-out cells and for each query."""
    known = left_out_similarity(folder)
    rows = [
        {
            "cells": "left out of training",
            "n": len(known),
            "measured": 1.0,
            "unknown": float(np.mean(known < UNKNOWN_RATE)),
            "auroc": None,
        }
    ]
    for title, (name, batch) in QUERIES.items():
        found, weight = query_similarity(folder, name, batch)
        truth = np.concatenate([np.zeros(len(known)), np.ones(len(found))])
        auroc = float(roc_auc_score(truth, -np.concatenate([known, found])))
        unknown = float(np.mean(found < UNKNOWN_RATE))
        rows.append({"cells": title, "n": len(found), "measured": weight, "unknown": unknown, "auroc": auroc})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Which cells are called unknown.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows = measure(arguments.data)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print("| cells | n | measured | unknown | AUROC |\n|---|---|---|---|---|")
    for row in rows:
        auroc = "" if row["auroc"] is None else f"{row['auroc']:.3f}"
        print(f"| {row['cells']} | {row['n']:,} | {row['measured']:.0%} | {row['unknown']:.1%} | {auroc} |")


if __name__ == "__main__":
    main()
