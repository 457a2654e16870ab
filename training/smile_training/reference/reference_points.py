"""The reference of a space, built from embedded cells."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import Reference
from smile_training.data import Dataset
from smile_training.recipe import Reference as ReferenceSettings
from smile_training.reference.landmarks import fit_landmarks


def build_reference(
    dataset: Dataset,
    embedding: Mapping[str, NDArray[np.float32]],
    settings: ReferenceSettings,
    seed: int,
    position: Mapping[str, NDArray[np.float32]] | None = None,
) -> Reference:
    """Build a reference of landmarks, or of all cells; unlabeled cells are left out if there are labels.

    Cells whose embedding is zero, for which no unit of the encoder is active, are left out: they resemble no cell.

    Parameters
    ----------
    dataset
        Reference cells.
    embedding
        Embedding of the cells by modality, each of shape ``(n, n_latent)``.
    settings
        Reference section of the recipe.
    seed
        Seed of the landmarks.
    position
        Map coordinates of the cells by modality, each of shape ``(n, 2)``; None if there is no map yet.
    """
    parts = []
    for index, (name, cells) in enumerate(dataset.cells.items()):
        placed = embedding[name].any(axis=1)
        kept = np.flatnonzero(placed & (cells.labels >= 0) if dataset.label_names else placed)
        rows = slice(None) if len(kept) == len(cells) else kept  # without a copy of all cells
        whole = Reference(
            embedding=embedding[name][rows],
            weight=np.ones(len(kept), np.float32),
            map=np.zeros((len(kept), 2), np.float32) if position is None else position[name][rows],
            label=cells.label_ids[rows],
            modality=np.full(len(kept), index),
            label_columns=dataset.label_columns,
            modalities=tuple(dataset.cells),
        )
        if len(kept):
            parts.append(fit_landmarks(whole, settings.n_landmarks, seed) if settings.kind == "landmarks" else whole)
    return Reference.concatenate(parts)
