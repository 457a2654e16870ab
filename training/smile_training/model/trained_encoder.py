"""A trained encoder with its fitted preprocessing."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.data import Cells
from smile_training.model.encoder_input import EncoderInput, dense_chunk_rows
from smile_training.model.network import SmileNetwork
from smile_training.recipe import Noise


@dataclass(eq=False)
class TrainedEncoder:
    """A trained encoder with its fitted preprocessing.

    Attributes
    ----------
    features
        Feature ids in the order of the network's inputs.
    preprocessing
        Fitted preprocessing.
    network
        Network in evaluation mode, on the CPU.
    loss_curve
        Mean loss of each epoch.
    """

    features: tuple[str, ...]
    preprocessing: Preprocessing
    network: SmileNetwork
    loss_curve: list[float] = field(default_factory=list)

    def known(self, cells: Cells) -> Cells:
        """Return cells with the encoder's features in its order.

        Raises
        ------
        RecipeError
            If the cells lack a feature.
        """
        place = {name: column for column, name in enumerate(cells.features)}
        if missing := [name for name in self.features if name not in place]:
            raise RecipeError(
                f"the encoder takes {len(self.features):,} features, the data lacks {len(missing):,} of them, "
                f"{missing[0]!r} for one; give the data that the encoder was trained for"
            )
        return cells.with_features(np.array([place[name] for name in self.features]))

    @torch.inference_mode()
    def embed(self, cells: Cells, batch_size: int | None = None) -> NDArray[np.float32]:
        """Return L2-normalized embeddings of cells that have the encoder's features, shape ``(n_cells, n_latent)``."""
        known = self.known(cells)
        batch_size = batch_size or dense_chunk_rows(len(self.features))
        embedding = []
        for rows in np.split(np.arange(len(cells)), range(batch_size, len(cells), batch_size)):
            transformed = self.preprocessing.transform(known.raw[rows], known.size_factor[rows])
            inputs = EncoderInput(transformed, self.preprocessing, self.network, Noise())
            embedding.append(torch.nn.functional.normalize(self.network.encoder(inputs.clean(np.arange(len(rows))))))
        result: NDArray[np.float32] = torch.cat(embedding).numpy()
        return result
