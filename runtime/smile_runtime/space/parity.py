"""Parity rows: cells stored with a space, and the embedding that torch computed for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from smile_runtime.encoder import CPU, Encoder
from smile_runtime.errors import IntegrityError
from smile_runtime.io import Readable, read_tensors, require_finite

MAX_DIFFERENCE = 1e-5
MAX_COSINE_LOSS = 1e-4
_ARRAY_TYPES = {"X": np.float32, "size_factor": np.float32, "embedding": np.float32}


def write_parity(
    path: Path, X: NDArray[np.float32], size_factor: NDArray[np.float32], embedding: NDArray[np.float32]
) -> None:
    """Write the parity rows of an encoder.

    Parameters
    ----------
    path
        File to write.
    X
        Raw values, shape ``(n, n_features)``; NaN if not measured.
    size_factor
        Size factor of each row, shape ``(n, 1)``.
    embedding
        Embedding that torch computed, shape ``(n, n_latent)``.
    """
    path.write_bytes(save({"X": X, "size_factor": size_factor, "embedding": embedding}))


def parity_difference(encoder: Encoder, file: Readable) -> float:
    """Return the largest difference between torch's embedding of the parity rows and this machine's."""
    X, size_factor, expected = _read_parity(encoder, file)
    return float(np.abs(_embedding(encoder, X, size_factor) - expected).max())


def _embedding(encoder: Encoder, X: NDArray[np.float32], size_factor: NDArray[np.float32]) -> NDArray[np.float32]:
    return encoder.dense_runner.run("embedding", (X, size_factor), None)


def parity_cosine(encoder: Encoder, file: Readable) -> float:
    """Return the lowest cosine between this machine's and torch's embedding of a parity row."""
    X, size_factor, expected = _read_parity(encoder, file)
    return float((_embedding(encoder, X, size_factor) * expected).sum(axis=1).min())


def sparse_parity_difference(encoder: Encoder, file: Readable) -> float:
    """Return the largest difference as `parity_difference` does, with each row encoded alone as a sparse one."""
    from scipy import sparse  # imported with the first matrix, not with smile_runtime

    if encoder.sparse_runner is None:
        raise IntegrityError(f"the {encoder.modality} encoder has no files for sparse rows; build the space again")
    X, size_factor, expected = _read_parity(encoder, file)
    differences = []
    for row in range(len(X)):
        rows = sparse.csr_matrix(np.nan_to_num(X[row : row + 1]))
        embedding = encoder.sparse_runner.run("embedding", (rows, size_factor[row : row + 1]), ~np.isnan(X[row]))
        differences.append(np.abs(embedding[0] - expected[row]).max())
    return float(np.max(differences))


def require_parity(encoder: Encoder, file: Readable) -> float:
    """Return the largest difference, or raise IntegrityError if it exceeds ``MAX_DIFFERENCE``."""
    return _required(parity_difference(encoder, file), f"the {encoder.modality} encoder", encoder.provider)


def require_sparse_parity(encoder: Encoder, file: Readable) -> float:
    """Return the largest difference of sparse rows, or raise as `require_parity` does."""
    return _required(sparse_parity_difference(encoder, file), f"the {encoder.modality} encoder of sparse rows", CPU)


def _read_parity(
    encoder: Encoder, file: Readable
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    rows = read_tensors(file, _ARRAY_TYPES, "parity rows")
    X, size_factor, expected = (rows[name] for name in _ARRAY_TYPES)
    n, record = len(np.atleast_1d(X)), encoder.record
    shapes = {name: array.shape for name, array in rows.items()}
    if n == 0 or shapes != {"X": (n, record.n_features), "size_factor": (n, 1), "embedding": (n, record.n_latent)}:
        raise IntegrityError(
            f"{file} holds arrays of shapes {shapes}, for {record.n_features:,} features; build the space again"
        )
    require_finite(file, X=X[~np.isnan(X)], size_factor=size_factor, embedding=expected)
    return X, size_factor, expected


def _required(difference: float, subject: str, provider: str) -> float:
    if not difference <= MAX_DIFFERENCE:
        raise IntegrityError(
            f"{subject} computes embeddings that differ from torch's by {difference:.2g} (limit {MAX_DIFFERENCE:g}) "
            f"with {provider}; report this, and use the CPU",
            options={"device": "cpu"},
        )
    return difference


@dataclass(frozen=True)
class ParityCheck:
    """A comparison with torch that an encoder passed.

    Attributes
    ----------
    modality
        Modality of the encoder.
    rows
        How the rows were encoded: ``dense``, ``sparse`` or ``int8``.
    agreement
        Largest difference from torch's embedding; for ``int8`` the lowest cosine to it.
    provider
        Execution provider of ONNX Runtime.
    """

    modality: str
    rows: Literal["dense", "sparse", "int8"]
    agreement: float
    provider: str


def check_parity(encoder: Encoder, file: Readable) -> list[ParityCheck]:
    """Compare an encoder with torch in every way in which it encodes rows.

    Parameters
    ----------
    encoder
        Encoder of either precision.
    file
        File of its parity rows.

    Raises
    ------
    IntegrityError
        If a file of the encoder is invalid, or an embedding differs.
    """
    modality = encoder.modality
    if encoder.precision == "int8":
        return [ParityCheck(modality, "int8", require_int8_parity(encoder, file), CPU)]
    checks = [ParityCheck(modality, "dense", require_parity(encoder, file), encoder.provider)]
    if encoder.record.sparse:
        checks.append(ParityCheck(modality, "sparse", require_sparse_parity(encoder, file), CPU))
    return checks


def require_int8_parity(encoder: Encoder, file: Readable) -> float:
    """Return the lowest cosine between the int8 graph's and torch's embedding.

    Raise IntegrityError if it is more than ``MAX_COSINE_LOSS`` below the value in the manifest. Integer arithmetic is
    exact; machines differ only in the rounding of the preceding logarithms.
    """
    assert encoder.record.int8
    stated, cosine = encoder.record.int8.parity_cosine, parity_cosine(encoder, file)
    if not cosine >= stated - MAX_COSINE_LOSS:
        raise IntegrityError(
            f"the {encoder.modality} encoder's int8 graph reaches a cosine of only {cosine:.5f} to torch's embedding, "
            f"but the manifest says {stated:.5f}; report this, and use float32",
            options={"precision": "float32"},
        )
    return cosine
