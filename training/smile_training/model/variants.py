"""The variants of SMILE: views of a cell, and the loss terms between them.

Source: Xu, Das & McCord (2022), Bioinformatics 38(2):476; reference SMILE follows the authors' later public code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from smile_training.model import losses
from smile_training.recipe import Loss, Training


@dataclass(frozen=True)
class View:
    """One view of the cells in a batch.

    Attributes
    ----------
    modality
        Modality of the encoder.
    partner
        Whether to show each cell's partner instead of the cell itself.
    noisy
        Whether to add noise.
    """

    modality: str
    partner: bool = False
    noisy: bool = True


@dataclass(frozen=True, eq=False)
class Encoded:
    """An encoded view.

    Attributes
    ----------
    encoding
        Encoding, shape ``(batch, n_latent)``.
    projection
        Output of the projection head, shape ``(batch, n_projection)``.
    pseudo_type
        Pseudo-cell-type probabilities, shape ``(batch, K)``.
    labels
        Label ids if cells are paired by label, shape ``(batch,)``; otherwise None.
    """

    encoding: Tensor
    projection: Tensor
    pseudo_type: Tensor
    labels: Tensor | None = None


Term = Callable[[list[Encoded]], Tensor]
"""A term of the loss, computed from encoded views."""


@dataclass(frozen=True)
class Phase:
    """A phase of training with the same views and loss terms.

    Attributes
    ----------
    views
        Views of each batch.
    terms
        Terms that add up to the loss.
    epochs
        Number of epochs.
    paired
        Whether a batch holds the same cells in all modalities; otherwise each modality has its own.
    """

    views: tuple[View, ...]
    terms: tuple[Term, ...]
    epochs: int
    paired: bool = True


def smile_phases(modality: str, training: Training) -> list[Phase]:
    """Return the phases of SMILE: a cell paired with itself under noise, or with its partner."""
    views = (View(modality), View(modality, partner=True))
    return [Phase(views, (contrast(0, 1, training.loss),), training.epochs)]


def psmile_phases(a: str, b: str, training: Training) -> list[Phase]:
    """Return the phases of pSMILE: the two measurements of a cell paired with each other."""
    loss, views = training.loss, (View(a), View(b, partner=True))
    return [Phase(views, (contrast(0, 1, loss), near(0, 1, loss)), training.epochs)]


def mpsmile_phases(a: str, b: str, training: Training) -> list[Phase]:
    """Return the phases of mpSMILE: as pSMILE, plus the first modality paired with itself."""
    loss, views = training.loss, (View(a), View(b, partner=True), View(a, partner=True))
    terms = (contrast(0, 1, loss), contrast(0, 2, loss), near(0, 1, loss))
    return [Phase(views, terms, training.epochs)]


def student_phases(teacher: str, modality: str, training: Training) -> list[Phase]:
    """Return the phases of a student in a composition: pSMILE with a frozen teacher."""
    return psmile_phases(teacher, modality, training)


def reference_phases(a: str, b: str, training: Training) -> list[Phase]:
    """Return the phases of reference SMILE: each modality with itself on all of its cells, then the pairs."""
    loss = training.loss
    looks = (View(a), View(a, partner=True), View(b), View(b, partner=True))
    alone = (contrast(0, 1, loss, pseudo_types=False), contrast(2, 3, loss, pseudo_types=False), certainty(0, 2, loss))
    clean = (View(a, noisy=False), View(b, noisy=False))
    together = (attraction(0, 1), certainty(0, 1, loss))
    return [
        Phase(looks, alone, training.pretraining_epochs, paired=False),
        Phase(clean, together, training.epochs),
    ]


def contrast(i: int, j: int, loss: Loss, *, pseudo_types: bool = True) -> Term:
    """Return the contrastive term of two views: NT-Xent of their projections and of their pseudo types."""

    def term(views: list[Encoded]) -> Tensor:
        a, b = views[i], views[j]
        if a.labels is None:
            value = losses.nt_xent(a.projection, b.projection, loss.temperature)
        else:
            value = losses.supervised_nt_xent(a.projection, b.projection, a.labels, loss.temperature)
        if not pseudo_types:
            return value
        return value + losses.pseudo_type_loss(a.pseudo_type, b.pseudo_type, loss.pseudo_type_temperature)

    return term


def near(i: int, j: int, loss: Loss) -> Term:
    """Return the mean squared distance term between the encodings of two views."""
    return lambda views: loss.mse_weight * losses.squared_distance(views[i].encoding, views[j].encoding)


def attraction(i: int, j: int) -> Term:
    """Return the cosine term between the encodings of two views."""
    return lambda views: losses.attraction(views[i].encoding, views[j].encoding)


def certainty(i: int, j: int, loss: Loss) -> Term:
    """Return the entropy term of the encodings of two views."""
    weight_a, weight_b = loss.entropy_weights

    def term(views: list[Encoded]) -> Tensor:
        return weight_a * losses.entropy(views[i].encoding) + weight_b * losses.entropy(views[j].encoding)

    return term
