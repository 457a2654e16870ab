"""Processes that train one network together: each computes its share of every batch.

A loss of the whole batch is computed by every process, from the rows of all of them. Sums over processes pass their
gradients back to every process, so that each holds the gradient of the sum of all losses; the mean of these is the
gradient of the mean loss.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous

from smile_runtime.errors import DeviceError, RecipeError, SmileError, TrainingError

MIN_CELLS_PER_PROCESS = 2  # a contrast needs a second cell
STEP_TIMEOUT = timedelta(minutes=30)
JOB_TIMEOUT = timedelta(days=365)  # between trainings, the first process evaluates alone


@dataclass(frozen=True)
class ProcessGroup:
    """All processes of a run; by default one process alone, for which every method does nothing.

    Attributes
    ----------
    rank
        Number of this process, from 0.
    size
        Number of processes.
    jobs
        Channel of `broadcast`, on which processes may wait for long; None for one process.
    """

    rank: int = 0
    size: int = 1
    jobs: distributed.ProcessGroup | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the first process, which alone evaluates, writes and reports."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """Return this process's rows of a batch of ``n``."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def require_shares(self, batch_size: int) -> None:
        """Raise RecipeError if a batch has too few cells for a contrast in every process."""
        if batch_size < MIN_CELLS_PER_PROCESS * self.size:
            raise RecipeError(
                f"a batch of {batch_size} cells is too small for {self.size} processes, which need at least "
                f"{MIN_CELLS_PER_PROCESS} cells each; start fewer processes, or raise batch_size"
            )

    def sum(self, x: Tensor) -> Tensor:
        """Return the sum of a tensor over processes, with gradients; shaped like ``x``."""
        total: Tensor = x if self.size == 1 else _Sum.apply(x, self.add_up)  # type: ignore[no-untyped-call]
        return total

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean of a tensor over processes, shaped like ``x``."""
        return x if self.size == 1 else self.sum(x) / self.size

    def gather(self, rows: Tensor, n: int) -> Tensor:
        """Return the rows of all processes, ``(n, d)``, with gradients, from those of this process's share."""
        if self.size == 1:
            return rows
        share = self.share(n)
        return self.sum(nn.functional.pad(rows, (0, 0, share.start, n - share.stop)))  # (n, d)

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their mean over processes."""
        if self.size == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        mean = self.mean(torch.cat([each.flatten() for each in gradients]))
        parts = torch.split(mean, [each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def add_up(self, x: Tensor) -> Tensor:
        """Return the sum of a tensor over several processes, without gradients."""
        total = x.contiguous().clone()
        with _lost_processes():
            distributed.all_reduce(total)
        return total

    def broadcast(self, value: Any) -> Any:  # noqa: ANN401 (any object that can be pickled)
        """Return the first process's value."""
        if self.size == 1:
            return value
        values = [value]
        with _lost_processes():
            distributed.broadcast_object_list(values, src=0, group=self.jobs, device=torch.device("cpu"))
        return values[0]


class _Sum(torch.autograd.Function):
    """Sum over processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(context: Any, x: Tensor, add_up: Callable[[Tensor], Tensor]) -> Tensor:  # noqa: ANN401 (torch's)
        context.add_up = add_up
        return add_up(x)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return context.add_up(gradient), None


@contextmanager
def _lost_processes() -> Iterator[None]:
    """Turn the error of a collective call into one that says what to do."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            "another process of this run ended or stopped answering; see its message, if any, and start all again",
            options={"resume": True},
        ) from error


@contextmanager
def join_processes(device: str) -> Iterator[ProcessGroup]:
    """Join the processes that ``torchrun`` started; without it, yield a group of this process alone.

    Of an error that ends all processes, only the first to meet it is raised; the others end without a message.

    Parameters
    ----------
    device
        Device to train on: ``auto``, ``cpu`` or ``cuda``. Each process of a machine takes a GPU of its own.

    Raises
    ------
    DeviceError
        If a machine has more processes than GPUs.
    """
    if not distributed.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield ProcessGroup()
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    store, rank, size = next(rendezvous("env://", timeout=STEP_TIMEOUT))
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        store=distributed.PrefixStore("processes", store),  # type: ignore[attr-defined]
        rank=rank,
        world_size=size,
        timeout=STEP_TIMEOUT,
    )
    group = ProcessGroup(rank, size, distributed.new_group(backend="gloo", timeout=JOB_TIMEOUT))
    if not group.leads:
        logging.disable(logging.WARNING)
    try:
        if on_gpu:
            _choose_gpu()
        yield group
    except (SmileError, KeyboardInterrupt):
        if _is_first_error(store):
            raise
        raise SystemExit(1) from None
    distributed.destroy_process_group()


def _choose_gpu() -> None:
    n_processes, n_gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if n_processes > n_gpus:
        raise DeviceError(
            f"{n_processes} processes were started on a machine with {n_gpus} GPUs; start one process for each GPU, "
            "or use the CPU",
            options={"device": "cpu"},
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def _is_first_error(store: Any) -> bool:  # noqa: ANN401 (torch's store)
    try:
        return bool(store.add("errors", 1) == 1)
    except RuntimeError:  # the store ended with the process that held it
        return True
