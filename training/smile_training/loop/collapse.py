"""Detection of collapsed embeddings, in which all cells are alike or all units are dead."""

import torch
from torch import Tensor

from smile_runtime.errors import TrainingError

MAX_MEAN_COSINE = 0.999


def require_spread(encoded: Tensor, when: str) -> None:
    """Validate that encodings, shape ``(n, n_latent)``, distinguish cells.

    Raises
    ------
    TrainingError
        If all encodings are zero, or the mean cosine over all pairs of cells exceeds 0.999.
    """
    if not encoded.any():
        raise TrainingError(f"the embedding collapsed {when}: all units are dead; lower optimiser.lr or weight_decay")
    # The squared length of the mean unit vector is the mean cosine over all pairs.
    likeness = float(torch.nn.functional.normalize(encoded.float()).mean(dim=0).square().sum())
    if likeness > MAX_MEAN_COSINE:
        raise TrainingError(
            f"the embedding collapsed {when}: all cells are alike (mean cosine {likeness:.4f}); "
            "lower noise.gaussian, noise.masking, optimizer.lr or weight_decay"
        )
