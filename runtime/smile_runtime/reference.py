"""The reference of a space: the points that query cells are compared with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.errors import IntegrityError


@dataclass(frozen=True, eq=False)
class Reference:
    """Points of a space: landmarks that stand for several cells each, or the cells themselves.

    Attributes
    ----------
    embedding
        L2-normalised, shape ``(m, n_latent)``.
    weight
        Cells that each point stands for, shape ``(m,)``.
    map
        Position of each point on the map, shape ``(m, 2)``.
    label
        Label ids, shape ``(m,)``: places in ``labels``; empty ``labels`` where the reference has none.
    labels
        Label names.
    """

    embedding: NDArray[np.float32]
    weight: NDArray[np.float32]
    map: NDArray[np.float32]
    label: NDArray[np.int64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.embedding)


def write_points(reference: Reference, path: Path) -> None:
    """Write the points of a reference, all but the label names, as safetensors."""
    arrays = {
        "embedding": reference.embedding,
        "weight": reference.weight,
        "map": reference.map,
        "label": reference.label,
    }
    path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def read_points(path: Path, labels: tuple[str, ...]) -> Reference:
    """Read what `write_points` wrote.

    Raises
    ------
    IntegrityError
        If an array is missing or of another shape.
    """
    try:
        arrays = load_file(path)
        reference = Reference(arrays["embedding"], arrays["weight"], arrays["map"], arrays["label"], labels)
    except (SafetensorError, KeyError) as error:
        raise IntegrityError(f"{path} holds no reference: {error}; pull or build the space again") from error
    m = len(reference)
    ids = reference.label
    if not (reference.weight.shape == reference.label.shape == (m,) and reference.map.shape == (m, 2)):
        raise IntegrityError(f"{path} holds arrays of unequal length; pull or build the space again")
    if m == 0 or not (reference.weight > 0).all() or (labels and not (0 <= ids.min() <= ids.max() < len(labels))):
        raise IntegrityError(f"{path} holds points without cells or label; pull or build the space again")
    return reference
