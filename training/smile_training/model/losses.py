"""The losses of SMILE; the contrastive ones compare all pairs of cells by one matrix product.

Source: Xu, Das & McCord (2022), Bioinformatics 38(2):476; entropy and cosine follow the authors' later public code.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def nt_xent(view_a: Tensor, view_b: Tensor, *, temperature: float) -> Tensor:
    """Compute NT-Xent, the noise-contrastive loss of two views (Chen et al. 2020, equation 1).

    Parameters
    ----------
    view_a, view_b
        Projections, shape ``(n, d)``. Row i of one view is the positive of row i of the other; all other rows are
        negatives.
    temperature
        Temperature that cosine similarities are divided by.

    Returns
    -------
        Mean loss over all 2n rows, in both directions; a scalar.
    """
    loss: Tensor = _PairedCrossEntropy.apply(_rows(view_a, view_b, temperature))  # type: ignore[no-untyped-call]
    return loss


def supervised_nt_xent(view_a: Tensor, view_b: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """Compute the supervised contrastive loss L_out (Khosla et al. 2020, equation 2): equal labels are positives.

    Parameters
    ----------
    view_a, view_b
        Projections of two views of the same n cells, shape ``(n, d)``.
    labels
        Label ids, shape ``(n,)``; an unlabeled cell (-1) has its own other view as its only positive.
    temperature
        Temperature that cosine similarities are divided by.

    Returns
    -------
        Mean over all 2n rows of the negative mean log-probability of a row's positives; a scalar.
    """
    n = len(view_a)
    similarity = _similarity(view_a, view_b, temperature)  # (2n, 2n)
    log_probability = functional.log_softmax(similarity, dim=1)  # (2n, 2n)
    own = -1 - torch.arange(n, device=labels.device)
    group = torch.where(labels < 0, own, labels).repeat(2)  # (2n,)
    positives = (group[:, None] == group[None, :]).fill_diagonal_(fill_value=False)  # (2n, 2n)
    per_row = torch.where(positives, log_probability, 0.0).sum(dim=1) / positives.sum(dim=1)  # (2n,)
    return -per_row.mean()


def pseudo_type_loss(probability_a: Tensor, probability_b: Tensor, *, temperature: float) -> Tensor:
    """Return NT-Xent between the columns of two views' pseudo-cell-type probabilities, each ``(n, n_pseudo_types)``."""
    return nt_xent(probability_a.T, probability_b.T, temperature=temperature)  # of rows (n_pseudo_types, n)


def squared_distance(encoded_a: Tensor, encoded_b: Tensor) -> Tensor:
    """Return the mean squared Euclidean distance between the rows of two encodings, each ``(n, n_latent)``."""
    return (encoded_a - encoded_b).square().sum(dim=1).mean()


def entropy(encoded: Tensor) -> Tensor:
    """Return the mean entropy in nats of the softmax of encodings, shape ``(n, n_latent)``."""
    log_probability = functional.log_softmax(encoded, dim=1)  # (n, n_latent)
    return -(log_probability.exp() * log_probability).sum(dim=1).mean()


def negative_cosine_similarity(encoded_a: Tensor, encoded_b: Tensor) -> Tensor:
    """Return the negative cosine similarity of two encodings, each ``(n, n_latent)``, summed over both directions.

    The gradient of either encoding is stopped in one direction, as in SimSiam (Chen & He 2021).
    """
    cosine = functional.cosine_similarity  # of rows, (n,)
    return -(cosine(encoded_a, encoded_b.detach()) + cosine(encoded_b, encoded_a.detach())).mean()


class _PairedCrossEntropy(torch.autograd.Function):
    """Cross-entropy of finding row i + n among all others by its product with row i, and the other way round.

    As the products are symmetric, so is the sum of their gradients in both directions: the backward pass needs one
    matrix product instead of two, and no other array of that size than the probabilities.
    """

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:  # noqa: ANN401 (torch's own type is not public)
        """Return the mean loss of rows of shape ``(2n, d)``."""
        similarity = (rows @ rows.T).fill_diagonal_(-torch.inf)  # (2n, 2n)
        log_probability = torch.log_softmax(similarity, dim=1, out=similarity)
        every = torch.arange(len(rows), device=rows.device)
        partner = every.roll(len(rows) // 2)
        loss = -log_probability[every, partner].mean()
        context.save_for_backward(rows, log_probability.exp_(), partner)
        return loss

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        """Return the gradient of the rows, shape ``(2n, d)``."""
        rows, probability, partner = context.saved_tensors
        both_ways = probability.T.contiguous().add_(probability)  # (2n, 2n); adding the view is 4 times slower
        product: Tensor = both_ways @ rows - 2 * rows[partner]  # (2n, d)
        return product * (gradient / len(rows))


def _similarity(view_a: Tensor, view_b: Tensor, temperature: float) -> Tensor:
    """Return the cosine similarities of all rows of both views, divided by the temperature; -inf on the diagonal."""
    rows = _rows(view_a, view_b, temperature)
    similarity: Tensor = rows @ rows.T  # (2n, 2n)
    return similarity.fill_diagonal_(-torch.inf)


def _rows(view_a: Tensor, view_b: Tensor, temperature: float) -> Tensor:
    """Return the rows of both views, shape ``(2n, d)``, of a length that makes their products similarities."""
    scale: float = temperature**0.5
    return functional.normalize(torch.cat([view_a, view_b]), dim=1) / scale
