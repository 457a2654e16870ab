"""Parity: the rows that travel with a space, and what torch made of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.encoder import Encoder
from smile_runtime.errors import IntegrityError

TOLERANCE = 1e-5


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
    try:
        rows = load_file(path)
        X, size_factor, expected = rows["X"], rows["size_factor"], rows["embedding"]
    except (SafetensorError, KeyError) as error:
        raise IntegrityError(f"{path} holds no parity rows: {error}; pull or build the space again") from error
    if len(X) == 0 or expected.shape != (len(X), encoder.record.n_latent):
        raise IntegrityError(
            f"{path} holds {len(X)} rows and embeddings of shape {expected.shape}; build the space again"
        )
    return float(np.abs(encoder.encode(X, size_factor) - expected).max())


def require_parity(encoder: Encoder, path: Path) -> float:
    """Return the largest difference, or refuse one above ``TOLERANCE``.

    Raises
    ------
    IntegrityError
        If this machine's embedding differs by more.
    """
    difference = parity_difference(encoder, path)
    if not difference <= TOLERANCE:
        raise IntegrityError(
            f"the {encoder.modality} encoder gives embeddings that differ from torch's by {difference:.2g} "
            f"(at most {TOLERANCE:g} is allowed) with {encoder.provider}; report this, and use --device cpu"
        )
    return difference
