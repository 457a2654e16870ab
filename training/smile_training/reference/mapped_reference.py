"""The reference of a space with its map, which is laid out once at training time."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import Reference
from smile_training.data import Dataset
from smile_training.recipe import Reference as ReferenceSettings
from smile_training.reference.layout import MAX_MAP_CELLS, fit_map, place_on_map
from smile_training.reference.reference_points import build_reference


def build_mapped_reference(
    dataset: Dataset, embedding: Mapping[str, NDArray[np.float32]], settings: ReferenceSettings, seed: int
) -> Reference:
    """Build the reference, and lay out the cells of all modalities on one map.

    A landmark lies at the mean position of its cells. Of more than 20,000 cells, as many are drawn and laid out, and
    each point lies among its nearest ones.

    Parameters
    ----------
    dataset
        Reference cells.
    embedding
        Embedding of the cells by modality, each of shape ``(n, n_latent)``.
    settings
        Reference section of the recipe.
    seed
        Seed of the landmarks and of the map.
    """
    n_cells = [len(each) for each in embedding.values()]
    if sum(n_cells) <= MAX_MAP_CELLS:
        position = fit_map(np.concatenate(list(embedding.values())), settings.map_method, seed)
        by_modality = dict(zip(embedding, np.split(position, np.cumsum(n_cells)[:-1]), strict=True))
        return build_reference(dataset, embedding, settings, seed, by_modality)
    points = build_reference(dataset, embedding, settings, seed)
    drawn = _draw(embedding, seed)
    position = fit_map(drawn, settings.map_method, seed)
    return replace(points, map=place_on_map(points.embedding, drawn, position, settings.n_neighbors))


def _draw(embedding: Mapping[str, NDArray[np.float32]], seed: int) -> NDArray[np.float32]:
    """Return the embedding of cells drawn from all modalities, shape ``(MAX_MAP_CELLS, n_latent)``."""
    ends = np.cumsum([len(each) for each in embedding.values()])
    rows = np.sort(np.random.default_rng(seed).choice(ends[-1], MAX_MAP_CELLS, replace=False))
    parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    starts = [0, *ends[:-1]]
    return np.concatenate(
        [each[part - start] for each, part, start in zip(embedding.values(), parts, starts, strict=True)]
    )
