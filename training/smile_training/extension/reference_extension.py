"""The reference of a space with the points and profiles of added cells."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder
from smile_runtime.manifest import ReferenceRecord
from smile_runtime.mapping import LabelProfiles, Reference
from smile_runtime.projection import reference_mapper
from smile_runtime.space import Space
from smile_training.data import Cells, Dataset
from smile_training.model import FrozenEncoder
from smile_training.recipe import Reference as ReferenceSettings
from smile_training.reference import build_reference, extend_label_profiles

MAX_ADDED_LANDMARKS = 1000
"""More take k-means minutes: 23 s for 1,000 of 6,000 cells, in each of six fits, on one core."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferenceExtension:
    """Added cells that are embedded and placed on the map, some or all of which join a reference.

    Attributes
    ----------
    space
        Space that is extended.
    cells
        Added cells with the extended label columns.
    encoder
        Encoder of the cells.
    embedding
        Embedding of the cells, shape ``(n_cells, n_latent)``.
    position
        Position of the cells on the map of the space, shape ``(n_cells, 2)``.
    nearest
        Primary label ids that the space itself gives the cells, shape ``(n_cells,)``.
    seed
        Seed of the landmarks.
    """

    space: Space
    cells: Cells
    encoder: FrozenEncoder
    embedding: NDArray[np.float32]
    position: NDArray[np.float32]
    nearest: NDArray[np.int32]
    seed: int

    @classmethod
    def of(cls, space: Space, cells: Cells, encoder: Encoder) -> "ReferenceExtension":
        """Embed cells with an encoder of the space, and place them as a projection does."""
        profiles = space.profiles(encoder.modality)
        frozen = FrozenEncoder(encoder, has_components=profiles is not None and profiles.has_axes)
        embedding, _ = frozen.embed_with_components(cells)
        mapper = replace(reference_mapper(space, encoder.modality, 0.0), profiles=None)
        records = mapper.map(embedding)
        return cls(
            space=space,
            cells=cells,
            encoder=frozen,
            embedding=embedding,
            position=records["map"],
            nearest=records["nearest"][:, 0],
            seed=int(space.manifest.recipe.get("seed", 0)),
        )

    def points(self, rows: NDArray[np.intp]) -> Reference:
        """Return the points of the space and those of some added cells, which stand for about as many cells each."""
        cells, modality = self.cells.subset(rows), self.encoder.encoder.modality
        columns = tuple(labels.column for labels in self.cells.columns)
        former = replace(self.space.reference, label_columns=columns)
        added = build_reference(
            Dataset({modality: cells}),
            {modality: self.embedding[rows]},
            _settings(self.space.manifest.reference, former.select_modalities([modality]), len(rows)),
            self.seed,
            {modality: self.position[rows]},
        )
        own = np.full(len(added), former.modalities.index(modality))
        return Reference.concatenate([former, replace(added, modality=own, modalities=former.modalities)])

    def profiles(self, rows: NDArray[np.intp]) -> LabelProfiles | None:
        """Return the profiles of the space and those of the new labels of some added cells; None if it has none."""
        former = self.space.profiles(self.encoder.encoder.modality)
        if former is None:
            return None
        return extend_label_profiles(former, self.encoder.align_features(self.cells.subset(rows)), self.encoder)

    def __call__(self, rows: NDArray[np.intp]) -> tuple[Reference, LabelProfiles | None]:
        """Return the points and the profiles with some of the added cells."""
        return self.points(rows), self.profiles(rows)


def _settings(record: ReferenceRecord, former: Reference, n_cells: int) -> ReferenceSettings:
    """Return settings that give points of as many cells each as the former ones."""
    n_landmarks = round(n_cells * len(former) / float(former.weight.sum()))
    return ReferenceSettings(kind=record.kind, n_landmarks=min(max(1, n_landmarks), MAX_ADDED_LANDMARKS))
