"""The reference of a space: the points that query cells are compared with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.errors import IntegrityError

_ARRAYS = ("embedding", "weight", "map", "label", "modality")


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
    modality
        Modality ids of what each point was measured by, shape ``(m,)``: places in ``modalities``.
    labels
        Label names.
    modalities
        Names of the modalities.
    """

    embedding: NDArray[np.float32]
    weight: NDArray[np.float32]
    map: NDArray[np.float32]
    label: NDArray[np.int64]
    modality: NDArray[np.int64]
    labels: tuple[str, ...]
    modalities: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.embedding)

    def of(self, modalities: Iterable[str]) -> "Reference":
        """Return the points that some modalities measured."""
        wanted = [self.modalities.index(name) for name in modalities]
        kept = np.isin(self.modality, wanted)
        arrays = {name: getattr(self, name)[kept] for name in _ARRAYS}
        return Reference(**arrays, labels=self.labels, modalities=self.modalities)

    @classmethod
    def joined(cls, parts: Sequence["Reference"]) -> "Reference":
        """Return the points of several references, of the same labels and modalities, as one."""
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
        return cls(**arrays, labels=parts[0].labels, modalities=parts[0].modalities)


def write_points(reference: Reference, path: Path) -> None:
    """Write the points of a reference, all but the names, as safetensors."""
    path.write_bytes(save({name: np.ascontiguousarray(getattr(reference, name)) for name in _ARRAYS}))


def read_points(path: Path, labels: tuple[str, ...], modalities: tuple[str, ...]) -> Reference:
    """Read what `write_points` wrote.

    Raises
    ------
    IntegrityError
        If an array is missing or of another shape.
    """
    try:
        arrays = load_file(path)
        reference = Reference(**{name: arrays[name] for name in _ARRAYS}, labels=labels, modalities=modalities)
    except (SafetensorError, KeyError) as error:
        raise IntegrityError(f"{path} holds no reference: {error}; pull or build the space again") from error
    m = len(reference)
    shapes = {name: arrays[name].shape for name in _ARRAYS[1:]}
    if shapes != {"weight": (m,), "map": (m, 2), "label": (m,), "modality": (m,)}:
        raise IntegrityError(f"{path} holds arrays of unequal length; pull or build the space again")
    if m == 0 or not (reference.weight > 0).all() or (labels and not _within(reference.label, len(labels))):
        raise IntegrityError(f"{path} holds points without cells or label; pull or build the space again")
    if not _within(reference.modality, len(modalities)):
        raise IntegrityError(f"{path} holds points of a modality that is not there; pull or build the space again")
    return reference


def _within(ids: NDArray[np.int64], n: int) -> bool:
    return bool(0 <= ids.min() <= ids.max() < n)
