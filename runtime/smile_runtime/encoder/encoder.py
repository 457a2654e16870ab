"""One modality's encoder: raw values in, embedding out."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.arrays import Matrix, as_matrix, is_sparse
from smile_runtime.encoder.arguments import checked_factor, checked_mask, require_empty, require_positive
from smile_runtime.encoder.crossover import is_thin
from smile_runtime.encoder.dense_path import DensePath
from smile_runtime.encoder.first_layer import read_first_layer
from smile_runtime.encoder.preprocessing import Preprocessing
from smile_runtime.encoder.session import may_run_cuda, open_session, runs_on_cuda
from smile_runtime.encoder.sparse_path import SparsePath
from smile_runtime.errors import IntegrityError, QueryError
from smile_runtime.features import FeatureTable
from smile_runtime.io import default_threads, run_in_threads
from smile_runtime.manifest import Device, EncoderRecord, Precision

if TYPE_CHECKING:
    from smile_runtime.encoder.session import InferenceSession

logger = logging.getLogger(__name__)

DEFAULT_BATCH_SIZE = 512
_FEWEST = 64  # rows that are worth a thread
_opening = Lock()  # of no encoder, so that one that is not open yet can be pickled


@dataclass(frozen=True)
class SparseFiles:
    """The files by which sparse rows go through an encoder; the manifest's `SparseRecord` says what is in them."""

    first: Path
    trunk: Path


