"""Dense rows through an encoder: ONNX Runtime runs the whole graph."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.matrix import dense
from smile_runtime.sparse_path import Batch

if TYPE_CHECKING:
    import onnxruntime


class DensePath:
    """What takes rows of any kind from raw values to the outputs of an encoder's graph.

    Parameters
    ----------
    graph
        A session of the whole graph.
    """

    def __init__(self, graph: "onnxruntime.InferenceSession") -> None:
        self.session = graph

    def __str__(self) -> str:
        return "as dense rows, through the whole graph"

    def run(
        self, output: str, batches: Iterable[Batch], measured: NDArray[np.bool_] | None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield an output of the graph for each batch; arguments as `SparsePath.run`."""
        for rows, size_factor in batches:
            X = dense(rows).astype(np.float32, copy=False)
            if measured is not None:
                X = np.where(measured, X, np.float32(np.nan))
            yield self.session.run([output], {"X": X, "size_factor": size_factor})[0]
