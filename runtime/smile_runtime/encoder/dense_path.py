"""Dense rows through an encoder: ONNX Runtime runs the whole graph."""

from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import dense
from smile_runtime.encoder.session import runs_on_cuda
from smile_runtime.encoder.sparse_path import Batch

if TYPE_CHECKING:
    from smile_runtime.encoder.session import InferenceSession


class DensePath:
    """What takes rows of any kind from raw values to the outputs of an encoder's graph.

    Parameters
    ----------
    graph
        A session of the whole graph.
    """

    def __init__(self, graph: "InferenceSession") -> None:
        self.session = graph
        self._turn = Lock() if runs_on_cuda(graph) else nullcontext()  # a GPU takes one batch after the other

    def __str__(self) -> str:
        return "as dense rows, through the whole graph"

    def run(self, output: str, batch: Batch, measured: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        """Return an output of the graph for a batch; arguments as `SparsePath.run`."""
        rows, size_factor = batch
        X = dense(rows).astype(np.float32, copy=False)
        if measured is not None:
            X = np.where(measured, X, np.float32(np.nan))
        with self._turn:
            result: NDArray[np.float32] = self.session.run([output], {"X": X, "size_factor": size_factor})[0]
        return result
