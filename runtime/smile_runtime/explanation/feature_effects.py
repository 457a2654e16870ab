"""Effects of single features on single cells: what setting a feature to zero does to the similarity to a label."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix
from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder
from smile_runtime.explanation.label_centers import LabelCenters, margin_of, runner_up_of


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
    """

    cells: NDArray[np.int64]
    features: NDArray[np.int64]
    values: NDArray[np.float32]
    effects: NDArray[np.float32]
    margin_effects: NDArray[np.float32]
    runners_up: NDArray[np.int64]


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

    Raises
    ------
    SmileError
        As `Encoder.encode_without_each`.
    """
    raw, size_factor, measured = values
    embedding, removals = encoder.encode_without_each(raw, size_factor, measured=measured, batch_size=batch_size)
    similarity = centers.similarity(embedding)  # (n, n_labels)
    own, margin = similarity[np.arange(len(labels)), labels], margin_of(similarity, labels)
    parts: list[tuple[NDArray[np.number], ...]] = []
    for cells, features, removed, without in removals:
        remaining, label = centers.similarity(without), labels[cells]
        effects = own[cells] - remaining[np.arange(len(label)), label]
        parts.append((cells, features, removed, effects, margin[cells] - margin_of(remaining, label)))
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)] or [np.zeros(0)] * 5
    return FeatureEffects(
        cells=columns[0].astype(np.int64),
        features=columns[1].astype(np.int64),
        values=columns[2].astype(np.float32),
        effects=columns[3].astype(np.float32),
        margin_effects=columns[4].astype(np.float32),
        runners_up=runner_up_of(similarity, labels),
    )
