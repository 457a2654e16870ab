"""Input of an encoder in training: sparse rows that are made dense batch by batch, with or without noise."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_runtime.arrays import Matrix, dense, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_training.data import Cells
from smile_training.model.device_copy import copy_to
from smile_training.model.drawn_copies import DrawnCopies
from smile_training.model.network import SmileNetwork
from smile_training.recipe import Noise

MAX_DENSE_ROWS = 4096
MAX_DENSE_VALUES = 16_000_000  # float32: 64 MB


def dense_chunk_rows(n_features: int) -> int:
    """Return how many sparse rows to make dense at a time, so that they take at most 64 MB."""
    return max(1, min(MAX_DENSE_ROWS, MAX_DENSE_VALUES // n_features))


class EncoderInput:
    """Encoder input of the cells of one modality, clean or as noisy views.

    A frozen stem gives a cell the same components every time. Unless features are masked before the stem, they are
    therefore computed once for all cells; so are those of its drawn copies.

    Parameters
    ----------
    transformed
        Cells after `Preprocessing.transform`, shape ``(n_cells, n_features)``.
    preprocessing
        Preprocessing with the mean and scale of each feature.
    network
        Network whose stem and imputation are applied, on its device.
    noise
        Noise that is added to views.
    """

    def __init__(
        self, transformed: Matrix, preprocessing: Preprocessing, network: SmileNetwork, *, noise: Noise
    ) -> None:
        self._n_cells = int(transformed.shape[0])
        self._transformed: Matrix | None = transformed
        self._preprocessing = preprocessing
        self._network = network
        self._noise = noise
        self._all_measured = is_sparse(transformed) or not np.isnan(transformed).any()
        self._components: Tensor | None = None
        if network.stem is not None and (noise.masking == 0 or noise.redraws):
            chunk = dense_chunk_rows(transformed.shape[1])
            chunks = np.split(np.arange(len(self)), range(chunk, len(self), chunk))
            self._components = torch.cat([self.clean(rows) for rows in chunks])  # (n_cells, n_components)
            self._transformed = None  # so that it takes no memory
        self._copies: DrawnCopies | None = None

    def keep_copies(self, cells: Cells, seed: Sequence[int]) -> None:
        """Keep copies of the cells as other measurements would show them, from which views are picked."""
        assert self._components is not None  # of the stem, which copies need
        clean, noise = self._components, self._noise
        self._copies = DrawnCopies(cells, self._preprocessing, self._network, clean, noise=noise, seed=seed)

    def renew(self, n_passes: float) -> None:
        """Bring the copies, if any, up to a number of passes over all cells."""
        if self._copies is not None:
            self._copies.renew(n_passes)

    def __len__(self) -> int:
        return self._n_cells

    def clean(self, rows: NDArray[np.intp]) -> Tensor:
        """Return the input without noise, shape ``(n, n_components)``, or ``(n, n_features)`` without a stem."""
        if self._components is not None:
            return self._components[copy_to(self._components.device, torch.from_numpy(rows))]
        x = self._features(rows)  # (n, n_features)
        return self._network.components(x if self._all_measured else self._network.impute(x, ~x.isnan()))

    def clean_and_drawn(self, rows: NDArray[np.intp]) -> Tensor:
        """Return the input without noise of cells and of all their copies, if any, one after another."""
        return self.clean(rows) if self._copies is None else self._copies.all(rows)

    def view(self, rows: NDArray[np.intp], generator: torch.Generator, share: slice = slice(None)) -> Tensor:
        """Return a noisy view, shaped like `clean`: features masked or a copy picked, then Gaussian noise.

        Noise is drawn for all rows, and of these a share is returned, so that shares together are the view of all.
        """
        if self._copies is not None:
            view = self._copies.pick(rows, generator, share)
        elif self._noise.masking > 0:
            x = self._features(rows[share])  # (n, n_features)
            drawn = torch.rand((len(rows), x.shape[1]), generator=generator, device=x.device)[share]
            view = self._network.components(self._network.impute(x, (drawn >= self._noise.masking) & ~x.isnan()))
        else:
            view = self.clean(rows[share])
        noise = torch.randn((len(rows), view.shape[1]), generator=generator, device=view.device)[share]
        return torch.add(view, noise, alpha=self._noise.gaussian, out=noise)

    def _features(self, rows: NDArray[np.intp]) -> Tensor:
        """Return centered, scaled features, shape ``(n, n_features)``, NaN if missing."""
        assert self._transformed is not None  # as there are no components of all cells
        centered = self._preprocessing.centered(dense(self._transformed[rows]))
        return copy_to(self._network.feature_weight.device, torch.from_numpy(centered))
