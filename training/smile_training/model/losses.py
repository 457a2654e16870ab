"""The losses of SMILE: contrastive terms as one matrix product and one log-softmax.

Source: Xu, Das & McCord (2022), Bioinformatics 38(2):476; the noise-contrastive term is NT-Xent of Chen et al. (2020),
the one with labels is L_out of Khosla et al. (2020), equation 2.
"""

import torch
from torch import Tensor
from torch.nn import functional


def nt_xent(view_a: Tensor, view_b: Tensor, temperature: float) -> Tensor:
    """Noise-contrastive estimation between two views, rows paired by position.

    Parameters
    ----------
    view_a, view_b
        Projections, shape ``(n, d)``; row i of one is the positive of row i of the other, all other rows are negatives.
    temperature
        Temperature that cosine similarities are divided by.

    Returns
    -------
        Mean loss over all 2n rows, in both directions; a scalar.
    """
    n = len(view_a)
    similarity = _similarity(view_a, view_b, temperature)  # (2n, 2n)
    positive = torch.arange(2 * n, device=similarity.device).roll(n)  # rows i and i + n are partners
    return functional.cross_entropy(similarity, positive)


def supervised_nt_xent(view_a: Tensor, view_b: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss, in which all rows with the same label are positives.

    Parameters
    ----------
    view_a, view_b
        Projections of two views of the same n cells, shape ``(n, d)``.
    labels
        Label ids, shape ``(n,)``; a cell without label (-1) is a positive of its own other view alone.
    temperature
        Temperature that cosine similarities are divided by.

    Returns
    -------
        Mean over all 2n rows of the negative mean log-probability of a row's positives; a scalar.
    """
    n = len(view_a)
    similarity = _similarity(view_a, view_b, temperature)  # (2n, 2n)
    log_probability = functional.log_softmax(similarity, dim=1)
    own = -1 - torch.arange(n, device=labels.device)
    group = torch.where(labels < 0, own, labels).repeat(2)  # (2n,)
    positives = (group[:, None] == group[None, :]).fill_diagonal_(fill_value=False)  # (2n, 2n)
    per_row = torch.where(positives, log_probability, 0.0).sum(dim=1) / positives.sum(dim=1)
    return -per_row.mean()


def pseudo_type_loss(probability_a: Tensor, probability_b: Tensor, temperature: float) -> Tensor:
    """Return NT-Xent between the columns of two views' pseudo-cell-type probabilities, each of shape ``(n, K)``."""
    return nt_xent(probability_a.T, probability_b.T, temperature)


def squared_distance(encoded_a: Tensor, encoded_b: Tensor) -> Tensor:
    """Return the mean squared Euclidean distance between two encodings, each of shape ``(n, n_latent)``."""
    return (encoded_a - encoded_b).square().sum(dim=1).mean()


def entropy(encoded: Tensor) -> Tensor:
    """Return the mean entropy in nats of the softmax of encodings, shape ``(n, K)``."""
    log_probability = functional.log_softmax(encoded, dim=1)
    return -(log_probability.exp() * log_probability).sum(dim=1).mean()


def attraction(encoded_a: Tensor, encoded_b: Tensor) -> Tensor:
    """Return the negative mean cosine of two encodings, each ``(n, d)``, stopping either side's gradient in turn."""
    cosine = functional.cosine_similarity
    return -(cosine(encoded_a, encoded_b.detach()) + cosine(encoded_b, encoded_a.detach())).mean()


def _similarity(view_a: Tensor, view_b: Tensor, temperature: float) -> Tensor:
    rows = functional.normalize(torch.cat([view_a, view_b]), dim=1)  # (2n, d)
    similarity = rows @ rows.T / temperature  # (2n, 2n)
    return similarity.fill_diagonal_(-torch.inf)
