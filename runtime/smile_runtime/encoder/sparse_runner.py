"""Run an encoder on sparse rows: the first layer takes them as they are, ONNX Runtime executes the rest."""

import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder.first_layer import FirstLayer
from smile_runtime.encoder.preprocessing import Preprocessing
from smile_runtime.encoder.session import run_session

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from smile_runtime.encoder.session import InferenceSession

Batch = tuple[Matrix, NDArray[np.float32]]
"""Raw values, shape ``(n, n_features)``, and size factors, shape ``(n, 1)``."""


class Removals(NamedTuple):
    """Cells that were embedded again with one feature set to zero.

    Attributes
    ----------
    cells
        Index of each cell, shape ``(n,)``.
    features
        Index of the feature that was set to zero, shape ``(n,)``.
    values
        Value of that feature before centering, shape ``(n,)``.
    embedding
        Embedding without the feature, float32, shape ``(n, n_latent)``.
    """

    cells: NDArray[np.int64]
    features: NDArray[np.int32]
    values: NDArray[np.float32]
    embedding: NDArray[np.float32]


class SparseRunner:
    """Runs CSR rows through an encoder, from raw values to an output, without making them dense.

    Parameters
    ----------
    preprocessing
        Preprocessing of the encoder.
    layer
        First layer of the encoder.
    open_trunk
        Opens a session of the graph behind the first layer.
    name
        Name of that graph, for errors.
    """

    def __init__(
        self, preprocessing: Preprocessing, layer: FirstLayer, open_trunk: Callable[[], "InferenceSession"], name: str
    ) -> None:
        self._open_trunk, self._name = open_trunk, name
        self.layer, self._preprocessing = layer, preprocessing
        self._buffers = threading.local()

    @cached_property
    def session(self) -> "InferenceSession":
        """Session of the graph behind the first layer; the int8 graph takes the components alone from here."""
        return self._open_trunk()

    def __str__(self) -> str:
        return f"as sparse rows, the first layer by {self.layer.product.name}"

    def run(self, output: str, batch: Batch, measured: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        """Return an output of the graph for a batch of CSR rows; safe to call from several threads.

        Parameters
        ----------
        output
            Name of the graph's output: ``embedding`` or ``pseudo_type``.
        batch
            Rows without duplicate entries and with sorted indices, and their size factors.
        measured
            Whether each feature was measured, shape ``(n_features,)``; None if all were.
        """
        return self.run_trunk(output, self.run_first_layer(batch, measured))

    def run_first_layer(self, batch: Batch, measured: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        """Return the input of the trunk, shape ``(n, width)``, in memory that the thread's next batch reuses."""
        transformed, mask = self._transform(batch, measured)
        first = self._buffer(transformed.shape[0])
        self.layer(transformed, mask, first)
        return first

    def run_without_each(
        self, batch: Batch, measured: NDArray[np.bool_] | None, n_rows: int
    ) -> tuple[NDArray[np.float32], Iterator[Removals]]:
        """Return the embedding of a batch, and an iterator over its embeddings without each nonzero feature.

        Setting a feature to zero before centering changes the trunk's input by the feature's value times its weights.

        Parameters
        ----------
        batch, measured
            As in `run`.
        n_rows
            Number of rows that run through the trunk together.
        """
        transformed, mask = self._transform(batch, measured)
        transformed.eliminate_zeros()
        first = np.empty((transformed.shape[0], self.layer.width), np.float32)
        self.layer(transformed, mask, first)
        return self.run_trunk("embedding", first), self._removals(transformed, first, mask, n_rows)

    def run_without(
        self, batch: Batch, measured: NDArray[np.bool_] | None, features: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """Return the embedding of a batch after a group of features, by their indices, has been set to zero.

        Parameters
        ----------
        batch, measured
            As in `run`.
        features
            Indices of the features, shape ``(n_removed,)``.
        """
        transformed, mask = self._transform(batch, measured)
        kept = np.ones(self.layer.n_features, np.float32)
        kept[features] = 0
        transformed.data *= kept[transformed.indices]
        first = np.empty((transformed.shape[0], self.layer.width), np.float32)
        self.layer(transformed, mask, first)
        return self.run_trunk("embedding", first)

    def _removals(
        self, transformed: "csr_matrix", first: NDArray[np.float32], mask: NDArray[np.bool_], n_rows: int
    ) -> Iterator[Removals]:
        row_of = np.repeat(np.arange(len(first)), np.diff(transformed.indptr))  # (nnz,)
        for start in range(0, len(row_of), n_rows):
            part = slice(start, start + n_rows)
            cells, features, values = row_of[part], transformed.indices[part], transformed.data[part]
            without = self.layer.without(first[cells], features, values, measured=mask)
            yield Removals(cells, features, values, self.run_trunk("embedding", without))

    def _transform(self, batch: Batch, measured: NDArray[np.bool_] | None) -> tuple["csr_matrix", NDArray[np.bool_]]:
        """Return the transformed rows of a batch, and the mask of measured features."""
        rows, size_factor = batch
        mask = np.ones(self.layer.n_features, bool) if measured is None else measured
        transformed = self._preprocessing.transform(rows, size_factor, mask)
        assert is_sparse(transformed)  # because the rows are
        return transformed, mask

    def run_trunk(self, output: str, first: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an output of the graph for the trunk's input, shape ``(n, width)``."""
        return run_session(self.session, self._name, output, {"first": first})

    def _buffer(self, n: int) -> NDArray[np.float32]:
        """Return a buffer for the trunk's input, shape ``(n, width)``: one per thread, which stays in the cache."""
        buffer: NDArray[np.float32] | None = getattr(self._buffers, "first", None)
        if buffer is None or len(buffer) < n:
            buffer = self._buffers.first = np.empty((n, self.layer.width), np.float32)
        return buffer[:n]
