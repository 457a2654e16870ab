"""Label transfer to left-out PBMC under different settings, beside simple peers on the same folds.

Each cell of the data is left out once a repeat (stratified folds); an encoder is trained on the others, summarised by
landmarks, and the left-out cells are labelled through the runtime's own functions. The silhouette by batch is that of
the cells trained on, averaged over folds (0: well mixed).

    python benchmarks/label_transfer.py --data FOLDER      (about 15 minutes on one core)
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smile_training.cells import Cells, read_cells
from smile_training.cross_validation import LeftOut, cross_validate, folds
from smile_training.loop import TrainedEncoder, train_encoder
from smile_training.recipe import Recipe, read_recipe, resolve_recipe

RECIPE = Path(__file__).parents[1] / "training/recipes/pbmc.toml"
LONG = {"epochs": 300}
SETTINGS: dict[str, dict[str, Any]] = {
    "published settings, 5 epochs": {"preset": "published"},
    "published settings, 300 epochs": {"preset": "published", **LONG},
    "stem, pairing self": {"preset": "stem", "pairing": {"kind": "self"}},
    "stem, pairing neighbour": {"preset": "stem", "pairing": {"kind": "neighbour", "n_neighbors": 15}},
    "stem, pairing label": {"preset": "stem", "pairing": {"kind": "label"}, "loss": {"temperature": 0.2}},
    "stem, pairing label_neighbour": {"preset": "stem", "pairing": {"kind": "label_neighbour", "n_neighbors": 15}},
    "the same, half of the features hidden": {
        "preset": "stem",
        "pairing": {"kind": "label_neighbour", "n_neighbors": 15},
        "noise": {"masking": 0.5},
    },
}


def settings_from(shipped: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return a recipe for the shipped one's data, with other settings and the shipped trunk (published: its own)."""
    kept = {"name", "title", "description", "organism", "tissue", "licence", "data", "reference"}
    fields = {key: value for key, value in msgspec.to_builtins(shipped).items() if key in kept}
    if changes["preset"] != "published":
        fields["network"] = msgspec.to_builtins(shipped.network)
    return resolve_recipe({**fields, **changes}, "benchmark")


def measure(recipe: Recipe, cells: Cells) -> dict[str, float]:
    """Cross-validate one recipe."""
    silhouettes = []

    def train(some: Cells, seed: int, _run: str) -> TrainedEncoder:
        encoder = train_encoder(some, recipe, device=torch.device("cpu"), seed=seed)
        silhouettes.append(silhouette_score(encoder.embed(some), some.batches))
        return encoder

    left_out = cross_validate(cells, recipe, train)
    return {**figures(left_out), "batch_silhouette": float(np.mean(silhouettes))}


def figures(left_out: LeftOut) -> dict[str, float]:
    """Return accuracy and macro-F1, mean and standard deviation over repeats."""
    accuracy, macro_f1 = left_out.metrics()
    return {
        "accuracy": accuracy.mean,
        "accuracy_sd": accuracy.std,
        "macro_f1": macro_f1.mean,
        "macro_f1_sd": macro_f1.std,
    }


def measure_peers(recipe: Recipe, cells: Cells) -> Iterator[tuple[str, dict[str, float]]]:
    """Cross-validate 15 nearest neighbours in 30 principal components, and logistic regression on all features."""
    X = cells.logged.toarray()
    peers = {
        "PCA-30 of z-scores, 15 neighbours": make_pipeline(
            StandardScaler(), PCA(30, random_state=0), KNeighborsClassifier(15)
        ),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)),
    }
    for name, peer in peers.items():
        predicted = np.full((recipe.reference.repeats, len(cells)), -1)
        for repeat in range(recipe.reference.repeats):
            for rows, left_out in folds(cells.labels, recipe.reference.folds, recipe.seed + repeat):
                predicted[repeat, left_out] = peer.fit(X[rows], cells.labels[rows]).predict(X[left_out])
        yield name, figures(LeftOut(cells.labels, predicted, np.ones(predicted.shape, np.float32)))


def main() -> None:
    """Measure every setting and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of pbmc_rna.h5ad")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shipped = read_recipe(RECIPE)
    cells = read_cells(shipped.data, shipped.preprocessing, arguments.data)
    results = dict(measure_peers(shipped, cells))
    for name, changes in SETTINGS.items():
        results[name] = measure(settings_from(shipped, changes), cells)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("| setting | accuracy | macro-F1 | batch silhouette |\n|---|---|---|---|")
    for name, row in results.items():
        silhouette = f"{row['batch_silhouette']:.3f}" if "batch_silhouette" in row else ""
        print(
            f"| {name} | {row['accuracy']:.3f} ± {row['accuracy_sd']:.3f} "
            f"| {row['macro_f1']:.3f} ± {row['macro_f1_sd']:.3f} | {silhouette} |"
        )


if __name__ == "__main__":
    main()
