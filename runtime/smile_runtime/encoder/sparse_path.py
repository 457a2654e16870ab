"""Sparse rows through an encoder: the first linear map takes them as they are, ONNX Runtime the rest."""

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder.first_layer import FirstLayer
from smile_runtime.encoder.preprocessing import Preprocessing

if TYPE_CHECKING:
    from smile_runtime.encoder.session import InferenceSession

Batch = tuple[Matrix, NDArray[np.float32]]
"""Raw values, shape ``(n, n_features)``, and size factors, shape ``(n, 1)``."""


class SparsePath:
    """What takes CSR rows from raw values to the outputs of an encoder's graph, without making them dense.

    Parameters
    ----------
    preprocessing
        The encoder's.
    layer
        Its first linear map.
    trunk
        A session of the graph of all that follows.
    """

    def __init__(self, preprocessing: Preprocessing, layer: FirstLayer, trunk: "InferenceSession") -> None:
        self.session = trunk
        self.layer, self._preprocessing = layer, preprocessing
        self._kept = threading.local()

    def __str__(self) -> str:
        return f"as sparse rows, the first layer by {self.layer.product.name}"

    def run(self, output: str, batch: Batch, measured: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        """Return an output of the graph for a batch of CSR rows; several threads may run at a time.

        Parameters
        ----------
        output
            Name of the output.
        batch
            The rows, each value once and in the order of the features.
        measured
            Which features were measured, shape ``(n_features,)``; None: all.
        """
        rows, size_factor = batch
        known = np.ones(self.layer.n_features, bool) if measured is None else measured
        first = self._memory(len(size_factor))
        transformed = self._preprocessing.transform(rows, size_factor, known)
        assert is_sparse(transformed)  # as the rows are
        self.layer(transformed, known, first)
        result: NDArray[np.float32] = self.session.run([output], {"first": first})[0]
        return result

    def _memory(self, n: int) -> NDArray[np.float32]:
        """Return room for what goes into the trunk, shape ``(n, width)``: a thread's own, which stays in the cache."""
        memory: NDArray[np.float32] | None = getattr(self._kept, "memory", None)
        if memory is None or len(memory) < n:
            memory = self._kept.memory = np.empty((n, self.layer.width), np.float32)
        return memory[:n]
