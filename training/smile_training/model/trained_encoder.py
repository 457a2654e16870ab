"""A trained encoder with its fitted preprocessing."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from smile_runtime.encoder import Preprocessing
from smile_training.data import Cells
from smile_training.model.encoder_input import EncoderInput, dense_chunk_rows
from smile_training.model.network import SmileNetwork
from smile_training.recipe import Noise


@dataclass(eq=False)
class TrainedEncoder:
    """A trained encoder with its fitted preprocessing."""

    features: tuple[str, ...]
    """Feature ids, in the order of the network's inputs."""
    preprocessing: Preprocessing
    """Fitted preprocessing."""
    network: SmileNetwork
    """Network in evaluation mode, on the CPU."""
    loss_curve: list[float] = field(default_factory=list)
    """Mean loss of each epoch."""

    @property
    def feature_weight(self) -> NDArray[np.float64]:
        """Fraction of the feature weight on each feature, shape ``(n_features,)``."""
        weight: NDArray[np.float64] = self.network.feature_weight.double().numpy()
        return weight

    def align_features(self, cells: Cells) -> Cells:
        """Return the cells with the encoder's features, in its order; those that they lack are NaN."""
        return cells.align_features(self.features)

    def embed(self, cells: Cells, batch_size: int | None = None) -> NDArray[np.float32]:
        """Return L2-normalized embeddings of cells with the encoder's features, float32, ``(n_cells, n_latent)``."""
        return self.embed_with_components(cells, batch_size)[0]

    @torch.inference_mode()
    def embed_with_components(
        self, cells: Cells, batch_size: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return embeddings, and components of the stem, float32, ``(n_cells, n_components)``; None without a stem."""
        aligned, stem = self.align_features(cells), self.network.stem
        batch_size = batch_size or dense_chunk_rows(len(self.features))
        embedding = np.empty((len(cells), self.network.n_latent), np.float32)
        components = None if stem is None else np.empty((len(cells), stem.shape[1]), np.float32)
        for rows in (slice(start, start + batch_size) for start in range(0, len(cells), batch_size)):
            transformed = self.preprocessing.transform(aligned.raw[rows], aligned.size_factor[rows])
            inputs = EncoderInput(transformed, self.preprocessing, self.network, noise=Noise())
            clean = inputs.clean(np.arange(len(inputs)))
            embedding[rows] = torch.nn.functional.normalize(self.network.encoder(clean)).numpy()
            if components is not None:
                components[rows] = clean.numpy()
        return embedding, components
