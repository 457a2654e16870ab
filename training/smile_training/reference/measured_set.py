"""Cells in sets that measured the same features, as the comparison with the profiles of labels takes them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import measured_sparse
from smile_runtime.mapping import CellValues
from smile_runtime.query import measured_features, split_by_features
from smile_training.data import Cells
from smile_training.model import CellEncoder


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """Cells that measured the same features.

    Attributes
    ----------
    rows
        Rows of the cells, shape ``(n,)``.
    measured
        Whether each of the encoder's features was measured, shape ``(n_features,)``.
    weight
        Their fraction of the encoder's feature weight.
    values
        Values of the cells.
    """

    rows: NDArray[np.intp]
    measured: NDArray[np.bool_]
    weight: float
    values: CellValues


def measured_sets(cells: Cells, encoder: CellEncoder, components: NDArray[np.float32] | None) -> Iterator[MeasuredSet]:
    """Yield cells with the encoder's features, those that measured the same ones together.

    Parameters
    ----------
    cells
        Cells with the encoder's features.
    encoder
        Their encoder.
    components
        Components of the stem, shape ``(n_cells, n_components)``; None without a stem.
    """
    for key, rows in split_by_features(cells.raw).items():
        measured = measured_features(key, len(cells.features))
        raw = measured_sparse(cells.raw[rows])
        values = CellValues(
            (raw > 0).astype(np.float32) if encoder.preprocessing.binarize else raw,
            None if components is None else components[rows],
        )
        yield MeasuredSet(rows, measured, float(encoder.feature_weight[measured].sum()), values)
