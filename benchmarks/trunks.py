"""Smaller trunks behind the stem of the pbmc recipe: what they cost in quality, what they give in speed and size.

Quality is label transfer to left-out cells, 3-fold cross-validation with 3 seeds. Speed is cells a second of ONNX
Runtime on the exported graph, one thread, batches of 512, the trunks in turns, median over rounds; size is that of the
graph.

    python benchmarks/trunks.py --data FOLDER      (about 10 minutes on one core)
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import torch

from label_transfer import RECIPE
from machine import cpu_model
from smile_training.data.dataset import Dataset, read_dataset
from smile_training.evaluation.cross_validation import evaluate
from smile_training.evaluation.metric_log import ACCURACY, MACRO_F1, SMILE
from smile_training.export.onnx_export import export_onnx
from smile_training.loop.train import Encoders, Run, train_encoders
from smile_training.recipe.read import read_recipe
from smile_training.recipe.records import Recipe

TRUNKS: list[list[int]] = [[1000, 512], [512], [256], []]
BATCH, N_BATCHES, ROUNDS = 512, 8, 5


def with_trunk(recipe: Recipe, hidden: list[int]) -> Recipe:
    """Return the recipe with other hidden layers."""
    return msgspec.structs.replace(recipe, network=msgspec.structs.replace(recipe.network, hidden=hidden))


def quality(dataset: Dataset, recipe: Recipe) -> str:
    """Return accuracy and macro-F1 of label transfer to left-out cells, as two cells of a table."""

    def train(some: Dataset, seed: int, _run: str) -> Encoders:
        return train_encoders(some, recipe, Run(torch.device("cpu"), seed))

    own = {each.name: each for each in evaluate(dataset, recipe, train).metrics if each.method == SMILE}
    return " | ".join(f"{own[name].mean:.3f} ± {own[name].std:.3f}" for name in (ACCURACY, MACRO_F1))


def exported(dataset: Dataset, recipe: Recipe, path: Path) -> onnxruntime.InferenceSession:
    """Export an encoder trained for one epoch, which changes neither speed nor size, and open it."""
    short = msgspec.structs.replace(recipe, training=msgspec.structs.replace(recipe.training, epochs=1))
    encoders = train_encoders(dataset, short, Run(torch.device("cpu"), 0))
    export_onnx(encoders["rna"], path, {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def seconds(session: onnxruntime.InferenceSession, rows: dict[str, np.ndarray]) -> float:
    """Return how long the graph takes for all batches."""
    start = time.perf_counter()
    for _ in range(N_BATCHES):
        session.run(["embedding"], rows)
    return time.perf_counter() - start


def main() -> None:
    """Measure every trunk and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of pbmc_rna.h5ad")
    data = parser.parse_args().data
    torch.set_num_threads(1)
    recipe = read_recipe(RECIPE)
    dataset = read_dataset(recipe, data)
    cells = dataset.cells["rna"]
    rows = {"X": cells.raw[:BATCH].toarray(), "size_factor": cells.size_factor[:BATCH]}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.onnx" for number in range(len(TRUNKS))]
        sessions = [
            exported(dataset, with_trunk(recipe, hidden), path) for hidden, path in zip(TRUNKS, paths, strict=True)
        ]
        times = [[seconds(session, rows) for session in sessions] for _ in range(ROUNDS + 1)][1:]
        sizes = [path.stat().st_size for path in paths]
    print(f"{cpu_model()}, one thread, {len(cells.features):,} genes\n")
    print("| trunk behind a stem of 50 | accuracy | macro-F1 | cells/s | graph |\n|---|---|---|---|---|")
    for number, hidden in enumerate(TRUNKS):
        speed = BATCH * N_BATCHES / statistics.median(each[number] for each in times)
        trunk = "-".join(map(str, [*hidden, recipe.network.n_latent]))
        figures = quality(dataset, with_trunk(recipe, hidden))
        print(f"| {trunk} | {figures} | {speed:,.0f} | {sizes[number] / 1e6:.2f} MB |", flush=True)


if __name__ == "__main__":
    main()
