"""The training loop of every variant."""

import logging
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_runtime.errors import RecipeError, TrainingError
from smile_training.loop.checkpoint import Checkpoint, restore_state, training_state
from smile_training.loop.collapse import require_spread
from smile_training.loop.learner import Learner
from smile_training.loop.process_group import ProcessGroup
from smile_training.loop.synchronized_batch_norm import synchronize_batch_norm
from smile_training.model import EncodedView, EncoderInput, SmileNetwork, TrainingPhase, copy_to
from smile_training.recipe import Training

logger = logging.getLogger(__name__)

MIN_CELLS = 2  # a contrast needs a second cell

Progress = Callable[[int, float | None], None]
"""Called after each step with its number of cells, and at the end of an epoch also with the epoch's mean loss."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Cells that are drawn together into batches.

    Attributes
    ----------
    rows
        Rows of the cells in each modality, shape ``(n, n_choices)``, in the same order. One of the choices is drawn
        each time: the cell itself, or a stand-in if the modality did not measure it.
    partners
        Partners of each cell, as indices among the n cells, shape ``(n, n_partners)``.
    labels
        Label ids if cells are paired by label, shape ``(n,)``; otherwise None.
    """

    rows: Mapping[str, NDArray[np.intp]]
    partners: NDArray[np.integer]
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.partners)


class Steps(NamedTuple):
    """Steps of an epoch.

    Attributes
    ----------
    n
        Number of steps.
    batch_size
        Number of cells in each.
    share
        Share of the cells that an epoch takes, 1 for all.
    """

    n: int
    batch_size: int
    share: float