@dataclass(eq=False)
class Encoder:
    """An encoder of a space. ONNX Runtime is loaded at the first call that needs it.

    Attributes
    ----------
    modality
        What it encodes: ``rna``, ...
    record
        What the manifest says of it.
    features
        The features that it takes, in order.
    graph
        Its ONNX file.
    device
        Where it shall run.
    precision
        What its graph computes in.
    sparse
        Its files for sparse rows; None: they are made dense.
    """

    modality: str
    record: EncoderRecord
    features: FeatureTable
    graph: Path
    device: Device = "auto"
    precision: Precision = "float32"
    sparse: SparseFiles | None = None
    _last: DensePath | SparsePath | None = field(default=None, init=False, repr=False)

    @cached_property
    def session(self) -> "InferenceSession":
        """The ONNX Runtime session of the whole graph."""
        return self._open(self.graph, self.device, self.record.n_features)

    def _open(self, graph: Path, device: Device, n_inputs: int) -> "InferenceSession":
        session = open_session(graph, device)
        widths = session.get_inputs()[0].shape[1], *(output.shape[1] for output in session.get_outputs())
        stated = n_inputs, self.record.n_latent, self.record.n_pseudo_types
        if widths != stated:
            raise IntegrityError(
                f"{graph} takes and gives {widths} numbers a cell, the manifest says {stated}; "
                "pull or build the space again"
            )
        return session

    @property
    def provider(self) -> str:
        """The execution provider that runs it: what ONNX Runtime chose, not what was asked for."""
        session = self.session if self._last is None else self._last.session
        provider: str = session.get_providers()[0]
        return provider

    @cached_property
    def dense_path(self) -> DensePath:
        """The way that all rows can take: through the whole graph."""
        return DensePath(self.session)

    @cached_property
    def sparse_path(self) -> SparsePath | None:
        """The way of thin sparse rows, on the CPU; None where the space has none."""
        if self.sparse is None or not self.record.sparse:
            return None
        width = self.record.sparse.width
        layer = read_first_layer(self.sparse.first, self.features, width)
        return SparsePath(self.preprocessing, layer, self._open(self.sparse.trunk, "cpu", width))

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """The fitted preprocessing, as it also stands in the graph."""
        settings, table = self.record.preprocessing, self.features
        return Preprocessing(
            target_sum=settings.target_sum,
            log1p=settings.log1p,
            scaling=settings.scaling,
            mean=table.mean,
            std=table.std,
            binarize=settings.binarize,
            clr=settings.clr,
            idf=table.idf if settings.tfidf else None,
            band=table.band if settings.band_mean is not None else None,
            band_mean=None if settings.band_mean is None else np.array(settings.band_mean),
        )

    def encode(
        self,
        X: Matrix,
        size_factor: ArrayLike | None = None,
        *,
        measured: ArrayLike | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        n_threads: int | None = None,
    ) -> NDArray[np.float32]:
        """Embed cells.

        Sparse rows are not made dense where that is faster. A cell's embedding does not depend on that, nor on the
        cells beside it, the batch size or the threads.

        Parameters
        ----------
        X
            Raw values in the encoder's feature order, dense or sparse, shape ``(n, n_features)``; NaN for a value that
            was not measured.
        size_factor
            What each cell is multiplied by before the logarithm, shape ``(n,)`` or ``(n, 1)``; for counts
            ``target_sum / total``, the total taken over all features that were measured. None: 1, for values that
            already have that scale.
        measured
            Which features were measured at all, shape ``(n_features,)``, bool; sparse rows hold nothing of the others,
            and what dense rows hold of them is not looked at. None: all.
        batch_size
            Matrix that run through the graph together, at most.
        n_threads
            Threads that work at a time, on the CPU; None: one a core, or as many as OMP_NUM_THREADS says.

        Returns
        -------
            L2-normalized embedding, float32, shape ``(n, n_latent)``, rows in the order of ``X``.

        Raises
        ------
        QueryError
            If a shape does not fit, or sparse rows hold values of features that were not measured.
        DependencyError, DeviceError
            If ONNX Runtime, or the device, does not work.
        SpaceError
            If this ONNX Runtime cannot run the graph.
        """
        return self._run("embedding", self.record.n_latent, X, size_factor, measured, batch_size, n_threads)

    def pseudo_types(
        self,
        X: Matrix,
        size_factor: ArrayLike | None = None,
        *,
        measured: ArrayLike | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        n_threads: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the probabilities of the K pseudo cell types, shape ``(n, K)``; arguments as `encode`."""
        return self._run("pseudo_type", self.record.n_pseudo_types, X, size_factor, measured, batch_size, n_threads)

    def _run(
        self,
        output: str,
        width: int,
        X: Matrix,
        size_factor: ArrayLike | None,
        measured: ArrayLike | None,
        batch_size: int,
        n_threads: int | None,
    ) -> NDArray[np.float32]:
        matrix = as_matrix(X)
        n, n_features = matrix.shape[0], len(self.features)
        if matrix.shape != (n, n_features):
            raise QueryError(
                f"the {self.modality} encoder takes an array of shape (n, {n_features}), got {matrix.shape}; "
                "bring the columns into the order of encoder.features.ids, or use smile_runtime.project"
            )
        n_threads = default_threads() if n_threads is None else n_threads
        require_positive(batch_size=batch_size, n_threads=n_threads)
        factor = checked_factor(size_factor, n)
        mask = None if measured is None else checked_mask(measured, n_features)
        if mask is not None and is_sparse(matrix):
            require_empty(matrix, mask)
        path = self._path(matrix)
        n_threads = 1 if runs_on_cuda(path.session) else n_threads
        batch = min(batch_size, max(_FEWEST, -(-n // n_threads)))
        result = np.empty((n, width), np.float32)

        def fill(start: int) -> None:
            rows = slice(start, min(start + batch, n))
            result[rows] = path.run(output, (matrix[rows], factor[rows]), mask)

        run_in_threads(fill, range(0, n, batch), n_threads)
        return result

    def _path(self, matrix: Matrix) -> DensePath | SparsePath:
        """Choose the faster path for some rows, and say so where it is not the last one; one thread opens it."""
        with _opening:
            sparse = self.sparse_path if self._takes_sparse(matrix) else None
            path = self.dense_path if sparse is None else sparse
            if path is not self._last:
                logger.info("cells go through the %s encoder %s", self.modality, path)
                self._last = path
        return path

    def _takes_sparse(self, matrix: Matrix) -> bool:
        """Say whether rows are thin, without NaN, and not bound for CUDA."""
        if self.sparse is None or not self.record.sparse:
            return False
        if not is_sparse(matrix) or not is_thin(matrix, self.record.sparse.width):
            return False
        if np.isnan(matrix.data).any():
            return False
        return not may_run_cuda(self.device) or not runs_on_cuda(self.session)
