"""The encoder of one modality: raw values in, embedding out."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.arrays import Matrix, as_matrix, is_sparse, measured_sparse, stored_values
from smile_runtime.encoder.arguments import require_positive, validate_measured, validate_size_factor
from smile_runtime.encoder.dense_runner import DenseRunner
from smile_runtime.encoder.device import may_use_cuda, open_session, uses_cuda
from smile_runtime.encoder.first_layer import read_first_layer
from smile_runtime.encoder.preprocessing import Preprocessing
from smile_runtime.encoder.sparse_density import is_sparse_enough
from smile_runtime.encoder.sparse_runner import Removals, SparseRunner
from smile_runtime.errors import IntegrityError, QueryError, SpaceError
from smile_runtime.features import FeatureTable
from smile_runtime.io import Readable, default_threads, run_in_threads
from smile_runtime.manifest import Device, EncoderRecord, Precision

if TYPE_CHECKING:
    from smile_runtime.encoder.session import InferenceSession

logger = logging.getLogger(__name__)

DEFAULT_BATCH_SIZE = 512
_MIN_ROWS_PER_THREAD = 64
_opening = Lock()  # shared by all encoders, because an encoder with a lock of its own could not be pickled


@dataclass(frozen=True)
class SparseFiles:
    """Files of an encoder for sparse rows, whose contents the manifest's `SparseRecord` describes."""

    first: Readable
    trunk: Readable


