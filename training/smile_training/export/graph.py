"""The exported graph, from raw features to embedding, with every fixed linear map folded into the weights."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smile_runtime.encoder import MIN_MEASURED_FRACTION, Preprocessing
from smile_training.model import SmileNetwork, TrainedEncoder

MIN_NORM = 1e-12
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Weight and bias of a linear layer."""


class PreprocessingGraph(nn.Module):
    """Graph of the steps of `smile_runtime.encoder.preprocessing` before centering; NaN stays NaN.

    Parameters
    ----------
    preprocessing
        Fitted preprocessing.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.binarize, self.clr, self.log1p = preprocessing.binarize, preprocessing.clr, preprocessing.log1p
        self.idf: Tensor | None
        self.register_buffer("idf", _row(preprocessing.idf))
        self.power: Tensor | None
        self.register_buffer("power", None if preprocessing.idf is None else _row(preprocessing.power))
        self.band: Tensor | None
        self.register_buffer("band", None if preprocessing.band is None else torch.from_numpy(preprocessing.band))
        self.band_mean: Tensor | None
        self.register_buffer("band_mean", _row(preprocessing.band_mean))

    def forward(self, X: Tensor, size_factor: Tensor) -> Tensor:
        """Transform raw values, shape ``(n, n_features)``."""
        missing = torch.isnan(X)
        t = torch.where(missing, X, (X > 0).float()) if self.binarize else X
        t = t * size_factor
        if self.clr:
            n_measured = (~missing).float().sum(dim=1, keepdim=True).clamp_min(1)  # (n, 1)
            t = t * torch.exp(-torch.where(missing, 0.0, torch.log1p(t)).sum(dim=1, keepdim=True) / n_measured)
        if self.band is not None and self.band_mean is not None:
            member = (self.band[:, None] == torch.arange(self.band_mean.shape[1])).float()  # (n_features, n_bands)
            sums = torch.where(missing, 0.0, t) @ member  # (n, n_bands)
            factor = torch.where(sums > 0, self.band_mean / sums.clamp_min(MIN_NORM), 1.0)
            t = t * (factor @ member.T)
        if self.log1p:
            t = torch.log1p(t)
        if self.idf is not None and self.power is not None:
            t = t * self.idf
            measured = 1 - nn.functional.linear(missing.float(), self.power)  # (n, 1)
            square = torch.where(missing, 0.0, t).square().sum(dim=1, keepdim=True)
            norm = (square / measured.clamp_min(MIN_MEASURED_FRACTION)).sqrt()
            t = torch.where(norm > 0, t / norm.clamp_min(MIN_NORM), t)
        return t


class Trunk(nn.Module):
    """Everything after the first linear map: its bias (without a stem), Linear and ReLU layers, outputs.

    Parameters
    ----------
    bias
        Bias of the first linear map, shape ``(width,)``; None if it is a stem.
    layers
        Weight and bias of each further layer, batch norms folded in.
    network
        Network with the activation and the pseudo-type head.
    """

    def __init__(self, bias: NDArray[np.float64] | None, layers: list[Layer], network: SmileNetwork) -> None:
        super().__init__()
        self.bias: Tensor | None
        self.register_buffer("bias", None if bias is None else torch.from_numpy(bias.astype(np.float32)))
        self.layers = nn.ModuleList(_linear(*layer) for layer in layers)
        self.activation = network.encoder[2]
        self.pseudo_types = network.pseudo_types

    def forward(self, first: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``embedding`` (n, n_latent), L2-normalized, and ``pseudo_type`` (n, K), from (n, width)."""
        t = first if self.bias is None else self.activation(first + self.bias)
        for layer in self.layers:
            t = self.activation(layer(t))
        norm = t.square().sum(dim=1, keepdim=True).sqrt().clamp_min(MIN_NORM)
        return t / norm, self.pseudo_types(t)


