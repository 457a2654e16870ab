"""Distances between the embeddings of the same cells in two modalities, and their changes without features."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder
from smile_runtime.explanation.feature_effects import CELLS_PER_BLOCK
from smile_runtime.explanation.paired_cells import PairedCells
from smile_runtime.io import default_threads, map_in_order, single_threaded_blas


class DistanceChanges(NamedTuple):
    """Changes of the distance of some cells when one feature is set to zero.

    Attributes
    ----------
    n_cells
        Number of the cells.
    cells
        Index of the cell, shape ``(n,)``.
    features
        Index of the feature that was set to zero, shape ``(n,)``.
    changes
        Distance without the feature minus the distance with it, shape ``(n,)``.
    """

    n_cells: int
    cells: NDArray[np.int64]
    features: NDArray[np.int64]
    changes: NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class PairDistances:
    """Euclidean distances between a modality's embeddings of cells and the embeddings of the same cells in another one.

    Attributes
    ----------
    encoder
        Encoder of the modality whose features are set to zero.
    pairs
        Cells in both modalities.
    own
        Embedding of the cells in the encoder's modality, shape ``(n, n_latent)``.
    other
        Embedding of the cells in the other modality, shape ``(n, n_latent)``.
    """

    encoder: Encoder
    pairs: PairedCells
    own: NDArray[np.float32]
    other: NDArray[np.float32]

    @cached_property
    def complete(self) -> NDArray[np.float32]:
        """Distance of each cell with all features, shape ``(n,)``."""
        return _distance(self.own, self.other)

    def changes(self) -> Iterator[DistanceChanges]:
        """Set each nonzero feature of each cell to zero, one at a time, and yield what it does, block by block."""
        with single_threaded_blas():
            yield from map_in_order(self._changes_of_block, _blocks(len(self.pairs)), default_threads())

    def without(self, features: NDArray[np.intp], cells: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the distances of some cells, a mask of shape ``(n,)``, without a group of features, ``(n_cells,)``."""
        pairs, other = self.pairs.select(np.flatnonzero(cells)), self.other[cells]

        def distance(block: slice) -> NDArray[np.float32]:
            raw, size_factor, measured = pairs.values(self.encoder.modality, block)
            return _distance(self.encoder.encode_without(raw, features, size_factor, measured=measured), other[block])

        with single_threaded_blas():
            return np.concatenate([*map_in_order(distance, _blocks(len(pairs)), default_threads())])

    def _changes_of_block(self, block: slice) -> DistanceChanges:
        raw, size_factor, measured = self.pairs.values(self.encoder.modality, block)
        _, removals = self.encoder.encode_without_each(raw, size_factor, measured=measured)
        cells, features, changes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
        for removed in removals:
            cells.append(removed.cells + block.start)
            features.append(removed.features.astype(np.int64))
            changes.append(_distance(removed.embedding, self.other[cells[-1]]) - self.complete[cells[-1]])
        n_cells = block.stop - block.start
        return DistanceChanges(n_cells, np.concatenate(cells), np.concatenate(features), np.concatenate(changes))


def _blocks(n: int) -> Iterator[slice]:
    """Yield the ranges of cells for one thread each."""
    return (slice(start, min(start + CELLS_PER_BLOCK, n)) for start in range(0, n, CELLS_PER_BLOCK))


def embed_pairs(encoder: Encoder, pairs: PairedCells) -> NDArray[np.float32]:
    """Return the embedding of cells in the modality of an encoder, shape ``(n, n_latent)``."""
    raw, size_factor, measured = pairs.values(encoder.modality, slice(None))
    return encoder.encode(raw, size_factor, measured=measured)


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Euclidean distance of each row of two arrays of shape ``(n, n_latent)``, shape ``(n,)``."""
    result: NDArray[np.float32] = np.linalg.norm(one - other, axis=1)
    return result
