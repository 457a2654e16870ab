"""Training by two processes, which are threads here: each computes half of a batch, and the batch is what counts."""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_runtime.errors import DeviceError, RecipeError, TrainingError
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.loop.checkpoint import Checkpoint
from smile_training.loop.process_group import ProcessGroup, _choose_gpu, join_processes
from smile_training.loop.train import Run, train_encoders
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

MakeRecipe = Callable[..., Recipe]
STEM = {"stem": {"n_components": 8}, "noise": {"gaussian": 0.15}}
DRAWN = {**STEM, "noise": {"gaussian": 0.15, "min_depth": 0.1, "min_features": 0.5}}
ABOUT = dict.fromkeys(("name", "title", "description", "organism", "tissue", "licence"), "x")
DATA = {"path": "x.h5ad", "source": {"name": "simulated", "licence": "CC0-1.0"}}


class KilledError(Exception):
    """Stands for whatever ends a process."""


@dataclass(frozen=True)
class Thread(ProcessGroup):
    """One of two threads that exchange their values through a list."""

    values: list[Any] = field(default_factory=lambda: [None, None])
    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=20))

    def add_up(self, x: Tensor) -> Tensor:
        first, second = self._exchange(x)
        return first + second

    def broadcast(self, value: Any) -> Any:
        return copy.deepcopy(self._exchange(value)[0])

    def _exchange(self, value: Any) -> list[Any]:
        self.values[self.rank] = value
        self.barrier.wait()
        values = list(self.values)
        self.barrier.wait()
        return values


def by_two(work: Callable[[ProcessGroup], Any]) -> list[Any]:
    """Return what each of two threads returns that work together."""
    first = Thread(0, 2)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, [first, Thread(1, 2, values=first.values, barrier=first.barrier)]))


def train(dataset: Dataset, recipe: Recipe, group: ProcessGroup, **how: Any) -> dict[str, TrainedEncoder]:
    return train_encoders(dataset, recipe, Run(torch.device("cpu"), 0, processes=group, **how))


def weights(encoders: dict[str, TrainedEncoder]) -> dict[str, np.ndarray]:
    return {
        f"{name} {key}": tensor.numpy()
        for name, encoder in encoders.items()
        for key, tensor in encoder.network.state_dict().items()
    }


def curve(encoders: dict[str, TrainedEncoder]) -> list[float]:
    return [loss for encoder in encoders.values() for loss in encoder.loss_curve]


def require_same_step(dataset: Dataset, recipe: Recipe) -> None:
    """Compare the first step of one process with that of two, which end with the very same weights."""
    alone = train(dataset, recipe, ProcessGroup())
    first, second = by_two(lambda group: train(dataset, recipe, group))
    assert curve(first) == curve(second) == pytest.approx(curve(alone), rel=1e-6)
    for name, expected in weights(alone).items():
        np.testing.assert_allclose(weights(first)[name], expected, rtol=1e-5, atol=2e-6, err_msg=name)
        np.testing.assert_array_equal(weights(first)[name], weights(second)[name], err_msg=name)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"noise": {"masking": 0.3}, "pairing": {"kind": "label"}},
        {**DRAWN, "pairing": {"kind": "neighbour"}},
        {**STEM, "batch_size": 163},
    ],
)
def test_the_first_step_is_that_of_one_process(cells: Cells, make_recipe: MakeRecipe, fields: dict) -> None:
    recipe = make_recipe(**{"epochs": 1, "batch_size": len(cells), "network": {"hidden": [32, 24]}, **fields})
    require_same_step(Dataset({"rna": cells}), recipe)


@pytest.mark.parametrize("variant", ["psmile", "mpsmile", "reference", "composition"])
def test_two_modalities_take_the_step_of_one_process(cells: Cells, variant: str) -> None:
    training = {"epochs": 1, "batch_size": len(cells), "pretraining_epochs": int(variant == "reference")}
    settings = {
        **ABOUT,
        "variant": variant,
        "modalities": {name: {"kind": "rna", "data": DATA, **STEM} for name in ("rna", "second")},
        "network": {"hidden": [32], "n_latent": 16},
        "training": training,
        "students": training,
    }
    fewer = cells.subset(np.arange(20, len(cells)))
    require_same_step(Dataset({"rna": cells, "second": fewer}), resolve_recipe(settings, "x"))


