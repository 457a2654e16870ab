"""Parity: the rows that travel with a space, and what torch made of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.encoder import CPU, Encoder
from smile_runtime.errors import IntegrityError

TOLERANCE = 1e-5
COSINE_TOLERANCE = 1e-4


def write_parity(
    path: Path, X: NDArray[np.float32], size_factor: NDArray[np.float32], embedding: NDArray[np.float32]
) -> None:
    """Write raw values, size factors, and the embedding that torch gave for them."""
    path.write_bytes(save({"X": X, "size_factor": size_factor, "embedding": embedding}))


def parity_difference(encoder: Encoder, path: Path) -> float:
    """Return the largest difference between torch's embedding of the parity rows and this machine's.

    Raises
    ------
    IntegrityError
        If the file holds no such rows.
    """
    X, size_factor, expected = _read_parity(encoder, path)
    return float(np.abs(encoder.encode(X, size_factor) - expected).max())


def parity_cosine(encoder: Encoder, path: Path) -> float:
    """Return the lowest cosine of a parity row's embedding here to torch's; errors as `parity_difference`."""
    X, size_factor, expected = _read_parity(encoder, path)
    return float((encoder.encode(X, size_factor) * expected).sum(axis=1).min())


def sparse_parity_difference(encoder: Encoder, path: Path) -> float:
    """Return the same, of each row alone as a sparse one, without the features that it lacks.

    Raises
    ------
    IntegrityError
        If the file holds no such rows, or the encoder takes no sparse ones.
    """
    from scipy import sparse  # at the first matrix, not at `import smile_runtime`

    if encoder.sparse_path is None:
        raise IntegrityError(f"the {encoder.modality} encoder has no files for sparse rows; build the space again")
    X, size_factor, expected = _read_parity(encoder, path)
    differences = []
    for row in range(len(X)):
        rows = sparse.csr_matrix(np.nan_to_num(X[row : row + 1]))
        embedding = encoder.sparse_path.run("embedding", (rows, size_factor[row : row + 1]), ~np.isnan(X[row]))
        differences.append(np.abs(embedding[0] - expected[row]).max())
    return float(np.max(differences))


def require_parity(encoder: Encoder, path: Path) -> float:
    """Return the largest difference, or refuse one above ``TOLERANCE``.

    Raises
    ------
    IntegrityError
        If this machine's embedding differs by more.
    """
    return _required(parity_difference(encoder, path), f"the {encoder.modality} encoder", encoder.provider)


def require_sparse_parity(encoder: Encoder, path: Path) -> float:
    """Return the largest difference of sparse rows, or refuse one above ``TOLERANCE``, as `require_parity`."""
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


def _required(difference: float, what: str, provider: str) -> float:
    if not difference <= TOLERANCE:
        raise IntegrityError(
            f"{what} gives embeddings that differ from torch's by {difference:.2g} "
            f"(at most {TOLERANCE:g} is allowed) with {provider}; report this, and use --device cpu"
        )
    return difference


def require_int8_parity(encoder: Encoder, path: Path) -> float:
    """Return the lowest cosine to torch's embedding of an encoder's int8 graph, or refuse one lower than at export.

    Integers are multiplied and added exactly: what differs between machines is the rounding of the logarithms before.

    Raises
    ------
    IntegrityError
        If it is more than ``COSINE_TOLERANCE`` below what the manifest states.
    """
    assert encoder.record.int8
    stated, cosine = encoder.record.int8.parity_cosine, parity_cosine(encoder, path)
    if not cosine >= stated - COSINE_TOLERANCE:
        raise IntegrityError(
            f"the {encoder.modality} encoder's int8 graph gives embeddings of cosine {cosine:.5f} to torch's, the "
            f"manifest says {stated:.5f}; report this, and use --precision float32"
        )
    return cosine
