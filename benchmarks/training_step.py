"""Time of one training step: ours against the published trainer, which you fetch yourself.

The published code has no license, so none of it is here: it is imported from a checkout of the public repository
rpmccordlab/SMILE, and its own ``SMILE_trainer`` is what runs.

What is timed, for both in the same way: whole epochs of ``--steps`` steps, from the end of one epoch to the end of the
next, divided by the steps. The first epoch of each run is left out, so fitting, building the network, first allocations
and what comes after the last epoch do not count. Ours tells of an epoch's end through its ``progress`` callback, the
published trainer through the line that it prints. Both wait for the loss there, so the times hold on a GPU too.

What an epoch of each includes. Ours: shuffling, cutting a batch out of the CSR matrix, making it dense, centring and
scaling it, two noisy views, both losses, backward, SGD, the check for collapse. Theirs: shuffling and copying the
dense, already scaled matrix, two noisy views, both losses, backward, SGD, ``gc.collect()``. Turning the data dense and
scaling it once, which their user does beforehand, is not counted for them.

Same cells, layers 2000-1000-512-128, 32-d projection, 25 pseudo cell types, temperatures, learning rate, momentum,
weight decay and noise. The runs alternate, ours, theirs, ours, theirs; the ratio is the median over rounds of theirs
divided by ours in the same round, each the median over its epochs.
"""

import argparse
import contextlib
import importlib
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch

from machine import cpu_model
from simulation import N_FEATURES, recipe, simulated_cells
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.loop.devices import choose_device
from smile_training.loop.train import Run, train_encoders
from smile_training.model import losses
from smile_training.model.preprocessing_fit import fit_preprocessing

N_PSEUDO_TYPES = 25
OURS_PER_PUBLISHED = 8
"""Epochs of ours to one of theirs: ours are so short that a neighbor on the machine could spoil all of a few."""


class EpochClock(io.TextIOBase):
    """A standard output that notes when the published trainer prints an epoch's loss, and shows nothing."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def write(self, text: str) -> int:
        """Note the time of a line with a loss."""
        if text.startswith("Total loss"):
            self.ends.append(time.perf_counter())
        return len(text)


def load_published(folder: Path) -> ModuleType:
    """Import the published ``SMILE.py`` from a checkout.

    Raises
    ------
    SystemExit
        If the checkout lacks it.
    """
    source = folder / "SMILE"
    missing = [name for name in ("SMILE.py", "contrastive_loss_pytorch.py") if not (source / name).is_file()]
    if missing:
        sys.exit(f"{source} lacks {', '.join(missing)}; get it with: git clone https://github.com/rpmccordlab/SMILE")
    sys.path.insert(0, str(source.resolve()))
    return importlib.import_module("SMILE")


@contextlib.contextmanager
def without_cuda() -> Iterator[None]:
    """Let the published loss, which asks for CUDA whatever the machine has, be made on a CPU machine."""
    if torch.cuda.is_available():
        yield
        return
    with mock.patch.object(torch.Tensor, "cuda", lambda self: self):
        yield


def loss_difference(published: ModuleType, batch_size: int) -> float:
    """Return the difference between both projects' contrastive losses on the same views, relative to theirs."""
    generator = torch.Generator().manual_seed(0)
    view_a, view_b = (torch.randn(batch_size, 32, generator=generator) for _ in range(2))
    with without_cuda():
        loss = published.ContrastiveLoss(batch_size, 0.05).cpu()
    theirs = float(loss(view_a, view_b))
    return abs(float(losses.nt_xent(view_a, view_b, temperature=0.05)) - theirs) / theirs


def time_ours(cells: Cells, batch_size: int, epochs: int) -> list[float]:
    """Return the seconds of each epoch but the first of our loop."""
    ends: list[float] = []

    def note(_n_cells: int, loss: float | None) -> None:
        if loss is not None:
            ends.append(time.perf_counter())

    training = {"epochs": epochs, "batch_size": batch_size}
    settings = recipe(training=training, network={"n_pseudo_types": N_PSEUDO_TYPES})
    how = Run(choose_device("auto"), seed=0, stage=lambda _name, _n_cells: contextlib.nullcontext(note))
    train_encoders(Dataset({"rna": cells}), settings, how)
    return np.diff(ends).tolist()


