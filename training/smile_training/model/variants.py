"""The variants of SMILE: which views of the cells are encoded, and which loss terms compare them.

Source: Xu, Das & McCord (2022), Bioinformatics 38(2):476; reference SMILE follows the authors' later public code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from smile_training.model import losses
from smile_training.recipe import Loss, Training


@dataclass(frozen=True)
class View:
    """One view of the cells in a batch."""

    modality: str
    """Modality whose encoder sees the view."""
    partner: bool = False
    """Whether the view shows each cell's partner instead of the cell itself."""
    noisy: bool = True
    """Whether noise is added to the encoder's input."""


@dataclass(frozen=True, eq=False)
class EncodedView:
    """One view of a batch after the encoder and its heads."""

    encoding: Tensor
    """Output of the encoder, shape ``(batch, n_latent)``."""
    projection: Tensor
    """Output of the projection head, shape ``(batch, n_projection)``."""
    pseudo_type: Tensor
    """Pseudo-cell-type probabilities, shape ``(batch, K)``."""
    labels: Tensor | None = None
    """Label ids if cells are paired by label, shape ``(batch,)``; otherwise None."""


LossTerm = Callable[[list[EncodedView]], Tensor]
"""Computes one term of the loss, a scalar, from the encoded views of a phase."""


@dataclass(frozen=True)
class TrainingPhase:
    """A part of the training with fixed views and loss terms."""

    views: tuple[View, ...]
    """Views of each batch."""
    terms: tuple[LossTerm, ...]
    """Terms whose sum is the loss."""
    epochs: int
    """Number of epochs."""
    paired: bool = True
    """Whether a batch has the same cells in all modalities; otherwise each modality draws its own."""


def smile_phases(modality: str, training: Training) -> list[TrainingPhase]:
    """Return the phase of SMILE: each cell paired with its partner, by default itself under other noise."""
    views = (View(modality), View(modality, partner=True))
    return [TrainingPhase(views, (contrastive_term(0, 1, training.loss),), training.epochs)]


def psmile_phases(a: str, b: str, training: Training) -> list[TrainingPhase]:
    """Return the phase of pSMILE, also for a student ``b`` of a teacher ``a``: both measurements of a cell paired."""
    loss = training.loss
    views = (View(a), View(b, partner=True))
    return [TrainingPhase(views, (contrastive_term(0, 1, loss), mse_term(0, 1, loss)), training.epochs)]


def mpsmile_phases(a: str, b: str, training: Training) -> list[TrainingPhase]:
    """Return the phase of mpSMILE: as pSMILE, plus the first modality paired with itself."""
    loss = training.loss
    views = (View(a), View(b, partner=True), View(a, partner=True))
    terms = (contrastive_term(0, 1, loss), contrastive_term(0, 2, loss), mse_term(0, 1, loss))
    return [TrainingPhase(views, terms, training.epochs)]


def reference_phases(a: str, b: str, training: Training) -> list[TrainingPhase]:
    """Return the phases of reference SMILE: each modality with itself on all of its cells, then pairs of both."""
    loss = training.loss
    noisy_views = (View(a), View(a, partner=True), View(b), View(b, partner=True))
    pretraining_terms = (
        contrastive_term(0, 1, loss, pseudo_types=False),
        contrastive_term(2, 3, loss, pseudo_types=False),
        entropy_term(0, 2, loss),
    )
    clean_views = (View(a, noisy=False), View(b, noisy=False))
    return [
        TrainingPhase(noisy_views, pretraining_terms, training.pretraining_epochs, paired=False),
        TrainingPhase(clean_views, (cosine_term(0, 1), entropy_term(0, 1, loss)), training.epochs),
    ]


def contrastive_term(i: int, j: int, loss: Loss, *, pseudo_types: bool = True) -> LossTerm:
    """Return the contrastive loss of views i and j: NT-Xent of projections, and of pseudo types unless excluded."""

    def term(views: list[EncodedView]) -> Tensor:
        a, b = views[i], views[j]
        if a.labels is None:
            value = losses.nt_xent(a.projection, b.projection, temperature=loss.temperature)
        else:
            value = losses.supervised_nt_xent(a.projection, b.projection, a.labels, temperature=loss.temperature)
        if not pseudo_types:
            return value
        temperature = loss.pseudo_type_temperature
        return value + losses.pseudo_type_loss(a.pseudo_type, b.pseudo_type, temperature=temperature)

    return term


def mse_term(i: int, j: int, loss: Loss) -> LossTerm:
    """Return the weighted mean squared distance between the encodings of views i and j."""
    return lambda views: loss.mse_weight * losses.squared_distance(views[i].encoding, views[j].encoding)


def cosine_term(i: int, j: int) -> LossTerm:
    """Return the negative cosine similarity between the encodings of views i and j."""
    return lambda views: losses.negative_cosine_similarity(views[i].encoding, views[j].encoding)


def entropy_term(i: int, j: int, loss: Loss) -> LossTerm:
    """Return the weighted sum of the entropies of the encodings of views i and j."""
    weight_a, weight_b = loss.entropy_weights

    def term(views: list[EncodedView]) -> Tensor:
        return weight_a * losses.entropy(views[i].encoding) + weight_b * losses.entropy(views[j].encoding)

    return term
