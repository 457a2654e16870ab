"""Sparse rows through an encoder: the first linear map takes them as they are, ONNX Runtime the rest."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.first_layer import FirstLayer
from smile_runtime.matrix import Matrix
from smile_runtime.preprocessing import Preprocessing
from smile_runtime.session import usable_cores

if TYPE_CHECKING:
    import onnxruntime

_LEAST_ROWS = 64  # for which a thread pays

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

    def __init__(self, preprocessing: Preprocessing, layer: FirstLayer, trunk: "onnxruntime.InferenceSession") -> None:
        self.session = trunk
        self.layer, self._preprocessing = layer, preprocessing

    def __str__(self) -> str:
        return f"as sparse rows, the first layer by {self.layer.product.name}"

    def run(
        self, output: str, batches: Iterable[Batch], measured: NDArray[np.bool_] | None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield an output of the graph for each batch of CSR rows.

        Parameters
        ----------
        output
            Name of the output.
        batches
            The rows, each value once and in the order of the features.
        measured
            Which features were measured, shape ``(n_features,)``; None: all.
        """
        known = np.ones(self.layer.n_features, bool) if measured is None else measured
        with ThreadPoolExecutor(usable_cores()) as threads:
            for rows, size_factor in batches:
                first = self._first(rows, size_factor, known, threads)
                yield self.session.run([output], {"first": first})[0]

    def _first(
        self,
        rows: Matrix,
        size_factor: NDArray[np.float32],
        measured: NDArray[np.bool_],
        threads: ThreadPoolExecutor,
    ) -> NDArray[np.float32]:
        """Return what goes into the trunk, shape ``(n, width)``, each thread having made some of it."""
        first = np.empty((rows.shape[0], self.layer.width), np.float32)

        def fill(part: slice) -> None:
            transformed = self._preprocessing.transform(rows[part], size_factor[part], measured)
            self.layer(transformed, measured, first[part])

        n_parts = max(1, min(usable_cores(), len(first) // _LEAST_ROWS))
        edges = np.linspace(0, len(first), n_parts + 1, dtype=int)
        parts = [slice(*edge) for edge in pairwise(edges.tolist())]
        list(map(fill, parts) if n_parts == 1 else threads.map(fill, parts))
        return first
