"""Copies of the cells as other measurements would show them: fewer counts, fewer features, ambient counts."""

from collections.abc import Sequence

import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_runtime.arrays import Matrix, dense, is_sparse
from smile_runtime.encoder import MIN_MEASURED_FRACTION, Preprocessing, impute_missing
from smile_training.data import Cells, count_units, thin_counts
from smile_training.model.cell_blocks import row_blocks
from smile_training.model.device_copy import copy_to
from smile_training.model.network import SmileNetwork
from smile_training.recipe import Noise

N_COPIES = 4
RENEWAL_PASSES = 10
CHUNK_CELLS = 256
ALL_FEATURES_PROBABILITY = 0.5  # of a chunk of cells


class DrawnCopies:
    """Components of all cells as measured, and of `N_COPIES` drawn copies, of which one is renewed now and then.

    A copy depends on the seed and its number alone: copy ``i`` is in use from ``(i - 3) * 10`` passes over the cells
    on, for 40 passes.

    Parameters
    ----------
    cells
        Cells with the network's features.
    preprocessing
        Preprocessing fitted on them.
    network
        Network with a stem.
    clean
        Components of the cells as measured, shape ``(n_cells, n_components)``.
    noise
        Depths, features and ambient counts to draw.
    seed
        Seed of the draws.
    """

    def __init__(
        self,
        cells: Cells,
        preprocessing: Preprocessing,
        network: SmileNetwork,
        clean: Tensor,
        *,
        noise: Noise,
        seed: Sequence[int],
    ) -> None:
        assert network.stem is not None
        self._preprocessing = preprocessing
        self._noise = noise
        self._seed = tuple(seed)
        self._raw = cells.raw
        self._size_factor = cells.size_factor
        self._unit = count_units(cells.raw)
        self._profile = _mean_profile(cells.raw, self._unit)
        self._weight = (preprocessing.scale[:, None] * network.stem.cpu().numpy()).astype(np.float32)
        self._feature_weight = network.feature_weight.cpu().numpy().astype(np.float64)
        self._numbers = [-1] * N_COPIES  # of the copy in each slot
        self._components = torch.stack([clean] * (1 + N_COPIES))  # (1 + N_COPIES, n_cells, n_components)

    def renew(self, n_passes: float) -> None:
        """Draw the copies that are in use after a number of passes over the cells and are not there yet."""
        oldest = int(n_passes) // RENEWAL_PASSES
        for number in range(oldest, oldest + N_COPIES):
            slot = number % N_COPIES
            if self._numbers[slot] != number:
                self._components[1 + slot] = torch.from_numpy(self._draw(number)).to(self._components.device)
                self._numbers[slot] = number

    def pick(self, rows: NDArray[np.intp], generator: torch.Generator, share: slice = slice(None)) -> Tensor:
        """Return each cell of a share as measured or one of its copies, at random, shape ``(n, n_components)``."""
        device = self._components.device
        copies = torch.randint(1 + N_COPIES, (len(rows),), generator=generator, device=device)
        return self._components[copies[share], copy_to(device, torch.from_numpy(rows[share]))]

    def all(self, rows: NDArray[np.intp]) -> Tensor:
        """Return cells as measured and all of their copies, shape ``((1 + N_COPIES) * n, n_components)``."""
        return self._components[:, rows].flatten(0, 1)

    def _draw(self, number: int) -> NDArray[np.float32]:
        """Return the components of one copy of all cells, shape ``(n_cells, n_components)``."""
        rng = np.random.default_rng([*self._seed, number])
        drawn = np.empty(tuple(self._components.shape[1:]), np.float32)
        n_cells = self._raw.shape[0]
        for rows in np.array_split(rng.permutation(n_cells), max(1, n_cells // CHUNK_CELLS)):
            share = 1.0
            if rng.random() >= ALL_FEATURES_PROBABILITY:
                share = rng.uniform(self._noise.min_features, 1)
            raw, size_factor = self._redrawn(rows, rng)
            measured: NDArray[np.bool_] = rng.random(len(self._profile)) < share
            drawn[rows] = self._project(raw, size_factor, measured, rng)
        return drawn

    def _redrawn(self, rows: NDArray[np.intp], rng: np.random.Generator) -> tuple[Matrix, NDArray[np.float32]]:
        """Return values and size factors of some cells, with fewer counts and with ambient ones."""
        raw, size_factor, unit = self._raw[rows], self._size_factor[rows], self._unit[rows]
        if not self._noise.redraws_counts:
            return raw, size_factor
        depth = np.exp(rng.uniform(np.log(self._noise.min_depth), 0, len(rows)))
        target_sum = self._preprocessing.target_sum
        outside = np.zeros(len(rows), np.int64)  # counts of features that the encoder does not use
        if target_sum is not None:
            all_counts = target_sum / (size_factor[:, 0].astype(np.float64) * unit[:, 0])
            outside = np.maximum(np.rint(all_counts - _row_sums(raw) / unit[:, 0]), 0).astype(np.int64)
        if self._noise.min_depth < 1:
            raw, outside = thin_counts(raw, unit, depth, rng), rng.binomial(outside, depth)
        if self._noise.ambient > 0:
            ratio = rng.uniform(0, self._noise.ambient, len(rows))
            n_added = rng.poisson(ratio * _row_sums(raw) / unit[:, 0])
            raw, outside = self._with_ambient(raw, unit, n_added, rng), outside + rng.poisson(ratio * outside)
        totals = _row_sums(raw) + outside * unit[:, 0].astype(np.float64)
        return raw, self._preprocessing.size_factors(totals)

    def _with_ambient(
        self, raw: Matrix, unit: NDArray[np.float32], n_added: NDArray[np.int64], rng: np.random.Generator
    ) -> Matrix:
        """Return cells with counts of the mean profile, ``n_added`` in each cell."""
        rows = np.repeat(np.arange(len(n_added)), n_added)
        columns = rng.choice(len(self._profile), len(rows), p=self._profile)
        added = scipy.sparse.csr_matrix((unit[rows, 0], (rows, columns)), shape=raw.shape)
        return scipy.sparse.csr_matrix(raw + added) if is_sparse(raw) else raw + added.toarray()

    def _project(
        self, raw: Matrix, size_factor: NDArray[np.float32], measured: NDArray[np.bool_], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return components, imputed from the measured features as a query's are, shape ``(n, n_components)``."""
        if is_sparse(raw) and self._noise.masking == 0:
            raw = scipy.sparse.csr_matrix(raw.multiply(measured), dtype=np.float32)
            transformed = self._preprocessing.transform(raw, size_factor, measured)
            center, factor = impute_missing(
                self._weight, measured, mean=self._preprocessing.mean, feature_weight=self._feature_weight
            )
            return np.asarray((transformed @ self._weight - center) * factor, np.float32)
        filled = np.array(dense(raw), np.float32)
        filled[:, ~measured] = np.nan
        if self._noise.masking > 0:
            filled[rng.random(filled.shape, np.float32) < self._noise.masking] = np.nan
        transformed = dense(self._preprocessing.transform(filled, size_factor))
        present = ~np.isnan(transformed)
        fraction = np.maximum(
            present.astype(np.float32) @ self._feature_weight.astype(np.float32), MIN_MEASURED_FRACTION
        )
        centered = np.where(present, transformed - self._preprocessing.mean.astype(np.float32), np.float32(0))
        return np.asarray(centered @ self._weight / fraction[:, None], np.float32)


def _row_sums(raw: Matrix) -> NDArray[np.float64]:
    """Return the sum of each cell's measured values, shape ``(n,)``."""
    sums = raw.sum(axis=1, dtype=np.float64) if is_sparse(raw) else np.nansum(raw, axis=1, dtype=np.float64)
    return np.asarray(sums, np.float64).ravel()


def _mean_profile(raw: Matrix, unit: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each feature's share of all counts, shape ``(n_features,)``."""
    if is_sparse(raw):
        per_unit = 1 / unit[:, 0].astype(np.float64)
        counts = np.sum([per_unit[rows] @ raw[rows] for rows in row_blocks(raw)], axis=0)
    else:
        counts = np.nansum(raw / unit, axis=0)
    return np.asarray(counts / counts.sum(), np.float64).ravel()
