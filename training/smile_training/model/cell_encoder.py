"""What mapping and profiles need of an encoder, whether it was trained here or is that of a finished space."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Preprocessing
from smile_training.data import Cells


class CellEncoder(Protocol):
    """Encoder of one modality's cells."""

    @property
    def preprocessing(self) -> Preprocessing:
        """Fitted preprocessing."""

    @property
    def feature_weight(self) -> NDArray[np.float64]:
        """Fraction of the feature weight on each feature, shape ``(n_features,)``."""

    def align_features(self, cells: Cells) -> Cells:
        """Return the cells with the encoder's features, in its order."""

    def embed_with_components(self, cells: Cells) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return embeddings ``(n_cells, n_latent)``, and components of the stem ``(n_cells, n_components)`` or None."""
