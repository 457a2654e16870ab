"""The reference of a space: the points that query cells are compared with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smile_runtime.errors import IntegrityError
from smile_runtime.manifest import LabelColumn

_ARRAYS = ("embedding", "weight", "map", "label", "modality")


@dataclass(frozen=True, eq=False)
class Reference:
    """Points of a space: landmarks that stand for several cells each, or the cells themselves.

    Attributes
    ----------
    embedding
        L2-normalized, shape ``(m, n_latent)``.
    weight
        Cells that each point stands for, shape ``(m,)``.
    map
        Position of each point on the map, shape ``(m, 2)``.
    label
        Label ids, shape ``(m, n_columns)``: places in the labels of each of ``label_columns``.
    modality
        Modality ids of what each point was measured by, shape ``(m,)``: places in ``modalities``.
    label_columns
        What the columns of ``label`` are, the primary one first; empty where the reference has no labels.
    modalities
        Names of the modalities.
    """

    embedding: NDArray[np.float32]
    weight: NDArray[np.float32]
    map: NDArray[np.float32]
    label: NDArray[np.int64]
    modality: NDArray[np.int64]
    label_columns: tuple[LabelColumn, ...]
    modalities: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.embedding)

    def of(self, modalities: Iterable[str]) -> "Reference":
        """Return the points that some modalities measured."""
        wanted = [self.modalities.index(name) for name in modalities]
        kept = np.isin(self.modality, wanted)
        arrays = {name: getattr(self, name)[kept] for name in _ARRAYS}
        return Reference(**arrays, label_columns=self.label_columns, modalities=self.modalities)

    @classmethod
    def joined(cls, parts: Sequence["Reference"]) -> "Reference":
        """Return the points of several references, of the same labels and modalities, as one."""
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
        return cls(**arrays, label_columns=parts[0].label_columns, modalities=parts[0].modalities)


def write_points(reference: Reference, path: Path) -> None:
    """Write the points of a reference, all but the names, as safetensors."""
    path.write_bytes(save({name: np.ascontiguousarray(getattr(reference, name)) for name in _ARRAYS}))


def read_points(path: Path, label_columns: tuple[LabelColumn, ...], modalities: tuple[str, ...]) -> Reference:
    """Read what `write_points` wrote.

    Raises
    ------
    IntegrityError
        If an array is missing or of another shape.
    """
    try:
        arrays = load_file(path)
        reference = Reference(
            **{name: arrays[name] for name in _ARRAYS}, label_columns=label_columns, modalities=modalities
        )
    except (SafetensorError, KeyError) as error:
        raise IntegrityError(f"{path} holds no reference: {error}; pull or build the space again") from error
    m = len(reference)
    shapes = {name: arrays[name].shape for name in _ARRAYS[1:]}
    if shapes != {"weight": (m,), "map": (m, 2), "label": (m, len(label_columns)), "modality": (m,)}:
        raise IntegrityError(f"{path} holds arrays of unequal length; pull or build the space again")
    if m == 0 or not (reference.weight > 0).all():
        raise IntegrityError(f"{path} holds points without cells; pull or build the space again")
    _require_labels(reference, path)
    if not _within(reference.modality, len(modalities)):
        raise IntegrityError(f"{path} holds points of a modality that is not there; pull or build the space again")
    return reference


def _require_labels(reference: Reference, path: Path) -> None:
    """Refuse points without a label in every column, or with labels that do not lie within one another."""
    places = {column.name: place for place, column in enumerate(reference.label_columns)}
    for column, ids in zip(reference.label_columns, reference.label.T, strict=True):
        if not _within(ids, len(column.labels)):
            raise IntegrityError(
                f"{path} holds points without a label of {column.name!r}; pull or build the space again"
            )
        if column.within is None:
            continue
        if (np.array(column.parents)[ids] != reference.label[:, places[column.within]]).any():
            raise IntegrityError(
                f"{path} holds labels of {column.name!r} outside of their {column.within!r}; "
                "pull or build the space again"
            )


def _within(ids: NDArray[np.int64], n: int) -> bool:
    return bool(0 <= ids.min() <= ids.max() < n)
