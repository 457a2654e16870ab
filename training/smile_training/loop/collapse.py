"""A collapsed embedding, all cells alike or all units dead, is an error and not a space."""

import torch
from torch import Tensor

from smile_runtime.errors import TrainingError

_COLLAPSED = 0.999


def require_spread(encoded: Tensor, when: str) -> None:
    """Refuse encodings, shape ``(n, n_latent)``, that tell no cell from another.

    Raises
    ------
    TrainingError
        If all are zero, or the mean cosine over all pairs of cells is above 0.999.
    """
    if not encoded.any():
        raise TrainingError(f"the embedding collapsed {when}: all units are dead; lower optimiser.lr or weight_decay")
    # The squared length of the mean unit vector is the mean cosine over all pairs.
    likeness = float(torch.nn.functional.normalize(encoded.float()).mean(dim=0).square().sum())
    if likeness > _COLLAPSED:
        raise TrainingError(
            f"the embedding collapsed {when}: all cells are alike (mean cosine {likeness:.4f}); "
            "lower noise.gaussian, noise.masking, optimizer.lr or weight_decay"
        )