@dataclass(eq=False, kw_only=True, repr=False)
class Encoder:
    """An encoder of a space. ONNX Runtime is loaded by the first call that needs it.

    Attributes
    ----------
    modality
        Name of the encoded modality, such as ``rna``.
    record
        Manifest record of the encoder.
    features
        Features of the encoder, in the order of its input.
    graph
        ONNX file of the whole graph.
    device
        Requested device.
    precision
        Precision of the graph.
    sparse
        Files for sparse rows; None to make them dense.
    """

    modality: str
    record: EncoderRecord
    features: FeatureTable
    graph: Readable
    device: Device = "auto"
    precision: Precision = "float32"
    sparse: SparseFiles | None = None
    _last_runner: DenseRunner | SparseRunner | None = field(default=None, init=False, repr=False)

    def __repr__(self) -> str:
        settings = self.record.preprocessing
        return "\n".join(
            (
                f"Encoder {self.modality}",
                f"  features: {self.record.n_features:,}, such as {self.features.ids[0]}",
                f"  embedding: {self.record.n_latent} dimensions",
                f"  values: {settings.values}"
                + (f", scaled to {settings.target_sum:g}" if settings.target_sum else ""),
                f"  graph: {self.graph} ({self.precision}), device {self.device}",
            )
        )

    @cached_property
    def session(self) -> "InferenceSession":
        """ONNX Runtime session of the whole graph."""
        return self._open(self.graph, self.device, {"X": self.record.n_features, "size_factor": 1})

    def _open(self, graph: Readable, device: Device, inputs: dict[str, int]) -> "InferenceSession":
        session = open_session(graph, device)
        outputs = {"embedding": self.record.n_latent, "pseudo_type": self.record.n_pseudo_types}
        stated = [(name, "tensor(float)", width) for name, width in (inputs | outputs).items()]
        values = [*session.get_inputs(), *session.get_outputs()]
        found = [(value.name, value.type, *value.shape[1:]) for value in values]
        if found != stated or any(isinstance(value.shape[0], int) for value in values):
            raise IntegrityError(
                f"{graph} has inputs and outputs {found}, the manifest says {stated}; pull or build the space again"
            )
        return session

    @property
    def provider(self) -> str:
        """Execution provider that ONNX Runtime chose, whatever was requested."""
        session = self.session if self._last_runner is None else self._last_runner.session
        provider: str = session.get_providers()[0]
        return provider

    @cached_property
    def dense_runner(self) -> DenseRunner:
        """Runner of rows of any kind through the whole graph."""
        return DenseRunner(self.session, str(self.graph))

    @cached_property
    def sparse_runner(self) -> SparseRunner | None:
        """Runner of sparse rows on the CPU; None if the space has no files for it."""
        if self.sparse is None or not self.record.sparse:
            return None
        layer = read_first_layer(self.sparse.first, self.features, self.record.sparse.width)
        open_trunk = partial(self._open, self.sparse.trunk, "cpu", {"first": layer.width})
        return SparseRunner(self.preprocessing, layer, open_trunk, str(self.sparse.trunk))

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """Fitted preprocessing, which is also part of the graph."""
        return Preprocessing.from_record(self.record.preprocessing, self.features)

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

        Sparse rows stay sparse if that is faster. A cell's embedding depends neither on that nor on other cells, the
        batch size or the number of threads.

        Parameters
        ----------
        X
            Raw values in the encoder's feature order, dense or sparse, shape ``(n, n_features)``; NaN for missing
            values.
        size_factor
            Factor of each cell before the logarithm, shape ``(n,)`` or ``(n, 1)``; for counts ``target_sum / total``,
            with the total over all measured features, and 1 for values that are already scaled. Required if the
            preprocessing has a ``target_sum``.
        measured
            Whether each feature was measured at all, shape ``(n_features,)``, bool; None if all were. The columns of
            missing features must be empty in sparse rows, and are ignored in dense rows.
        batch_size
            Maximum number of rows that pass through the graph at once.
        n_threads
            Number of threads on the CPU; None for one per available core, up to ``OMP_NUM_THREADS``.

        Returns
        -------
            L2-normalized embedding, float32, shape ``(n, n_latent)``, in the row order of ``X``.

        Raises
        ------
        QueryError
            If a shape is wrong, sparse rows have values of missing features, or a required ``size_factor`` is missing.
        DependencyError, DeviceError
            If ONNX Runtime or the device does not work.
        SpaceError
            If ONNX Runtime cannot run the graph.
        """
        return self._encode(X, size_factor, measured, batch_size, n_threads, None)

    def encode_with_components(
        self,
        X: Matrix,
        size_factor: ArrayLike | None = None,
        *,
        measured: ArrayLike | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        n_threads: int | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embed cells, and return their components, too: the outputs of the first linear map.

        Parameters
        ----------
        X, size_factor, measured, batch_size, n_threads
            As in `encode`.

        Returns
        -------
            The embedding, and the components, float32, shape ``(n, width)``.

        Raises
        ------
        SmileError
            As `encode`.
        """
        assert self.record.sparse  # a space with profiles has the first map
        components = np.empty((as_matrix(X).shape[0], self.record.sparse.width), np.float32)
        return self._encode(X, size_factor, measured, batch_size, n_threads, components), components

    def encode_without_each(
        self,
        X: Matrix,
        size_factor: ArrayLike | None = None,
        *,
        measured: ArrayLike | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> tuple[NDArray[np.float32], Iterator[Removals]]:
        """Embed cells on one thread of the CPU, and again without each of their features, one feature at a time.

        A feature is set to zero before centering; factors of the whole cell, such as its size factor or its TF-IDF
        norm, stay those of the cell with all its features. Features that are zero anyway are left out.

        Parameters
        ----------
        X, size_factor, measured
            As in `encode`, all cells at once; features that were measured may not be NaN.
        batch_size
            Maximum number of rows that pass through the trunk at once; affects speed, not results.

        Returns
        -------
            The embedding, and an iterator over embeddings without a feature, ordered by cell.

        Raises
        ------
        SpaceError
            If the encoder has no files for sparse rows, from which a feature can be removed.
        SmileError
            As `encode`; also if a measured feature is NaN.
        """
        require_positive(batch_size=batch_size)
        batch, mask = self._removable(X, size_factor, measured)
        return self._removing_runner().run_without_each(batch, mask, batch_size)

    def encode_without(
        self,
        X: Matrix,
        features: ArrayLike,
        size_factor: ArrayLike | None = None,
        *,
        measured: ArrayLike | None = None,
    ) -> NDArray[np.float32]:
        """Embed cells on one thread of the CPU, without a group of features.

        The features are set to zero before centering, all together; factors of the whole cell stay as they are, as in
        `encode_without_each`.

        Parameters
        ----------
        X, size_factor, measured
            As in `encode_without_each`.
        features
            Indices of the features, shape ``(n_removed,)``.

        Returns
        -------
            L2-normalized embedding, float32, shape ``(n, n_latent)``.

        Raises
        ------
        SmileError
            As `encode_without_each`.
        """
        batch, mask = self._removable(X, size_factor, measured)
        return self._removing_runner().run_without(batch, mask, np.asarray(features, np.intp))

    def _removable(
        self, X: Matrix, size_factor: ArrayLike | None, measured: ArrayLike | None
    ) -> tuple[tuple[Matrix, NDArray[np.float32]], NDArray[np.bool_] | None]:
        """Return validated sparse rows, their size factors and the mask of measured features."""
        matrix, factor, mask = self._validate(X, size_factor, measured)
        rows = matrix if mask is None or is_sparse(matrix) else np.where(mask, matrix, matrix.dtype.type(0))
        if np.isnan(stored_values(rows)).any():
            raise QueryError(
                f"values are missing (NaN) in features that other cells measured; the {self.modality} encoder can "
                "leave features out only of cells that measured the same ones: drop these cells or features"
            )
        return (measured_sparse(rows), factor), mask

    def _removing_runner(self) -> SparseRunner:
        """Return the runner of sparse rows, from which features can be left out; raise SpaceError without one."""
        with _opening:
            runner = self.sparse_runner
        if runner is None:
            raise SpaceError(
                f"the {self.modality} encoder takes {self.record.preprocessing.values} and has no sparse first layer, "
                "which is needed to leave features out one at a time; use an encoder of another modality"
            )
        return runner

    def _validate(
        self, X: Matrix, size_factor: ArrayLike | None, measured: ArrayLike | None
    ) -> tuple[Matrix, NDArray[np.float32], NDArray[np.bool_] | None]:
        """Return validated rows, their size factors and the mask of measured features, as `encode` documents them."""
        matrix = as_matrix(X)
        n, n_features = matrix.shape[0], len(self.features)
        if matrix.shape != (n, n_features):
            raise QueryError(
                f"the {self.modality} encoder takes an array of shape (n, {n_features}), got {matrix.shape}; "
                "bring the columns into the order of encoder.features.ids, or use smile_runtime.project"
            )
        if size_factor is None and (target := self.record.preprocessing.target_sum) is not None:
            raise QueryError(
                f"the {self.modality} encoder scales each cell to {target:g}, so it needs size_factor: {target:g} / "
                "the cell's total over all its features (1 if already scaled), and measured, unless all features "
                "were; Space.project_arrays computes both"
            )
        return matrix, validate_size_factor(size_factor, n), validate_measured(measured, matrix)

    def _encode(
        self,
        X: Matrix,
        size_factor: ArrayLike | None,
        measured: ArrayLike | None,
        batch_size: int,
        n_threads: int | None,
        components: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """Embed cells, as `encode`, and write their components unless None, as `encode_with_components`."""
        matrix, factor, mask = self._validate(X, size_factor, measured)
        n = matrix.shape[0]
        n_threads = default_threads() if n_threads is None else n_threads
        require_positive(batch_size=batch_size, n_threads=n_threads)
        runner = self._runner(matrix)
        n_threads = 1 if uses_cuda(runner.session) else n_threads
        batch = min(batch_size, max(_MIN_ROWS_PER_THREAD, -(-n // n_threads)))
        embedding = np.empty((n, self.record.n_latent), np.float32)

        def fill(start: int) -> None:
            rows = slice(start, min(start + batch, n))
            if components is None:
                embedding[rows] = runner.run("embedding", (matrix[rows], factor[rows]), mask)
            elif isinstance(runner, SparseRunner):
                components[rows] = runner.run_first_layer((matrix[rows], factor[rows]), mask)
                embedding[rows] = runner.run_trunk("embedding", components[rows])
            else:
                assert self.sparse_runner is not None
                embedding[rows] = runner.run("embedding", (matrix[rows], factor[rows]), mask)
                sparse = measured_sparse(matrix[rows])
                components[rows] = self.sparse_runner.run_first_layer((sparse, factor[rows]), mask)

        run_in_threads(fill, range(0, n, batch), n_threads)
        return embedding

    def _runner(self, matrix: Matrix) -> DenseRunner | SparseRunner:
        """Choose the faster runner, opened by one thread only, and log if it is not the last one."""
        with _opening:
            sparse = self.sparse_runner if self._stays_sparse(matrix) else None
            runner = self.dense_runner if sparse is None else sparse
            if runner is not self._last_runner:
                logger.info("cells go through the %s encoder %s", self.modality, runner)
                self._last_runner = runner
        return runner

    def _stays_sparse(self, matrix: Matrix) -> bool:
        """Return whether the rows are sparse enough, without NaN, and run on the CPU."""
        if self.sparse is None or not self.record.sparse or self.precision != "float32":
            return False
        if not is_sparse(matrix) or not is_sparse_enough(matrix, self.record.sparse.width):
            return False
        if np.isnan(matrix.data).any():
            return False
        return not may_use_cuda(self.device) or not uses_cuda(self.session)