def time_published(published: ModuleType, X: np.ndarray, batch_size: int, epochs: int) -> list[float]:
    """Return the seconds of each epoch but the first of the published trainer on scaled cells, ``(n, n_features)``."""
    clock = EpochClock()
    model = published.SMILE(input_dim=X.shape[1], clf_out=N_PSEUDO_TYPES)
    with without_cuda(), contextlib.redirect_stdout(clock):
        published.SMILE_trainer(X, model, batch_size=batch_size, num_epoch=epochs)
    if len(clock.ends) != epochs:
        sys.exit(
            f"the published trainer printed {len(clock.ends)} losses for {epochs} epochs; is the checkout changed?"
        )
    return np.diff(clock.ends).tolist()


def compare(
    published: ModuleType, batch_size: int, *, steps: int, epochs: int, rounds: int
) -> dict[str, float | int | list[float]]:
    """Time both trainers in turns on ``batch_size * steps`` cells and return median seconds a step and the ratio."""
    cells = simulated_cells(batch_size * steps)
    preprocessing = fit_preprocessing(cells, recipe().modalities["rna"].preprocessing)
    X = preprocessing.centered(preprocessing.transform(cells.raw, cells.size_factor).toarray())  # (n, n_features)
    times = in_turns(
        lambda: time_ours(cells, batch_size, OURS_PER_PUBLISHED * epochs + 1),
        lambda: time_published(published, X, batch_size, epochs + 1),
        steps=steps,
        rounds=rounds,
    )
    return {"batch_size": batch_size, **times, "loss_difference": loss_difference(published, batch_size)}


def in_turns(
    ours: Callable[[], list[float]], theirs: Callable[[], list[float]], *, steps: int, rounds: int
) -> dict[str, float | list[float]]:
    """Take the seconds of epochs of both in turns and return median seconds a step and the ratio."""
    our_steps, their_steps = [], []
    for _ in range(rounds):
        our_steps.append(statistics.median(ours()) / steps)
        their_steps.append(statistics.median(theirs()) / steps)
    ratios = [their / our for our, their in zip(our_steps, their_steps, strict=True)]
    return {
        "ours_s": statistics.median(our_steps),
        "published_s": statistics.median(their_steps),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Time of a training step, ours against the published trainer.")
    parser.add_argument("--published", type=Path, required=True, metavar="DIR", help="checkout of rpmccordlab/SMILE")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[512, 1024], metavar="N")
    parser.add_argument("--steps", type=int, default=2, help="steps in an epoch")
    parser.add_argument("--epochs", type=int, default=2, help="timed published epochs in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    published = load_published(arguments.published)
    results = [
        compare(published, size, steps=arguments.steps, epochs=arguments.epochs, rounds=arguments.rounds)
        for size in arguments.batch_size
    ]
    machine: dict[str, Any] = {
        "cpu": cpu_model(),
        "threads": arguments.threads,
        "device": str(choose_device("auto")),
        "torch": torch.__version__,
    }
    if arguments.json:
        print(json.dumps({**machine, "n_features": N_FEATURES, "results": results}))
        return
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(f"{'batch':>6} {'ours':>10} {'published':>10} {'ratio':>7} {'range':>13} {'loss differs by':>16}")
    for row in results:
        spread = f"{min(row['ratios']):.1f}-{max(row['ratios']):.1f}"
        print(
            f"{row['batch_size']:>6} {1e3 * row['ours_s']:>7.0f} ms {1e3 * row['published_s']:>7.0f} ms "
            f"{row['ratio']:>6.1f}x {spread:>13} {row['loss_difference']:>16.0e}"
        )


if __name__ == "__main__":
    main()
