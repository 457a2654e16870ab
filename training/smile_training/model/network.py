"""The SMILE network: an optional frozen stem, an encoder, and two heads."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_runtime.encoder import MIN_MEASURED_FRACTION
from smile_training.recipe import Network as NetworkSettings


class SmileNetwork(nn.Module):
    """The published encoder, blocks of Linear, BatchNorm and ReLU, with two heads: projection and pseudo cell types.

    Parameters
    ----------
    n_features
        Number of centered, scaled input features.
    sizes
        Layer sizes and activation.
    stem
        Directions of the components of a frozen linear stem, shape ``(n_features, n_components)``; None for no stem.
    heads_of
        Network whose heads this one shares; None for new heads.
    """

    stem: Tensor | None
    feature_weight: Tensor

    def __init__(
        self,
        n_features: int,
        sizes: NetworkSettings,
        stem: NDArray[np.float32] | None = None,
        *,
        heads_of: "SmileNetwork | None" = None,
    ) -> None:
        super().__init__()
        self.n_latent = sizes.n_latent
        self.register_buffer("stem", None if stem is None else torch.from_numpy(stem))
        self.register_buffer("feature_weight", _feature_weight(n_features, self.stem))
        first = n_features if stem is None else stem.shape[1]
        self.encoder = _blocks([first, *sizes.hidden, sizes.n_latent], sizes.negative_slope)
        self.projection: nn.Module
        self.pseudo_types: nn.Sequential
        if heads_of is not None:
            self.projection, self.pseudo_types = heads_of.projection, heads_of.pseudo_types
        elif sizes.heads:
            self.projection = nn.Linear(sizes.n_latent, sizes.n_projection)
            self.pseudo_types = nn.Sequential(nn.Linear(sizes.n_latent, sizes.n_pseudo_types), nn.Softmax(dim=1))
        else:
            self.projection, self.pseudo_types = nn.Identity(), nn.Sequential(nn.Softmax(dim=1))

    def initialize(self, generator: torch.Generator) -> None:
        """Draw Xavier-uniform weights and set the biases to zero in every linear layer."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)

    def impute(self, x: Tensor, measured: Tensor) -> Tensor:
        """Impute the missing features of centered, scaled cells; all arrays have shape ``(n, n_features)``.

        Missing features get the reference mean, 0. Measured ones are divided by their total feature weight, which keeps
        the expected scale of the encoder's input whatever the fraction of missing features.
        """
        fraction = measured.float() @ self.feature_weight[:, None]  # (n, 1)
        return torch.where(measured, x, 0.0) / fraction.clamp_min(MIN_MEASURED_FRACTION)

    def components(self, x: Tensor) -> Tensor:
        """Return the stem's components, shape ``(n, n_components)``, of features; without a stem, the features."""
        return x if self.stem is None else x @ self.stem  # (n, n_features) @ (n_features, n_components)


def _feature_weight(n_features: int, stem: Tensor | None) -> Tensor:
    """Return each feature's weight in the first linear map, shape ``(n_features,)``, with sum 1."""
    if stem is None:
        return torch.full((n_features,), 1 / n_features)
    directions = nn.functional.normalize(stem, dim=0)  # (n_features, n_components)
    return directions.square().mean(dim=1)


def _blocks(sizes: Sequence[int], negative_slope: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(sizes):
        activation = nn.LeakyReLU(negative_slope) if negative_slope else nn.ReLU()
        layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), activation]
    return nn.Sequential(*layers)
