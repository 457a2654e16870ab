r"""Training on a GPU against the CPU: the same weights, cells per second, and how long the GPU works.

It runs from a checkout that is not installed. Beside torch, numpy, scipy, h5py, scikit-learn, safetensors, onnx,
onnxscript, PyYAML, packaging and threadpoolctl it needs the packages in `WHEELS`, 15 MB for Linux and Python 3.12. For
a machine that can download nothing, fetch them on another one:

    pip download --no-deps --only-binary=:all: --python-version 3.12 -d wheels --platform manylinux_2_28_x86_64 \
        --platform manylinux_2_24_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
        'anndata<0.13' array-api-compat donfig google-crc32c legacy-api-wrap msgspec natsort numcodecs 'pandas<3' pytz \
        scverse-misc session-info2 tomli-w tzdata 'zarr<3.2'

    pip install --no-index --no-deps --target packages wheels/*.whl
    PYTHONPATH=packages python benchmarks/gpu.py --json

Of both presets, on simulated counts (2,000 features):

- *Agreement*: the loss curves and the largest difference of weights after ``--steps`` steps on the CPU and on the GPU,
  without noise, which each device draws in its own way.
- *Speed*: cells per second of the median epoch, from the end of one to the end of the next, of which the first is left
  out. *With copies* is the mean over ten epochs, of which one draws a new copy of all cells (preset ``stem``).
- *Busy*: kernel time of one epoch, from torch's profiler, divided by the time of the median epoch without it.

Without a GPU the CPU alone is timed.
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

for folder in ("runtime", "training"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

WHEELS = (
    "anndata<0.13",
    "array-api-compat",
    "donfig",
    "google-crc32c",
    "legacy-api-wrap",
    "msgspec",
    "natsort",
    "numcodecs",
    "pandas<3",
    "pytz",
    "scverse-misc",
    "session-info2",
    "tomli-w",
    "tzdata",
    "zarr<3.2",
)

try:
    import torch

    from machine import cpu_model
    from simulation import recipe, simulated_cells
    from smile_training.data.dataset import Dataset
    from smile_training.loop.train import Run, train_encoders
    from smile_training.model.drawn_copies import RENEWAL_PASSES
    from smile_training.model.trained_encoder import TrainedEncoder
except ModuleNotFoundError as error:
    sys.exit(f"the package {error.name} is missing; besides those named above, this needs: {' '.join(WHEELS)}")

N_EPOCHS = RENEWAL_PASSES + 3  # one to warm up, ten of which one renews a copy, two for the profiler


@dataclass(frozen=True)
class Speed:
    """Speed of one preset on one device."""

    preset: str
    precision: str
    device: str
    cells_per_s: float
    cells_per_s_with_copies: float
    busy: float | None
    """Share of the time that the GPU works; None for the CPU."""


class EpochClock:
    """Progress of a run: notes the end of each epoch, and profiles the last.

    Parameters
    ----------
    profiled
        Epoch that is profiled, from 0; None for none.
    """

    def __init__(self, profiled: int | None) -> None:
        self.ends: list[float] = []
        self._profiled = profiled
        self._profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])

    def __call__(self, _n_cells: int, loss: float | None) -> None:
        """Note the end of an epoch, for which the loop has waited."""
        if loss is None:
            return
        self.ends.append(time.perf_counter())
        if len(self.ends) == self._profiled:
            self._profiler.start()
        elif self._profiled is not None and len(self.ends) == self._profiled + 1:
            self._profiler.stop()

    def kernel_seconds(self) -> float:
        """Return the time of all kernels and copies of the profiled epoch."""
        events = [each for each in self._profiler.key_averages() if each.device_type == torch.autograd.DeviceType.CUDA]
        return sum(each.self_device_time_total for each in events) / 1e6


def train(preset: str, device: str, n_cells: int, clock: EpochClock, **fields: Any) -> TrainedEncoder:
    """Train a preset on simulated cells."""
    training = {**({"pairing": {"kind": "neighbour"}} if preset == "stem" else {}), **fields.pop("training")}
    settings = recipe(preset=preset, training=training, **fields)
    how = Run(torch.device(device), seed=0, stage=lambda _name, _n_cells: contextlib.nullcontext(clock))
    return train_encoders(Dataset({"rna": simulated_cells(n_cells)}), settings, how)["rna"]


def measure_speed(preset: str, precision: str, device: str, *, n_cells: int, batch_size: int) -> Speed:
    """Time the epochs of one preset on one device."""
    clock = EpochClock(profiled=N_EPOCHS - 1 if device == "cuda" else None)
    training = {"epochs": N_EPOCHS, "batch_size": batch_size, "precision": precision}
    train(preset, device, n_cells, clock, training=training)
    seconds = [end - start for start, end in zip(clock.ends, clock.ends[1:], strict=False)][:RENEWAL_PASSES]
    trained = n_cells // batch_size * batch_size
    median = statistics.median(seconds)
    busy = clock.kernel_seconds() / median if device == "cuda" else None
    return Speed(preset, precision, device, trained / median, trained / statistics.mean(seconds), busy)


def measure_agreement(preset: str, device: str, *, n_steps: int, batch_size: int) -> dict[str, Any]:
    """Compare the losses and weights of the CPU with those of another device."""
    about = {"path": "simulated.h5ad", "source": {"name": "simulated", "licence": "none"}}
    silent = {"gaussian": 0.0, "min_depth": 1.0, "min_features": 1.0, "ambient": 0.0}
    fields = {
        "modalities": {"rna": {"data": about, "noise": silent}},
        "training": {"epochs": n_steps, "batch_size": batch_size},  # an epoch is a step
    }
    cpu, other = (train(preset, each, batch_size, EpochClock(None), **fields) for each in ("cpu", device))
    expected, found = cpu.network.state_dict(), other.network.state_dict()
    return {
        "preset": preset,
        "steps": n_steps,
        "relative_loss_difference": [abs(b - a) / a for a, b in zip(cpu.loss_curve, other.loss_curve, strict=True)],
        "weight_difference": max(float((found[name] - value).abs().max()) for name, value in expected.items()),
        "largest_weight": max(float(value.abs().max()) for value in expected.values()),
    }


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Training on a GPU against the CPU.")
    parser.add_argument("--cells", type=int, default=8192, metavar="N")
    parser.add_argument("--batch-size", type=int, default=512, metavar="N")
    parser.add_argument("--steps", type=int, default=20, help="steps after which weights are compared")
    parser.add_argument("--threads", type=int, help="threads of the CPU [default: torch's]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    on_gpu = torch.cuda.is_available()
    machine = {
        "gpu": torch.cuda.get_device_name() if on_gpu else "none",
        "cpu": cpu_model(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    sizes = {"n_cells": arguments.cells, "batch_size": arguments.batch_size}
    speeds = [
        measure_speed(preset, precision, device, **sizes)
        for preset in ("published", "stem")
        for device in (("cuda", "cpu") if on_gpu else ("cpu",))
        for precision in (("float32", "bf16") if device == "cuda" else ("float32",))
    ]
    agreements = [
        measure_agreement(preset, "cuda", n_steps=arguments.steps, batch_size=arguments.batch_size)
        for preset in (("published", "stem") if on_gpu else ())
    ]
    if arguments.json:
        print(json.dumps({**machine, **sizes, "speeds": [asdict(each) for each in speeds], "agreements": agreements}))
        return
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(f"{'preset':>10} {'precision':>10} {'device':>7} {'cells/s':>10} {'with copies':>12} {'busy':>6}")
    for each in speeds:
        busy = "" if each.busy is None else f"{each.busy:.0%}"
        print(
            f"{each.preset:>10} {each.precision:>10} {each.device:>7} {each.cells_per_s:>10,.0f} "
            f"{each.cells_per_s_with_copies:>12,.0f} {busy:>6}"
        )
    for row in agreements:
        print(
            f"{row['preset']}: after {row['steps']} steps, losses differ by up to a share of "
            f"{max(row['relative_loss_difference']):.1e}, weights by up to {row['weight_difference']:.1e} "
            f"(the largest is {row['largest_weight']:.2f})"
        )
    if not on_gpu:
        print("there is no GPU here: nothing was compared with the CPU")


if __name__ == "__main__":
    main()
