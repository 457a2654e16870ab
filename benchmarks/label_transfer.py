"""Label transfer to left-out PBMC under different settings, beside simple baselines on the same folds.

Each cell of the data is left out once a repeat (stratified folds); an encoder is trained on the others, summarized by
landmarks, and the left-out cells are labeled through the runtime's own functions. The silhouette by batch is that of
the cells trained on, averaged over folds (0: well mixed).

    python benchmarks/label_transfer.py --data FOLDER      (about 15 minutes on one core)
"""

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec
import torch

from smile_runtime.manifest import MetricRecord
from smile_training.data.dataset import Dataset, read_dataset
from smile_training.evaluation.cross_validation import evaluate
from smile_training.evaluation.metric_log import ACCURACY, BATCH, MACRO_F1, SMILE
from smile_training.loop.train import Encoders, Run, train_encoders
from smile_training.recipe.read import read_recipe, resolve_recipe
from smile_training.recipe.records import Recipe

RECIPE = Path(__file__).parents[1] / "training/recipes/pbmc.toml"
LONG = {"epochs": 300}
LABEL = {"pairing": {"kind": "label"}, "loss": {"temperature": 0.2}}
LABEL_NEIGHBOR = {"pairing": {"kind": "label_neighbour", "n_neighbors": 15}}
SETTINGS: dict[str, dict[str, Any]] = {
    "published settings, 5 epochs": {"preset": "published"},
    "published settings, 300 epochs": {"preset": "published", "training": LONG},
    "stem, pairing self": {"preset": "stem", "training": {"pairing": {"kind": "self"}}},
    "stem, pairing neighbor": {"preset": "stem", "training": {"pairing": {"kind": "neighbour", "n_neighbors": 15}}},
    "stem, pairing label": {"preset": "stem", "training": LABEL},
    "stem, pairing label_neighbour": {"preset": "stem", "training": LABEL_NEIGHBOR},
    "the same, half of the features hidden": {
        "preset": "stem",
        "training": LABEL_NEIGHBOR,
        "modality": {"noise": {"masking": 0.5}},
    },
}


def settings_from(shipped: Recipe, changes: dict[str, Any]) -> Recipe:
    """Return a recipe for the shipped one's data, with other settings and the shipped trunk (published: its own)."""
    kept = {"name", "title", "description", "organism", "tissue", "licence", "reference"}
    plain = msgspec.to_builtins(shipped)
    fields = {key: value for key, value in plain.items() if key in kept}
    if changes["preset"] != "published":
        fields["network"] = plain["network"]
    ((name, modality),) = plain["modalities"].items()
    fields["modalities"] = {name: {"data": modality["data"], **changes.get("modality", {})}}
    fields |= {key: value for key, value in changes.items() if key != "modality"}
    return resolve_recipe(fields, "benchmark")


def measure(recipe: Recipe, dataset: Dataset) -> list[MetricRecord]:
    """Cross-validate one recipe and its baselines."""

    def train(some: Dataset, seed: int, _run: str) -> Encoders:
        return train_encoders(some, recipe, Run(torch.device("cpu"), seed))

    return evaluate(dataset, recipe, train).metrics


def figures(metrics: list[MetricRecord], method: str) -> dict[str, float]:
    """Return accuracy and macro-F1 of a method, mean and standard deviation over repeats, and batch silhouette."""
    own = {record.name: record for record in metrics if record.method == method}
    row = {
        "accuracy": own[ACCURACY].mean,
        "accuracy_sd": own[ACCURACY].std,
        "macro_f1": own[MACRO_F1].mean,
        "macro_f1_sd": own[MACRO_F1].std,
    }
    return {**row, "batch_silhouette": own[BATCH].mean} if BATCH in own else row


def main() -> None:
    """Measure every setting and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of pbmc_rna.h5ad")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    shipped = read_recipe(RECIPE)
    dataset = read_dataset(shipped, arguments.data)
    results: dict[str, dict[str, float]] = {}
    for name, changes in SETTINGS.items():
        metrics = measure(settings_from(shipped, changes), dataset)
        if not results:
            baselines = sorted({record.method for record in metrics} - {SMILE})
            results = {method: figures(metrics, method) for method in baselines}
        results[name] = figures(metrics, SMILE)
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
