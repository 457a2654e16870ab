"""Drivers of the labels of an exported encoder, from the cells that it was trained on."""

import numpy as np

from smile_runtime.arrays import is_sparse, measured_sparse
from smile_runtime.encoder import Encoder
from smile_runtime.explanation import CellValues, find_drivers
from smile_runtime.mapping import Reference
from smile_training.data import Cells


def drivers_of(encoder: Encoder, cells: Cells, points: Reference, seed: int) -> dict[str, list[str]]:
    """Return the features that carry each label; cells that lack features are passed over.

    Parameters
    ----------
    encoder
        Exported encoder with its files for sparse rows.
    cells
        Cells with the features of the encoder.
    points
        Points that vote on the labels of the encoder's cells.
    seed
        Seed of the choice of cells.
    """
    whole = np.full(len(cells), True) if is_sparse(cells.raw) else ~np.isnan(cells.raw).any(axis=1)
    cells = cells.subset(np.flatnonzero(whole))
    values = CellValues(measured_sparse(cells.raw), cells.size_factor, None)
    return find_drivers(encoder, points, cells.labels, values, seed=seed)