def steps_of(streams: Sequence[Stream], training: Training) -> Steps:
    """Return the steps of an epoch; too few cells for a batch form one smaller batch.

    Raises
    ------
    RecipeError
        If there are fewer than two cells.
    """
    n_cells = min(map(len, streams))
    if n_cells < MIN_CELLS:
        raise RecipeError(f"{n_cells} cells (or pairs) are too few to learn from; at least {MIN_CELLS} are needed")
    batch_size = min(training.batch_size, n_cells)
    n = n_all = n_cells // batch_size
    if training.max_steps is not msgspec.UNSET:
        n = min(n, max(1, training.max_steps // training.epochs))
    return Steps(n, batch_size, n / n_all)


def run(
    learners: Mapping[str, Learner],
    phases: Sequence[tuple[TrainingPhase, Sequence[Stream]]],
    training: Training,
    *,
    device: torch.device,
    seed: int,
    processes: ProcessGroup = ProcessGroup(),  # noqa: B008 (frozen)
    checkpoint: Checkpoint | None = None,
    progress: Progress = lambda _n_cells, _loss: None,
) -> list[float]:
    """Train the networks of all learners that are not frozen; return the mean loss of each epoch.

    The same cells, recipe, seed and machine give the same weights, also after resuming from a checkpoint.

    Parameters
    ----------
    learners
        Learners by modality: those to train, and frozen teachers.
    phases
        Phases of the training, with the cells of each.
    training
        Training section of the recipe.
    device
        Device of the networks.
    seed
        Seed of order and noise.
    processes
        Processes that train together; all draw the same batches and noise, and each encodes its share.
    checkpoint
        Checkpoint to resume from and to save to; None to save nothing. Of several processes, the first alone has it.
    progress
        Called after each step.

    Raises
    ------
    TrainingError
        If the loss is not finite, or the embedding collapses.
    """
    inputs = {name: learner.inputs([seed, zlib.crc32(name.encode())]) for name, learner in learners.items()}
    networks = {name: learner.network for name, learner in learners.items() if not learner.frozen}
    trained = nn.ModuleList(networks.values())
    synchronize_batch_norm(trained, processes)
    heads = next(iter(networks.values()))
    settings = training.optimizer
    optimizer = torch.optim.SGD(
        trained.parameters(), settings.lr, settings.momentum, weight_decay=settings.weight_decay, fused=True
    )
    curve = [] if checkpoint is None else checkpoint.load(trained, optimizer)
    if processes.size > 1:
        start = processes.broadcast(training_state(trained, optimizer, curve))
        curve = restore_state(start, trained, optimizer)
    schedule = [phase for phase in phases for _ in range(phase[0].epochs)]
    for epoch in range(len(curve), len(schedule)):
        phase, streams = schedule[epoch]
        n_steps, batch_size, share = steps_of(streams, training)
        own = processes.share(batch_size)
        everyone, compared = processes, slice(None)
        if training.contrast == "local":
            everyone, compared = ProcessGroup(), own  # each process compares its own cells
        for source in inputs.values():
            source.renew(epoch * share)
        if share < 1:
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * _cosine(epoch / len(schedule))
        # Random draws depend on the epoch alone, so that a resumed run repeats them.
        rng = np.random.default_rng([seed, epoch])
        noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        orders = [_order(len(stream), n_steps * batch_size, rng) for stream in streams]
        total = torch.zeros((), device=device)
        for step in range(n_steps):
            views: dict[int, EncodedView] = {}
            for stream, order in zip(streams, orders, strict=True):
                batch = order[step * batch_size : (step + 1) * batch_size]
                partner = stream.partners[batch, rng.integers(stream.partners.shape[1], size=batch_size)]
                labels = None if stream.labels is None else copy_to(device, stream.labels[batch[compared]])
                for place, view in enumerate(phase.views):
                    if view.modality not in stream.rows:
                        continue
                    rows = _draw(stream.rows[view.modality][partner if view.partner else batch], rng)
                    source = inputs[view.modality]
                    x = source.view(rows, noise, own) if view.noisy else source.clean(rows[own])
                    with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bf16"):
                        encoding = _encode(learners[view.modality], x)  # (own, n_latent)
                        projection, pseudo_type = heads.projection(encoding), heads.pseudo_types(encoding)
                    views[place] = EncodedView(
                        everyone.gather(encoding.float(), batch_size),  # (batch, n_latent)
                        everyone.gather(projection.float(), batch_size),
                        everyone.gather(pseudo_type.float(), batch_size),
                        labels,
                    )
            encoded = [views[place] for place in range(len(phase.views))]
            loss = torch.stack([term(encoded) for term in phase.terms]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            processes.average_gradients(trained.parameters())
            optimizer.step()
            total += loss.detach()
            progress(batch_size, None)
        when = f"in epoch {epoch + 1}"
        curve.append(_finite(processes.mean(total / n_steps), when))
        for view, shown in zip(phase.views, encoded, strict=True):
            if view.modality in networks:
                require_spread(shown.encoding.detach(), when)
        progress(0, curve[-1])
        if checkpoint is not None:
            checkpoint.save(trained, optimizer, curve, last=epoch + 1 == len(schedule))

    n_passes = (len(schedule) - 1) * steps_of(phases[-1][1], training).share
    for stream in phases[-1][1]:
        for name in (each for each in stream.rows if each in networks):  # in one order in all processes
            inputs[name].renew(n_passes)  # a run that resumes at its end has drawn none yet
            order = np.random.default_rng(seed).permutation(np.unique(stream.rows[name]))
            _reestimate_batch_norm(networks[name], inputs[name], order, processes)
    return curve


def _cosine(progress: float) -> float:
    """Return half a cosine, which falls from 1 to 0 as the progress rises from 0 to 1."""
    return (1 + math.cos(math.pi * progress)) / 2


def _order(n_cells: int, n_drawn: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the cells of an epoch in random order: all, or ``n_drawn`` of many, which takes less time."""
    if n_drawn <= n_cells // 2:
        return rng.choice(n_cells, n_drawn, replace=False)
    return rng.permutation(n_cells)


def _draw(choices: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw one of the choices for each cell of a batch, shape ``(batch,)``."""
    if choices.shape[1] == 1:
        return choices[:, 0]
    return choices[np.arange(len(choices)), rng.integers(choices.shape[1], size=len(choices))]


def _encode(learner: Learner, x: Tensor) -> Tensor:
    encoding: Tensor
    if learner.frozen:
        with torch.no_grad():
            encoding = learner.network.encoder(x)
    else:
        encoding = learner.network.encoder(x)
    return encoding


def _finite(loss: Tensor, when: str) -> float:
    value = float(loss)
    if not np.isfinite(value):
        raise TrainingError(f"the loss is {value} {when}; lower optimiser.lr, or set precision = 'float32'")
    return value


@torch.no_grad()
def _reestimate_batch_norm(
    network: SmileNetwork,
    inputs: EncoderInput,
    rows: NDArray[np.intp],
    processes: ProcessGroup,
    batch_size: int = 4096,
) -> None:
    """Re-estimate batch norm statistics, learned on noisy views, on cells and their drawn copies.

    Rows are shuffled so that each batch represents all cells; without momentum, the result is the mean over batches.
    """
    for module in network.encoder.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None
    network.train()
    for batch in np.array_split(rows, max(1, len(rows) // batch_size)):
        network.encoder(inputs.clean_and_drawn(batch[processes.share(len(batch))]))
