"""The reference of a space: the points that query cells are mapped onto."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from smile_runtime.errors import IntegrityError
from smile_runtime.io import Readable, read_tensors, require_finite
from smile_runtime.manifest import LabelColumn

_ARRAY_TYPES = {
    "embedding": np.float32,
    "weight": np.float32,
    "map": np.float32,
    "label": np.int64,
    "modality": np.int64,
}
_MAX_NORM_ERROR = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class Reference:
    """Points of a space: landmarks that each stand for several cells, or the cells themselves.

    Attributes
    ----------
    embedding
        L2-normalized embedding of the points, shape ``(m, n_latent)``.
    weight
        Number of cells that each point stands for, shape ``(m,)``.
    map
        Coordinates of each point on the map, shape ``(m, 2)``.
    label
        Label ids, indices into the labels of each of ``label_columns``, shape ``(m, n_columns)``; -1 for none, in
        further columns than the primary one.
    modality
        Modality id of each point, an index into ``modalities``, shape ``(m,)``.
    label_columns
        Descriptions of the columns of ``label``, the primary one first; empty for a reference without labels.
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

    def select_modalities(self, modalities: Iterable[str]) -> "Reference":
        """Return only the points that the given modalities measured."""
        ids = [self.modalities.index(name) for name in modalities]
        return self.select_points(np.flatnonzero(np.isin(self.modality, ids)))

    def select_points(self, rows: NDArray[np.integer]) -> "Reference":
        """Return only the points in the given rows."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _ARRAY_TYPES})

    @classmethod
    def concatenate(cls, parts: Sequence["Reference"]) -> "Reference":
        """Concatenate references with the same label columns and modalities."""
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAY_TYPES}
        return cls(**arrays, label_columns=parts[0].label_columns, modalities=parts[0].modalities)


def write_points(reference: Reference, path: Path) -> None:
    """Write the arrays of a reference as safetensors; label and modality names are in the manifest."""
    path.write_bytes(save({name: np.ascontiguousarray(getattr(reference, name)) for name in _ARRAY_TYPES}))


def read_points(file: Readable, label_columns: tuple[LabelColumn, ...], modalities: tuple[str, ...]) -> Reference:
    """Read a reference written by `write_points`.

    Raises
    ------
    IntegrityError
        If an array is missing or invalid.
    """
    arrays = read_tensors(file, _ARRAY_TYPES, "reference")
    _require_shapes(arrays, len(label_columns), file)
    require_finite(file, **{name: arrays[name] for name in ("embedding", "weight", "map")})
    reference = Reference(**arrays, label_columns=label_columns, modalities=modalities)
    if len(reference) == 0 or not (reference.weight > 0).all():
        raise IntegrityError(f"{file} holds points without cells; pull or build the space again")
    _require_unit_norms(reference.embedding, file)
    _require_labels(reference, file)
    if not _are_valid(reference.modality, len(modalities)):
        raise IntegrityError(f"{file} holds points of an unknown modality; pull or build the space again")
    return reference


def _require_shapes(arrays: dict[str, NDArray[Any]], n_columns: int, file: Readable) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    m, n_latent = (*shapes["embedding"], 0, 0)[:2]
    stated = {"embedding": (m, n_latent), "weight": (m,), "map": (m, 2), "label": (m, n_columns), "modality": (m,)}
    if shapes != stated:
        raise IntegrityError(
            f"{file} holds arrays of unequal length or other shapes than {stated}: {shapes}; pull or build the space "
            "again"
        )


def _require_unit_norms(embedding: NDArray[np.float32], file: Readable) -> None:
    norms = np.linalg.norm(embedding, axis=1)
    farthest = int(np.abs(norms - 1).argmax())
    if not abs(norms[farthest] - 1) <= _MAX_NORM_ERROR:
        raise IntegrityError(
            f"{file} holds an embedding of length {norms[farthest]:.4g}, but each is a unit vector; pull or build the "
            "space again"
        )


def _require_labels(reference: Reference, file: Readable) -> None:
    """Raise unless every point has a primary label, and its labels lie within those of the next coarser columns."""
    index_of = {column.name: index for index, column in enumerate(reference.label_columns)}
    for column, ids in zip(reference.label_columns, reference.label.T, strict=True):
        primary = column is reference.label_columns[0]
        if not _are_valid(ids, len(column.labels), lowest=0 if primary else -1):
            raise IntegrityError(
                f"{file} holds points without a label of {column.name!r}; pull or build the space again"
            )
        if column.within is None:
            continue
        if (np.array([*column.parents, -1])[ids] != reference.label[:, index_of[column.within]]).any():
            raise IntegrityError(
                f"{file} holds labels of {column.name!r} outside of their {column.within!r}; "
                "pull or build the space again"
            )


def _are_valid(ids: NDArray[np.int64], n: int, lowest: int = 0) -> bool:
    """Return whether all ids are from the lowest to ``n - 1``."""
    return bool(lowest <= ids.min() <= ids.max() < n)
