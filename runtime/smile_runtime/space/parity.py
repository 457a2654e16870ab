"""Parity rows: cells stored with a space, and the embedding that torch computed for them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.encoder import CPU, Encoder
from smile_runtime.errors import IntegrityError

MAX_DIFFERENCE = 1e-5
MAX_COSINE_LOSS = 1e-4


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


def parity_difference(encoder: Encoder, path: Path) -> float:
    """Return the largest difference between torch's embedding of the parity rows and this machine's."""
    X, size_factor, expected = _read_parity(encoder, path)
    return float(np.abs(encoder.encode(X, size_factor) - expected).max())


def parity_cosine(encoder: Encoder, path: Path) -> float:
    """Return the lowest cosine between this machine's and torch's embedding of a parity row."""
    X, size_factor, expected = _read_parity(encoder, path)
    return float((encoder.encode(X, size_factor) * expected).sum(axis=1).min())


def sparse_parity_difference(encoder: Encoder, path: Path) -> float:
    """Return the largest difference as `parity_difference` does, with each row encoded alone as a sparse one."""
    from scipy import sparse  # imported with the first matrix, not with smile_runtime

    if encoder.sparse_runner is None:
        raise IntegrityError(f"the {encoder.modality} encoder has no files for sparse rows; build the space again")
    X, size_factor, expected = _read_parity(encoder, path)
    differences = []
    for row in range(len(X)):
        rows = sparse.csr_matrix(np.nan_to_num(X[row : row + 1]))
        embedding = encoder.sparse_runner.run("embedding", (rows, size_factor[row : row + 1]), ~np.isnan(X[row]))
        differences.append(np.abs(embedding[0] - expected[row]).max())
    return float(np.max(differences))


def require_parity(encoder: Encoder, path: Path) -> float:
    """Return the largest difference, or raise IntegrityError if it exceeds ``MAX_DIFFERENCE``."""
    return _required(parity_difference(encoder, path), f"the {encoder.modality} encoder", encoder.provider)


def require_sparse_parity(encoder: Encoder, path: Path) -> float:
    """Return the largest difference of sparse rows, or raise as `require_parity` does."""
    return _required(sparse_parity_difference(encoder, path), f"the {encoder.modality} encoder of sparse rows", CPU)


def _read_parity(encoder: Encoder, path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    try:
        rows = load_file(path)
        X, size_factor, expected = rows["X"], rows["size_factor"], rows["embedding"]
    except (SafetensorError, KeyError) as error:
        raise IntegrityError(f"{path} holds no parity rows: {error}; pull or build the space again") from error
    if len(X) == 0 or expected.shape != (len(X), encoder.record.n_latent):
        raise IntegrityError(
            f"{path} holds {len(X)} rows and embeddings of shape {expected.shape}; build the space again"
        )
    return X, size_factor, expected


def _required(difference: float, subject: str, provider: str) -> float:
    if not difference <= MAX_DIFFERENCE:
        raise IntegrityError(
            f"{subject} computes embeddings that differ from torch's by {difference:.2g} (limit {MAX_DIFFERENCE:g}) "
            f"with {provider}; report this, and use the CPU",
            options={"device": "cpu"},
        )
    return difference


def require_int8_parity(encoder: Encoder, path: Path) -> float:
    """Return the lowest cosine between the int8 graph's and torch's embedding.

    Raise IntegrityError if it is more than ``MAX_COSINE_LOSS`` below the value in the manifest. Integer arithmetic is
    exact; machines differ only in the rounding of the preceding logarithms.
    """
    assert encoder.record.int8
    stated, cosine = encoder.record.int8.parity_cosine, parity_cosine(encoder, path)
    if not cosine >= stated - MAX_COSINE_LOSS:
        raise IntegrityError(
            f"the {encoder.modality} encoder's int8 graph reaches a cosine of only {cosine:.5f} to torch's embedding, "
            f"but the manifest says {stated:.5f}; report this, and use float32",
            options={"precision": "float32"},
        )
    return cosine
