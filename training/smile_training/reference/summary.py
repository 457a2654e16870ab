"""What a space keeps of its reference cells."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import Reference
from smile_training.data import Dataset
from smile_training.recipe import Reference as ReferenceSettings
from smile_training.reference.landmarks import fit_landmarks


def summarize(
    dataset: Dataset,
    embedding: Mapping[str, NDArray[np.float32]],
    settings: ReferenceSettings,
    seed: int,
    position: Mapping[str, NDArray[np.float32]] | None = None,
) -> Reference:
    """Return the reference that a space keeps of some cells: of those with a label, where there are labels.

    Parameters
    ----------
    dataset
        The cells.
    embedding
        Their embedding by modality, each ``(n, n_latent)``.
    settings
        The recipe's section on the reference.
    seed
        Seed of the landmarks.
    position
        Their position on the map by modality, each ``(n, 2)``; None: not known yet.
    """
    parts = []
    for place, (name, cells) in enumerate(dataset.cells.items()):
        kept = np.flatnonzero(cells.labels >= 0) if dataset.label_names else np.arange(len(cells))
        whole = Reference(
            embedding=embedding[name][kept],
            weight=np.ones(len(kept), np.float32),
            map=np.zeros((len(kept), 2), np.float32) if position is None else position[name][kept],
            label=cells.label_ids[kept],
            modality=np.full(len(kept), place),
            label_columns=dataset.label_columns,
            modalities=tuple(dataset.cells),
        )
        if len(kept):
            parts.append(fit_landmarks(whole, settings.n_landmarks, seed) if settings.kind == "landmarks" else whole)
    return Reference.concatenate(parts)
