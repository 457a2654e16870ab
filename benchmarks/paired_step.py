"""Time and memory of one paired training step (mpSMILE): ours against the published trainer, which you fetch yourself.

As training_step.py, for two modalities: 2,000 genes and 20,000 peaks, layers d-1000-128 as in the published code, which
has no squared-distance term (weight 0 here, though ours still computes it). The runs alternate; the ratio is the median
over rounds of theirs divided by ours in the same round.

Memory is measured in a process of its own that trains ours alone: its largest resident size while it trains, less what
it held just before: the libraries and the data, sparse.
"""

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy
import torch

from machine import cpu_model
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.loop.train import Run, train_encoders
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe
from training_step import EpochClock, in_turns, load_published, without_cuda

N_GENES, N_PEAKS = 2_000, 20_000
N_PSEUDO_TYPES = 25


def recipe(batch_size: int, epochs: int) -> Recipe:
    """Return the published paired settings with the layers of the published code."""
    source = {"name": "simulated", "licence": "CC0-1.0"}
    fields = {
        "name": "benchmark",
        **dict.fromkeys(("title", "description", "organism", "tissue", "licence"), "none"),
        "variant": "mpsmile",
        "modalities": {
            "rna": {"data": {"path": "", "source": source}},
            "atac": {"data": {"path": "", "source": source}},
        },
        "network": {"hidden": [1000], "n_pseudo_types": N_PSEUDO_TYPES},
        "training": {"batch_size": batch_size, "epochs": epochs, "loss": {"mse_weight": 0.0}},
    }
    return resolve_recipe(fields, "benchmark")


def simulated(n_cells: int) -> Dataset:
    """Return sparse counts of eight kinds of cells: genes, 10 % filled, and peaks, 5 % filled."""
    rng = np.random.default_rng(0)
    kind = rng.integers(8, size=n_cells)
    cells = {}
    for name, n_features, filled in (("rna", N_GENES, 0.1), ("atac", N_PEAKS, 0.05)):
        rate = rng.gamma(0.5, 2 * filled, (8, n_features))
        rows = [scipy.sparse.csr_matrix(rng.poisson(rate[each]).astype(np.float32)) for each in kind]
        raw = scipy.sparse.vstack(rows, format="csr")
        totals = np.maximum(np.asarray(raw.sum(axis=1)), 1)
        cells[name] = Cells(
            raw=raw,
            size_factor=(1e4 / totals if name == "rna" else np.ones((n_cells, 1))).astype(np.float32),
            features=tuple(f"{name}{number}" for number in range(n_features)),
            names=np.array([f"cell{number}" for number in range(n_cells)], dtype=object),
            batches=np.zeros(n_cells, np.int64),
            batch_names=("all",),
            columns=(),
        )
    return Dataset(cells)


def time_ours(dataset: Dataset, batch_size: int, epochs: int) -> list[float]:
    """Return the seconds of each epoch but the first of our loop."""
    ends: list[float] = []

    def note(_n_cells: int, loss: float | None) -> None:
        if loss is not None:
            ends.append(time.perf_counter())

    how = Run(torch.device("cpu"), 0, stage=lambda _name, _n: contextlib.nullcontext(note))
    train_encoders(dataset, recipe(batch_size, epochs), how)
    return np.diff(ends).tolist()


def time_published(published: ModuleType, values: list[np.ndarray], batch_size: int, epochs: int) -> list[float]:
    """Return the seconds of each epoch but the first of the published trainer on scaled cells."""
    clock = EpochClock()
    model = published.Paired_SMILE(N_GENES, N_PEAKS, clf_out=N_PSEUDO_TYPES)
    with without_cuda(), contextlib.redirect_stdout(clock):
        published.PairedSMILE_trainer(*values, model, batch_size=batch_size, num_epoch=epochs)
    return np.diff(clock.ends).tolist()


def compare(published: ModuleType, batch_size: int, *, steps: int, rounds: int) -> dict[str, object]:
    """Time both trainers in turns and return median seconds a step and the ratio."""
    dataset = simulated(batch_size * steps)
    settings = recipe(batch_size, 1)
    values = []
    for name, cells in dataset.cells.items():
        fitted = fit_preprocessing(cells, settings.modalities[name].preprocessing)
        values.append(fitted.centered(fitted.transform(cells.raw, cells.size_factor).toarray()))
    times = in_turns(
        lambda: time_ours(dataset, batch_size, 4),
        lambda: time_published(published, values, batch_size, 2),
        steps=steps,
        rounds=rounds,
    )
    return {"batch_size": batch_size, **times}


def measure_memory(batch_size: int, steps: int) -> None:
    """Print how far the resident size rises, in bytes, while ours trains."""
    dataset = simulated(batch_size * steps)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far
    time_ours(dataset, batch_size, 2)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(int(peak.split()[1]) * 1024 - before)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, metavar="DIR", help="checkout of rpmccordlab/SMILE")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[512, 1024], metavar="N")
    parser.add_argument("--steps", type=int, default=2, help="steps in an epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", action="store_true", help="measure the memory of ours alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        measure_memory(arguments.batch_size[-1], arguments.steps)
        return
    if arguments.published is None:
        parser.error("--published is needed: git clone https://github.com/rpmccordlab/SMILE DIR")
    published = load_published(arguments.published)
    results = [
        compare(published, size, steps=arguments.steps, rounds=arguments.rounds) for size in arguments.batch_size
    ]
    for row in results:
        command = [sys.executable, __file__, "--memory", "--batch-size", str(row["batch_size"])]
        row["memory_bytes"] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if arguments.json:
        print(json.dumps({"cpu": cpu_model(), "threads": arguments.threads, "results": results}))
        return
    print(f"{cpu_model()}, {arguments.threads} threads, torch {torch.__version__}, {N_GENES} + {N_PEAKS} features")
    for row in results:
        spread = f"{min(row['ratios']):.1f}-{max(row['ratios']):.1f}"
        print(
            f"batch {row['batch_size']}: ours {1e3 * row['ours_s']:.0f} ms, "
            f"published {1e3 * row['published_s']:.0f} ms, "
            f"{row['ratio']:.1f}x ({spread}), memory beside the data {row['memory_bytes'] / 1e9:.2f} GB"
        )


if __name__ == "__main__":
    main()