class EncoderGraph(nn.Module):
    """The function that the ONNX graph of a trained encoder computes.

    Preprocessing, imputation of missing features, the first linear map, then the trunk. Scale, stem and batch norms are
    folded into the weights in float64; centering is not, because the difference of large sums loses digits.

    Parameters
    ----------
    encoder
        Trained encoder.
    """

    def __init__(self, encoder: TrainedEncoder) -> None:
        super().__init__()
        preprocessing, network = encoder.preprocessing, encoder.network
        self.preprocessing = PreprocessingGraph(preprocessing)
        self.mean: Tensor
        self.register_buffer("mean", torch.from_numpy(preprocessing.mean.astype(np.float32)))
        self.feature_weight: Tensor
        self.register_buffer("feature_weight", network.feature_weight[None])  # (1, n_features)
        blocks = list(network.encoder)
        layers = [_folded(linear, norm) for linear, norm in zip(blocks[::3], blocks[1::3], strict=True)]
        weight, bias = layers.pop(0) if network.stem is None else (network.stem.double().numpy().T, None)
        self.first = _linear(weight * preprocessing.scale)
        self.trunk = Trunk(bias, layers, network)

    def forward(self, X: Tensor, size_factor: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``embedding`` (n, n_latent), L2-normalized, and ``pseudo_type`` (n, K), from raw values."""
        outputs: tuple[Tensor, Tensor] = self.trunk(self.project(self.preprocessing(X, size_factor)))
        return outputs

    @property
    def first_weight(self) -> NDArray[np.float32]:
        """Weight of the first linear map, shape ``(n_features, width)``."""
        weight: NDArray[np.float32] = self.first.weight.detach().numpy().T
        return weight

    def project(self, t: Tensor) -> Tensor:
        """Apply the first linear map to transformed values, shape ``(n, n_features)``, imputing missing ones."""
        missing = torch.isnan(t)
        result: Tensor = self.first(torch.where(missing, 0.0, t - self.mean)) / self.share(missing)
        return result

    def share(self, missing: Tensor) -> Tensor:
        """Return the measured share of the encoder's feature weight, shape ``(n, 1)``."""
        return (1 - nn.functional.linear(missing.float(), self.feature_weight)).clamp_min(MIN_MEASURED_FRACTION)


class IntegerGraph(EncoderGraph):
    """The same function, with a first linear map that can be rounded to integers.

    Most values are zero, which is exact in integers, so centering follows the map as its bias. Features are scaled
    before the map, because in its weights those of rare features would dwarf all others. Complete batches skip
    imputation, which saves time and changes no number.

    Parameters
    ----------
    encoder
        Trained encoder.
    """

    def __init__(self, encoder: TrainedEncoder) -> None:
        super().__init__(encoder)
        scale = encoder.preprocessing.scale
        mean, weight = encoder.preprocessing.mean * scale, self.first.weight.detach().double().numpy() / scale
        self.scale: Tensor
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))
        self.scaled_mean: Tensor
        self.register_buffer("scaled_mean", torch.from_numpy(mean.astype(np.float32)))
        self.first = _linear(weight, -(weight @ mean))

    def project(self, t: Tensor) -> Tensor:
        """Apply the first linear map, as in `EncoderGraph`."""
        scaled, share = torch.cond(torch.isnan(t.sum()), self._incomplete, self._complete, (t,))
        result: Tensor = self.first(scaled) / share
        return result

    def _complete(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return t * self.scale, t.new_ones(len(t), 1)

    def _incomplete(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Impute missing values with the mean, which the bias then subtracts."""
        missing = torch.isnan(t)
        return torch.where(missing, self.scaled_mean, t * self.scale), self.share(missing)


def _row(values: NDArray[np.float64] | None) -> Tensor | None:
    return None if values is None else torch.from_numpy(values.astype(np.float32))[None]


def _folded(linear: nn.Module, norm: nn.Module) -> Layer:
    """Fold a batch norm in evaluation mode into the linear layer before it."""
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
