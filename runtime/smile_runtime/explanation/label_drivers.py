"""Drivers of labels: the features that carry each label most specifically, for the card of a space."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder
from smile_runtime.explanation.feature_effects import CELLS_PER_BLOCK, CellValues, measure_effects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_effects import LabelEffects
from smile_runtime.explanation.query_labels import sample_cells
from smile_runtime.mapping import Reference

N_DRIVERS = 10
_MAX_CELLS = 200


def find_drivers(
    encoder: Encoder, reference: Reference, labels: NDArray[np.int64], values: CellValues, *, seed: int
) -> dict[str, list[str]]:
    """Return up to ten features for each primary label, those with the largest positive `specific_effect` first.

    Parameters
    ----------
    encoder
        Encoder with files for sparse rows.
    reference
        Points that vote on the labels of its cells.
    labels
        Label of each cell, -1 for none, shape ``(n,)``; at most 200 cells of each are explained.
    values
        Values of the cells.
    seed
        Seed of the choice of cells.

    Raises
    ------
    SmileError
        As `Encoder.encode_without_each`.
    """
    centers, names, features = LabelCenters.of(reference, 0), reference.label_columns[0].labels, encoder.features.ids
    effects = LabelEffects(len(names), len(features))
    sample = sample_cells(labels, _MAX_CELLS, seed)
    for rows in np.split(sample, range(CELLS_PER_BLOCK, len(sample), CELLS_PER_BLOCK)):
        block = CellValues(values.raw[rows], values.size_factor[rows], values.measured)
        effects.add(labels[rows], measure_effects(encoder, centers, labels[rows], values=block))
    specific = effects.specific_effect()
    order = np.argsort(-specific, axis=1, kind="stable")[:, :N_DRIVERS]
    return {
        names[label]: [features[feature] for feature in order[label] if specific[label, feature] > 0]
        for label in np.flatnonzero(effects.n_cells)
    }
