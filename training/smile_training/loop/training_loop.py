"""The training loop, one for every variant, which reads from top to bottom."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_runtime.errors import RecipeError, TrainingError
from smile_training.loop.checkpoint import Checkpoint
from smile_training.loop.collapse import require_spread
from smile_training.loop.learner import Learner
from smile_training.model import Encoded, EncoderInput, Phase, SmileNetwork
from smile_training.recipe import Training

logger = logging.getLogger(__name__)

_FEWEST = 2  # a contrast needs another one

Progress = Callable[[int, float | None], None]
"""Called after each step with the number of cells it took, and at an epoch's end with the epoch's mean loss."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Cells that are drawn together.

    Attributes
    ----------
    rows
        For each modality, which of its cells they are, shape ``(n, n_choices)``; alike in order. One of the choices is
        drawn each time: the cell itself, or cells that stand for it where the modality did not measure it.
    partners
        Partners of each: places among the n, shape ``(n, n_partners)``.
    labels
        Label ids where cells are paired by label, shape ``(n,)``; else None.
    """

    rows: Mapping[str, NDArray[np.intp]]
    partners: NDArray[np.intp]
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.partners)


def steps_of(streams: Sequence[Stream], batch_size: int) -> tuple[int, int]:
    """Return how many steps an epoch has, and the batch size: fewer cells than a batch are one batch.

    Raises
    ------
    RecipeError
        If there are fewer than two cells.
    """
    n = min(map(len, streams))
    if n < _FEWEST:
        raise RecipeError(f"{n} cells (or pairs) are too few to learn from; at least {_FEWEST} are needed")
    batch_size = min(batch_size, n)
    return n // batch_size, batch_size


def run(
    learners: Mapping[str, Learner],
    phases: Sequence[tuple[Phase, Sequence[Stream]]],
    training: Training,
    *,
    device: torch.device,
    seed: int,
    checkpoint: Checkpoint | None = None,
    progress: Progress = lambda _n_cells, _loss: None,
) -> list[float]:
    """Train the networks of some learners, those that are not frozen; return the mean loss of each epoch.

    The same cells, recipe, seed and machine give the same weights; so does a run resumed from its checkpoint.

    Parameters
    ----------
    learners
        What is trained, and what is learned from, by modality.
    phases
        What is done, and the cells of each phase.
    training
        Settings.
    device
        Where the networks are.
    seed
        Seeds order and noise.
    checkpoint
        Where the run is saved from time to time, and resumed from if it holds one; None: nowhere.
    progress
        Told of each step.

    Raises
    ------
    TrainingError
        If the loss is not finite, or the embedding collapses.
    """
    inputs = {name: learner.inputs() for name, learner in learners.items()}
    networks = {name: learner.network for name, learner in learners.items() if not learner.frozen}
    trained = nn.ModuleList(networks.values())
    heads = next(iter(networks.values()))
    settings = training.optimizer
    optimizer = torch.optim.SGD(
        trained.parameters(), settings.lr, settings.momentum, weight_decay=settings.weight_decay, fused=True
    )
    curve = [] if checkpoint is None else checkpoint.load(trained, optimizer)
    schedule = [phase for phase in phases for _ in range(phase[0].epochs)]
    for epoch in range(len(curve), len(schedule)):
        phase, streams = schedule[epoch]
        n_steps, batch_size = steps_of(streams, training.batch_size)
        # An epoch's draws depend on its number alone, so that a resumed run repeats them.
        rng = np.random.default_rng([seed, epoch])
        noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        orders = [rng.permutation(len(stream)) for stream in streams]
        total = torch.zeros((), device=device)
        for step in range(n_steps):
            views: dict[int, Encoded] = {}
            for stream, order in zip(streams, orders, strict=True):
                batch = order[step * batch_size : (step + 1) * batch_size]
                partner = stream.partners[batch, rng.integers(stream.partners.shape[1], size=batch_size)]
                labels = None if stream.labels is None else stream.labels[batch].to(device)
                for place, view in enumerate(phase.views):
                    if view.modality not in stream.rows:
                        continue
                    rows = _drawn(stream.rows[view.modality][partner if view.partner else batch], rng)
                    source = inputs[view.modality]
                    x = source.view(rows, noise) if view.noisy else source.clean(rows)
                    with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bf16"):
                        encoding = _encode(learners[view.modality], x)  # (batch, n_latent)
                        projection, pseudo_type = heads.projection(encoding), heads.pseudo_types(encoding)
                    views[place] = Encoded(encoding.float(), projection.float(), pseudo_type.float(), labels)
            encoded = [views[place] for place in range(len(phase.views))]
            loss = torch.stack([term(encoded) for term in phase.terms]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
            progress(batch_size, None)
        when = f"in epoch {epoch + 1}"
        curve.append(_finite(total / n_steps, when))
        for view, shown in zip(phase.views, encoded, strict=True):
            if view.modality in networks:
                require_spread(shown.encoding.detach(), when)
        progress(0, curve[-1])
        if checkpoint is not None:
            checkpoint.save(trained, optimizer, curve, last=epoch + 1 == len(schedule))

    for stream in phases[-1][1]:
        for name in stream.rows.keys() & networks.keys():
            order = np.random.default_rng(seed).permutation(np.unique(stream.rows[name]))
            _reestimate_batch_norm(networks[name], inputs[name], order)
    return curve


def _drawn(choices: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return one of the choices for each cell of a batch, shape ``(batch,)``."""
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
    network: SmileNetwork, inputs: EncoderInput, rows: NDArray[np.intp], batch_size: int = 4096
) -> None:
    """Replace the statistics that batch norms learned on noisy views by those of clean cells.

    Of shuffled rows, so that each batch stands for all cells; with no momentum, the result is the mean over batches.
    """
    for module in network.encoder.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None
    network.train()
    for batch in np.array_split(rows, max(1, len(rows) // batch_size)):
        network.encoder(inputs.clean(batch))
