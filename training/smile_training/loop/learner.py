"""One modality in training: fitted preprocessing, network, and the network's input."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.data import Cells
from smile_training.loop.fitted_input import FittedInput
from smile_training.model import (
    EncoderInput,
    SmileNetwork,
    TrainedEncoder,
    fit_stem,
    neighbor_partners,
    project_stem,
    self_partners,
    transform_cells,
)
from smile_training.recipe import Modality, Network, Noise, Pairing, Stem

_PAIRING_COMPONENTS = 50


@dataclass(eq=False)
class Learner:
    """One modality in training.

    Attributes
    ----------
    cells
        All cells of the modality, with the features of the network.
    preprocessing
        Preprocessing fitted on the cells.
    network
        Network in training.
    noise
        Noise that makes views differ.
    frozen
        Whether the weights are frozen, as for a teacher.
    """

    cells: Cells
    preprocessing: Preprocessing
    network: SmileNetwork
    noise: Noise
    frozen: bool = False

    def inputs(self, seed: Sequence[int]) -> EncoderInput:
        """Return the network's input, on the network's device; the seed is that of drawn copies of the cells."""
        inputs = EncoderInput(self._transformed(), self.preprocessing, self.network, noise=self.noise)
        if self.noise.redraws:
            inputs.keep_copies(self.cells, seed)
        return inputs

    def partners(self, rows: NDArray[np.intp], pairing: Pairing, seed: int) -> NDArray[np.integer]:
        """Return the partners of some cells among each other, as indices into ``rows``, shape ``(n, n_partners)``.

        Raises
        ------
        RecipeError
            If the pairing needs labels and there are none.
        """
        labels = self.cells.labels[rows]
        if pairing.kind in ("label", "label_neighbour") and not (labels >= 0).any():
            raise RecipeError("pairing by label needs labels; name their column as data.label_key, or pair by neighbor")
        if pairing.kind in ("self", "label"):
            return self_partners(len(rows))
        components = self._components(seed)[rows]
        by_label = labels if pairing.kind == "label_neighbour" else None
        batches = self.cells.batches[rows]
        return neighbor_partners(components, batches, n_neighbors=pairing.n_neighbors, labels=by_label, seed=seed)

    def _components(self, seed: int) -> NDArray[np.float32]:
        """Return the components for finding near cells, shape ``(n_cells, n_components)``; uncentered if sparse."""
        transformed, directions = self._transformed(), self.network.stem
        if directions is not None:
            stem = directions.cpu().numpy()
        elif min(transformed.shape) > _PAIRING_COMPONENTS:
            stem = fit_stem(transformed, self.preprocessing, Stem(n_components=_PAIRING_COMPONENTS), seed=seed)
        else:
            stem = np.eye(len(self.cells.features), dtype=np.float32)
        return project_stem(transformed, self.preprocessing, stem)

    def _transformed(self) -> Matrix:
        """Return the cells after all steps before centering, shape ``(n_cells, n_features)``."""
        return transform_cells(self.cells, self.preprocessing)

    def trained(self, loss_curve: list[float]) -> TrainedEncoder:
        """Return the trained encoder, on the CPU and in evaluation mode."""
        return TrainedEncoder(self.cells.features, self.preprocessing, self.network.cpu().eval(), loss_curve)


def new_learner(
    fitted: FittedInput,
    modality: Modality,
    sizes: Network,
    *,
    device: torch.device,
    seed: int,
    heads_of: Learner | None = None,
) -> Learner:
    """Initialize the network of a modality whose input was fitted."""
    network = SmileNetwork(
        len(fitted.cells.features), sizes, fitted.stem, heads_of=None if heads_of is None else heads_of.network
    )
    network.initialize(torch.Generator().manual_seed(seed))
    return Learner(fitted.cells, fitted.preprocessing, network.to(device).train(), modality.noise)


def teacher(encoder: TrainedEncoder, cells: Cells, *, device: torch.device, noise: Noise) -> Learner:
    """Return a trained encoder as a teacher: frozen, in evaluation mode.

    It sees the cells as measured, with masking and Gaussian noise alone: what a student should agree with is the best
    estimate of a cell's place, and a frozen encoder learns nothing from worse measurements.

    Raises
    ------
    RecipeError
        If the cells lack a feature of the encoder.
    """
    known = encoder.align_features(cells)
    network = encoder.network.to(device).eval()
    as_measured = msgspec.structs.replace(noise, min_depth=1.0, min_features=1.0, ambient=0.0)
    return Learner(known, encoder.preprocessing, network, as_measured, frozen=True)
