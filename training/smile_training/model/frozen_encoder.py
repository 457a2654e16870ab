"""The encoder of a finished space, which embeds cells with ONNX Runtime and whatever features they measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder, Preprocessing
from smile_runtime.query import measured_features, split_by_features
from smile_training.data import Cells


@dataclass(frozen=True, eq=False)
class FrozenEncoder:
    """Encoder of a finished space.

    Attributes
    ----------
    encoder
        Encoder of an open space.
    has_components
        Whether the space compares the components of cells with profiles of the labels.
    """

    encoder: Encoder
    has_components: bool

    @property
    def preprocessing(self) -> Preprocessing:
        """Fitted preprocessing."""
        return self.encoder.preprocessing

    @property
    def feature_weight(self) -> NDArray[np.float64]:
        """Fraction of the feature weight on each feature, shape ``(n_features,)``."""
        return self.encoder.features.weight

    def align_features(self, cells: Cells) -> Cells:
        """Return the cells with the encoder's features, in its order; those that they lack are NaN."""
        return cells.align_features(self.encoder.features.ids)

    def embed_with_components(self, cells: Cells) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return embeddings ``(n_cells, n_latent)``, and components of the stem ``(n_cells, n_components)`` or None."""
        cells = self.align_features(cells)
        if not self.has_components:
            return self.encoder.encode(cells.raw, cells.size_factor), None
        parts, order = [], []
        for key, rows in split_by_features(cells.raw).items():
            measured = measured_features(key, len(cells.features))
            raw, size_factor = cells.raw[rows], cells.size_factor[rows]
            parts.append(self.encoder.encode_with_components(raw, size_factor, measured=measured))
            order.append(rows)
        back = np.argsort(np.concatenate(order))
        embedding, components = (np.concatenate(arrays)[back] for arrays in zip(*parts, strict=True))
        return embedding, components
