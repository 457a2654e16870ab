"""Effects of single features on single cells: what setting a feature to zero does to the similarity to a label."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix
from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder
from smile_runtime.explanation.label_centers import LabelCenters, margin_of, runner_up_of
from smile_runtime.explanation.programs import dimension_effects

CELLS_PER_BLOCK = 64
"""Cells to measure at a time on one thread: they take some hundred thousand embeddings at most."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureEffects:
    """Effects of each nonzero feature of some cells, in the order of the cells.

    Attributes
    ----------
    cells
        Index of the cell, shape ``(n,)``.
    features
        Index of the feature, shape ``(n,)``.
    values
        Value of the feature before centering, shape ``(n,)``.
    effects
        Similarity of the cell to its label's center minus the similarity without the feature, shape ``(n,)``.
    margin_effects
        Margin of the cell, its similarity to its label minus the highest one to another label, minus the margin without
        the feature, shape ``(n,)``.
    runners_up
        Most similar other label of each cell, shape ``(n_cells,)``.
    on_dimensions
        Weighted sum over cells of the decrease of each dimension without a feature, shape ``(n_features, n_latent)``;
        None unless requested.
    """

    cells: NDArray[np.int64]
    features: NDArray[np.int64]
    values: NDArray[np.float32]
    effects: NDArray[np.float32]
    margin_effects: NDArray[np.float32]
    runners_up: NDArray[np.int64]
    on_dimensions: NDArray[np.float64] | None


class CellValues(NamedTuple):
    """Arguments of `Encoder.encode` for some cells."""

    raw: Matrix
    size_factor: NDArray[np.float32]
    measured: NDArray[np.bool_] | None


def measure_effects(
    encoder: Encoder,
    centers: LabelCenters,
    labels: NDArray[np.int64],
    *,
    values: CellValues,
    batch_size: int = DEFAULT_BATCH_SIZE,
    weights: NDArray[np.float64] | None = None,
) -> FeatureEffects:
    """Set each nonzero feature of each cell to zero, one at a time, and measure what it does.

    Parameters
    ----------
    encoder
        Encoder of the cells.
    centers
        Centers of the labels.
    labels
        Label of each cell, shape ``(n,)``.
    values
        Values of the cells.
    batch_size
        Number of rows that run through the trunk together.
    weights
        Weight of each cell for effects on dimensions, shape ``(n,)``; None to leave them out.

    Raises
    ------
    SmileError
        As `Encoder.encode_without_each`.
    """
    raw, size_factor, measured = values
    embedding, removals = encoder.encode_without_each(raw, size_factor, measured=measured, batch_size=batch_size)
    similarity = centers.similarity(embedding)  # (n, n_labels)
    own, margin = similarity[np.arange(len(labels)), labels], margin_of(similarity, labels)
    on_dimensions = None if weights is None else np.zeros((len(encoder.features), embedding.shape[1]))
    parts: list[tuple[NDArray[np.number], ...]] = []
    for removed in removals:
        remaining, label = centers.similarity(removed.embedding), labels[removed.cells]
        effects = own[removed.cells] - remaining[np.arange(len(label)), label]
        margin_effects = margin[removed.cells] - margin_of(remaining, label)
        parts.append((removed.cells, removed.features, removed.values, effects, margin_effects))
        if weights is not None and on_dimensions is not None:
            dimension_effects(removed, embedding, weights, on_dimensions)
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)] or [np.zeros(0)] * 5
    return FeatureEffects(
        cells=columns[0].astype(np.int64),
        features=columns[1].astype(np.int64),
        values=columns[2].astype(np.float32),
        effects=columns[3].astype(np.float32),
        margin_effects=columns[4].astype(np.float32),
        runners_up=runner_up_of(similarity, labels),
        on_dimensions=on_dimensions,
    )
