"""Run an encoder on dense rows: ONNX Runtime executes the whole graph."""

from contextlib import nullcontext
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import dense
from smile_runtime.encoder.device import uses_cuda
from smile_runtime.encoder.session import run_session
from smile_runtime.encoder.sparse_runner import Batch

if TYPE_CHECKING:
    from smile_runtime.encoder.session import InferenceSession


class DenseRunner:
    """Runs rows of any kind through the whole graph, from raw values to an output.

    Parameters
    ----------
    graph
        Session of the whole graph.
    name
        Name of the graph, for errors.
    """

    def __init__(self, graph: "InferenceSession", name: str) -> None:
        self.session, self._name = graph, name
        self._lock = Lock() if uses_cuda(graph) else nullcontext()  # a GPU runs one batch at a time

    def __str__(self) -> str:
        return "as dense rows, through the whole graph"

    def run(self, output: str, batch: Batch, measured: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        """Return an output of the graph for a batch; arguments as in `SparseRunner.run`."""
        rows, size_factor = batch
        X = dense(rows).astype(np.float32, copy=False)
        if measured is not None:
            X = np.where(measured, X, np.float32(np.nan))
        with self._lock:
            return run_session(self.session, self._name, output, {"X": X, "size_factor": size_factor})
