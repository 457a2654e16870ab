"""The exported graph: raw features in, embedding out, with every fixed linear map folded into the weights."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_training.loop import TrainedEncoder
from smile_training.network import SMALLEST_SHARE

_SMALLEST_NORM = 1e-12


class EncoderGraph(nn.Module):
    """What an ONNX graph computes, from a trained encoder.

    ``t = log1p(X * size_factor)``, missing features made up for, then Linear and ReLU layers. Scale, stem and batch
    norms are folded into their weights, in float64; centring is not, for the difference of large sums loses digits.

    Parameters
    ----------
    encoder
        The trained encoder.
    """

    def __init__(self, encoder: TrainedEncoder) -> None:
        super().__init__()
        preprocessing, network = encoder.preprocessing, encoder.network
        self.log1p = preprocessing.log1p
        self.mean: Tensor
        self.register_buffer("mean", torch.from_numpy(preprocessing.mean.astype(np.float32)))
        self.feature_weight: Tensor
        self.register_buffer("feature_weight", network.feature_weight[None])  # (1, n_features)
        blocks = list(network.encoder)
        layers = [_folded(linear, norm) for linear, norm in zip(blocks[::3], blocks[1::3], strict=True)]
        weight, bias = layers.pop(0) if network.stem is None else (network.stem.double().numpy().T, None)
        self.first = _linear(weight * preprocessing.scale)
        self.first_bias: Tensor | None
        self.register_buffer("first_bias", None if bias is None else torch.from_numpy(bias.astype(np.float32)))
        self.layers = nn.ModuleList(_linear(*layer) for layer in layers)
        self.pseudo_types = network.pseudo_types

    def forward(self, X: Tensor, size_factor: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``embedding`` (n, n_latent), L2-normalised, and ``pseudo_type`` (n, K), from raw values."""
        t = X * size_factor  # (n, n_features)
        if self.log1p:
            t = torch.log1p(t)
        missing = torch.isnan(t)
        share = 1 - nn.functional.linear(missing.float(), self.feature_weight)  # (n, 1)
        t = self.first(torch.where(missing, 0.0, t - self.mean))  # (n, n_components), or the width of the first layer
        t = t / share.clamp_min(SMALLEST_SHARE)
        if self.first_bias is not None:
            t = torch.relu(t + self.first_bias)
        for layer in self.layers:
            t = torch.relu(layer(t))
        norm = t.square().sum(dim=1, keepdim=True).sqrt().clamp_min(_SMALLEST_NORM)
        return t / norm, self.pseudo_types(t)


def _folded(linear: nn.Module, norm: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and bias of a linear layer followed by a batch norm in evaluation mode."""
    if not (isinstance(linear, nn.Linear) and isinstance(norm, nn.BatchNorm1d)):
        raise TypeError(f"expected Linear and BatchNorm1d, got {type(linear).__name__} and {type(norm).__name__}")
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double().numpy()
    weight = linear.weight.detach().double().numpy() * gain[:, None]
    bias = (linear.bias - norm.running_mean).detach().double().numpy() * gain + norm.bias.detach().double().numpy()
    return weight, bias


def _linear(weight: NDArray[np.float64], bias: NDArray[np.float64] | None = None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.weight.data = torch.from_numpy(weight.astype(np.float32))
    if bias is not None:
        linear.bias.data = torch.from_numpy(bias.astype(np.float32))
    return linear