def test_a_local_contrast_compares_the_cells_of_a_share(cells: Cells, make_recipe: MakeRecipe) -> None:
    """The loss is about the logarithm of the number of cells: half as many, ln 2 less."""
    loss = {"temperature": 100.0, "pseudo_type_temperature": 100.0}
    fields = {**STEM, "epochs": 1, "batch_size": len(cells), "loss": loss}
    dataset = Dataset({"rna": cells})
    local = by_two(lambda group: train(dataset, make_recipe(**fields, contrast="local"), group))
    everywhere = by_two(lambda group: train(dataset, make_recipe(**fields, contrast="global"), group))
    assert curve(everywhere[0])[0] - curve(local[0])[0] == pytest.approx(np.log(2), abs=0.02)
    assert curve(local[0]) == curve(local[1])
    for name, values in weights(local[0]).items():
        np.testing.assert_array_equal(weights(local[1])[name], values, err_msg=name)


def test_a_run_that_was_cut_off_ends_like_one_that_was_not(
    cells: Cells, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    """The first process alone has the checkpoint."""
    dataset, recipe = Dataset({"rna": cells}), make_recipe(**DRAWN, epochs=4)

    def checkpoint_of(group: ProcessGroup) -> Checkpoint | None:
        return Checkpoint(tmp_path / "x.safetensors", "x", every=0, n_processes=2) if group.leads else None

    def cut_off(_n_cells: int, loss: float | None, told: list[float]) -> None:
        told += [] if loss is None else [loss]
        if len(told) == 3:
            raise KilledError

    def work(group: ProcessGroup, *, cut: bool) -> dict[str, TrainedEncoder]:
        progress = partial(cut_off, told=[]) if cut else lambda _n_cells, _loss: None
        checkpoint = checkpoint_of(group)
        stage = lambda _name, _n: nullcontext(progress)  # noqa: E731
        return train(dataset, recipe, group, checkpoint=lambda _name: checkpoint, stage=stage)

    unbroken = by_two(lambda group: train(dataset, recipe, group))
    with pytest.raises(KilledError):
        by_two(partial(work, cut=True))
    resumed = by_two(partial(work, cut=False))
    assert curve(resumed[0]) == curve(resumed[1]) == curve(unbroken[0])
    for name, expected in weights(unbroken[0]).items():
        for one in resumed:
            np.testing.assert_array_equal(weights(one)[name], expected, err_msg=name)
    with pytest.raises(TrainingError, match=r"saved by a run of 2 processes, and this run has 1; .*resume=False"):
        train(dataset, recipe, ProcessGroup(), checkpoint=lambda _name: Checkpoint(tmp_path / "x.safetensors", "x"))


@pytest.mark.parametrize("n", [4, 7, 512])
def test_shares_are_all_rows_in_order(n: int) -> None:
    shares = [np.arange(n)[ProcessGroup(rank, 3).share(n)] for rank in range(3)]
    np.testing.assert_array_equal(np.concatenate(shares), np.arange(n))
    assert {len(share) for share in shares} <= {n // 3, n // 3 + 1}


def test_a_batch_without_a_pair_of_cells_for_each_process_is_refused(cells: Cells, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(batch_size=5)
    with pytest.raises(RecipeError, match=r"a batch of 5 cells is too small for 3 processes, .* 2 cells each"):
        train(Dataset({"rna": cells}), recipe, ProcessGroup(1, 3))


def test_variables_of_another_launcher_start_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with join_processes("cpu") as group:
        assert (group.rank, group.size) == (0, 1)


def test_two_processes_train_in_half_precision(cells: Cells, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(**STEM, precision="bf16", epochs=10)
    first, second = by_two(lambda group: train(Dataset({"rna": cells}), recipe, group))
    assert curve(first)[-1] < curve(first)[0]
    for name, values in weights(first).items():
        np.testing.assert_array_equal(weights(second)[name], values, err_msg=name)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(
        DeviceError, match=r"4 processes were started on a machine with 2 GPUs; start one .*device='cpu'"
    ):
        _choose_gpu()
