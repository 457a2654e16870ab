"""Training of all encoders of a recipe, according to its variant."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from smile_training.data import Dataset
from smile_training.loop.checkpoint import Checkpoint
from smile_training.loop.collapse import require_spread
from smile_training.loop.fitted_input import FittedInput, add_canonical_variates, fit_input
from smile_training.loop.learner import Learner, new_learner, teacher
from smile_training.loop.process_group import ProcessGroup
from smile_training.loop.threads import threads_for_steps
from smile_training.loop.training_loop import Progress, Stream, run, steps_of
from smile_training.model import (
    TrainedEncoder,
    TrainingPhase,
    mpsmile_phases,
    paired_rows,
    psmile_phases,
    reference_phases,
    smile_phases,
)
from smile_training.recipe import Recipe, Training

logger = logging.getLogger(__name__)

MAX_CHECKED_CELLS = 10_000
"""Most cells whose embeddings are checked for a collapse after training."""

Encoders = Mapping[str, TrainedEncoder]
"""Trained encoders by modality."""

Stage = Callable[[str, int], AbstractContextManager[Progress]]
"""Opens a stage, given its name and the number of cells of all its steps; yields a callback for each step."""


def silent(_name: str, _n_cells: int) -> AbstractContextManager[Progress]:
    """Report no progress."""
    return nullcontext(lambda _n_cells, _loss: None)


@dataclass(frozen=True)
class Run:
    """Device, seed, checkpoints and progress of a training run.

    Attributes
    ----------
    device
        Device that networks are trained on.
    seed
        Seed of weights, order and noise.
    name
        Name of the run in progress displays and checkpoints.
    checkpoint
        Returns the checkpoint of a part of the run by its name; None to save nothing.
    stage
        Called at each stage of the training.
    processes
        Processes that train together.
    """

    device: torch.device
    seed: int
    name: str = "training"
    checkpoint: Callable[[str], Checkpoint | None] = field(default=lambda _name: None)
    stage: Stage = silent
    processes: ProcessGroup = field(default_factory=ProcessGroup)


def train_encoders(
    dataset: Dataset, recipe: Recipe, how: Run, given: Encoders | None = None
) -> dict[str, TrainedEncoder]:
    """Train the encoders of a recipe.

    Parameters
    ----------
    dataset
        Cells to train on.
    recipe
        Recipe with all settings.
    how
        Device, seed, checkpoints and progress of the run.
    given
        Trained encoders of a composition, which are kept.

    Returns
    -------
        An encoder for each modality, in the recipe's order.

    Raises
    ------
    RecipeError
        If the recipe cannot be trained on these cells.
    TrainingError
        If the loss is not finite, or an embedding collapses.
    """
    if recipe.variant == "composition":
        return _compose(dataset, recipe, how, dict(given or {}))
    names = list(recipe.modalities)
    inputs = _fit_inputs(dataset, recipe, how, {})
    learners: dict[str, Learner] = {}
    for name in names:
        learners[name] = _learner(inputs[name], recipe, how, name, learners.get(names[0]))
    phases = _phases(recipe, names)
    if len(names) == 1:
        together = [_stream(learners, {names[0]: _all(dataset, names[0])}, recipe.training, how.seed)]
    else:
        pairs = paired_rows(dataset, names[0], names[1], pairing=recipe.training.pairing, seed=how.seed)
        together = [_stream(learners, pairs, recipe.training, how.seed)]
    alone = [
        _stream(learners, {name: _all(dataset, name)}, recipe.training, how.seed)
        for name in (names if any(not phase.paired for phase in phases) else ())
    ]
    staged = [(phase, together if phase.paired else alone) for phase in phases]
    return _run(learners, staged, recipe.training, how, how.name)


def _phases(recipe: Recipe, names: Sequence[str]) -> list[TrainingPhase]:
    training = recipe.training
    if recipe.variant == "smile":
        return smile_phases(names[0], training)
    if recipe.variant == "reference":
        return reference_phases(names[0], names[1], training)
    declare = psmile_phases if recipe.variant == "psmile" else mpsmile_phases
    return declare(names[0], names[1], training)


def _compose(
    dataset: Dataset, recipe: Recipe, how: Run, encoders: dict[str, TrainedEncoder]
) -> dict[str, TrainedEncoder]:
    """Train the teacher on all of its cells, then each student on its pairs with the teacher."""
    first, *others = recipe.modalities
    # All are fitted before the first is trained, so that errors in the data appear at once.
    inputs = _fit_inputs(dataset, recipe, how, encoders)
    new = {name: _learner(fitted, recipe, how, name, None) for name, fitted in inputs.items()}
    if first not in encoders:
        learners = {first: new[first]}
        stream = _stream(learners, {first: _all(dataset, first)}, recipe.training, how.seed)
        phases = [(phase, [stream]) for phase in smile_phases(first, recipe.training)]
        encoders |= _run(learners, phases, recipe.training, how, f"{how.name}-{first}")
    noise = recipe.modalities[first].noise
    for name in (each for each in others if each in new):
        learners = {
            first: teacher(encoders[first], dataset.cells[first], device=how.device, noise=noise),
            name: new[name],
        }
        pairs = paired_rows(dataset, first, name, pairing=recipe.students.pairing, seed=how.seed)
        stream = _stream(learners, pairs, recipe.students, how.seed)
        phases = [(phase, [stream]) for phase in psmile_phases(first, name, recipe.students)]
        encoders |= _run(learners, phases, recipe.students, how, f"{how.name}-{name}")
    return {name: encoders[name] for name in recipe.modalities}


def _all(dataset: Dataset, name: str) -> NDArray[np.intp]:
    return np.arange(len(dataset.cells[name]))[:, None]


def _fit_inputs(dataset: Dataset, recipe: Recipe, how: Run, trained: Encoders) -> dict[str, FittedInput]:
    """Fit what precedes the networks that are not trained yet."""
    new = {
        name: fit_input(dataset.cells[name], modality, seed=how.seed)
        for name, modality in recipe.modalities.items()
        if name not in trained
    }
    return add_canonical_variates(dataset, recipe, new, trained)


def _learner(fitted: FittedInput, recipe: Recipe, how: Run, name: str, heads_of: Learner | None) -> Learner:
    return new_learner(
        fitted, recipe.modalities[name], recipe.network, device=how.device, seed=how.seed, heads_of=heads_of
    )


def _stream(
    learners: Mapping[str, Learner], rows: Mapping[str, NDArray[np.intp]], training: Training, seed: int
) -> Stream:
    """Return cells that are drawn together, with partners from the first modality that measured all of them."""
    anchor = next((name for name in rows if rows[name].shape[1] == 1), next(iter(rows)))
    learner, chosen = learners[anchor], rows[anchor][:, 0]
    labels = torch.from_numpy(learner.cells.labels[chosen]) if training.pairing.kind == "label" else None
    return Stream(rows, learner.partners(chosen, training.pairing, seed), labels)


def _run(
    learners: Mapping[str, Learner],
    phases: Sequence[tuple[TrainingPhase, Sequence[Stream]]],
    training: Training,
    how: Run,
    name: str,
) -> dict[str, TrainedEncoder]:
    n_cells = 0
    for phase, streams in phases:
        steps = steps_of(streams, training)
        how.processes.require_shares(steps.batch_size)
        if steps.batch_size < training.batch_size:
            logger.warning(
                "%d cells are fewer than a batch of %d: every batch takes them all",
                steps.batch_size,
                training.batch_size,
            )
        n_cells += phase.epochs * steps.n * steps.batch_size * len(streams)
    with how.stage(name, n_cells) as progress, threads_for_steps(each.network for each in learners.values()):
        curve = run(
            learners,
            phases,
            training,
            device=how.device,
            seed=how.seed,
            processes=how.processes,
            checkpoint=how.checkpoint(name),
            progress=progress,
        )
    encoders = {}
    for modality, learner in learners.items():
        encoder = learner.trained(curve)
        if not learner.frozen:
            every = -(-len(learner.cells) // MAX_CHECKED_CELLS)
            checked = learner.cells.subset(np.arange(0, len(learner.cells), every))
            require_spread(torch.from_numpy(encoder.embed(checked)), "after training, on clean cells")
            encoders[modality] = encoder
    return encoders
