"""One modality's encoder: raw values in, embedding out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smile_runtime.errors import IntegrityError, QueryError
from smile_runtime.features import FeatureTable
from smile_runtime.manifest import EncoderRecord
from smile_runtime.matrix import Matrix, dense, sliceable
from smile_runtime.preprocessing import Preprocessing
from smile_runtime.session import Device, Precision, open_session

if TYPE_CHECKING:
    import onnxruntime

DEFAULT_BATCH_SIZE = 512


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
    """

    modality: str
    record: EncoderRecord
    features: FeatureTable
    graph: Path
    device: Device = "auto"
    precision: Precision = "float32"

    @cached_property
    def session(self) -> "onnxruntime.InferenceSession":
        """The ONNX Runtime session."""
        session = open_session(self.graph, self.device)
        widths = session.get_inputs()[0].shape[1], *(output.shape[1] for output in session.get_outputs())
        stated = self.record.n_features, self.record.n_latent, self.record.n_pseudo_types
        if widths != stated:
            raise IntegrityError(
                f"{self.graph} takes and gives {widths} numbers a cell, the manifest says {stated}; "
                "pull or build the space again"
            )
        return session

    @property
    def provider(self) -> str:
        """The execution provider that runs it: what ONNX Runtime chose, not what was asked for."""
        provider: str = self.session.get_providers()[0]
        return provider

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
            binarise=settings.binarise,
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
        measured: NDArray[np.bool_] | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> NDArray[np.float32]:
        """Embed cells.

        A cell's embedding does not depend on the cells beside it, nor on the batch size.

        Parameters
        ----------
        X
            Raw values in the encoder's feature order, dense or sparse, shape ``(n, n_features)``; NaN for a feature
            that was not measured.
        size_factor
            What each cell is multiplied by before the logarithm, shape ``(n,)`` or ``(n, 1)``; for counts
            ``target_sum / total``, the total taken over all features that were measured. None: 1, for values that
            already have that scale.
        measured
            Which features were measured in this data, shape ``(n_features,)``; None: all.
        batch_size
            Rows that run through the graph together.

        Returns
        -------
            L2-normalised embedding, float32, shape ``(n, n_latent)``, rows in the order of ``X``.

        Raises
        ------
        QueryError
            If a shape does not fit.
        DependencyError, DeviceError
            If ONNX Runtime, or the device, does not work.
        SpaceError
            If this ONNX Runtime cannot run the graph.
        """
        if measured is not None:
            X = dense(X).astype(np.float32)
            X[:, ~measured] = np.nan
        return self._run("embedding", self.record.n_latent, X, size_factor, batch_size)

    def pseudo_types(
        self,
        X: Matrix,
        size_factor: ArrayLike | None = None,
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> NDArray[np.float32]:
        """Return the probabilities of the K pseudo cell types, shape ``(n, K)``; arguments as `encode`."""
        return self._run("pseudo_type", self.record.n_pseudo_types, X, size_factor, batch_size)

    def _run(
        self,
        output: str,
        width: int,
        X: Matrix,
        size_factor: ArrayLike | None,
        batch_size: int,
    ) -> NDArray[np.float32]:
        matrix = sliceable(X)
        n = matrix.shape[0]
        if matrix.shape != (n, len(self.features)):
            raise QueryError(
                f"the {self.modality} encoder takes an array of shape (n, {len(self.features)}), got {matrix.shape}; "
                "bring the columns into the order of encoder.features.ids, or use smile_runtime.project"
            )
        if batch_size < 1:
            raise QueryError(f"batch_size is {batch_size}, it must be at least 1")
        factor = np.ones(n, np.float32) if size_factor is None else np.asarray(size_factor, np.float32)
        if factor.shape not in ((n,), (n, 1)) or not np.isfinite(factor).all():
            raise QueryError(f"size_factor has shape {factor.shape} for {n} rows; give one finite number for each row")
        factor = factor.reshape(n, 1)
        result = np.empty((n, width), np.float32)
        for start in range(0, n, batch_size):
            batch = slice(start, start + batch_size)
            inputs = {"X": dense(matrix[batch]).astype(np.float32, copy=False), "size_factor": factor[batch]}
            result[batch] = self.session.run([output], inputs)[0]
        return result
