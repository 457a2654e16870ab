"""Fit of the weights with which the modalities of a cell are pooled, to cells left out of training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from smile_runtime.manifest import CalibrationRecord, JointRecord, LabelColumn, is_finer_level
from smile_runtime.mapping import PooledLabels, are_undetermined, pool_labels, pool_probabilities
from smile_training.evaluation.calibration_fit import MIN_CALIBRATION_CELLS, fit_curve
from smile_training.evaluation.paired_cells import PairedCells
from smile_training.evaluation.paired_interval import accuracy_of, lead_interval

MAX_WEIGHT = 3.0
"""Largest weight; with few cells, all of them right, the likelihood would grow without end."""
_START = 0.5


def fit_joint(cells: PairedCells, modalities: Sequence[str], columns: Sequence[LabelColumn]) -> JointRecord:
    """Fit how modalities label a cell together.

    The weights minimize the log loss of the primary labels. Only if the pooled labels are more often right than those
    of the best modality alone, by the 95% interval of a paired bootstrap, are they kept; otherwise that modality has
    the weight 1 and the others 0. The confidence is the pooled probability after isotonic regression.

    Parameters
    ----------
    cells
        Left-out cells of known types.
    modalities
        Their modalities.
    columns
        Label columns, the primary one first.
    """
    own = cells.own[:, 0]
    weights = _fit_weights(cells.probabilities[0], own)
    best = int(np.argmax([(each[:, 0] == own).mean() for each in cells.single]))
    lead = lead_interval(
        accuracy_of, [own], pool_all(cells, weights, columns).label[None, :, 0], cells.single[best][None, :, 0]
    )
    if sum(weight > 0 for weight in weights) < 2 or lead is None or lead[0] <= 0:
        weights = [float(index == best) for index in range(len(modalities))]
        calibrations = {}
    else:
        calibrations = fit_calibrations(cells, weights, columns)
    return JointRecord(
        modalities=list(modalities), weights=weights, calibrations=calibrations, n_cells=len(np.unique(cells.names))
    )


def pool_all(cells: PairedCells, weights: Sequence[float], columns: Sequence[LabelColumn]) -> PooledLabels:
    """Return the pooled labels of cells in every column."""
    return pool_labels([pool_probabilities(each, weights) for each in cells.probabilities], columns)


def counted_labels(
    own: NDArray[np.int64], label: NDArray[np.int64], columns: Sequence[LabelColumn]
) -> NDArray[np.bool_]:
    """Return which cells tell how often labels of each column are right, shape ``(n, n_columns)``."""
    counted: NDArray[np.bool_] = (own >= 0) & ~are_undetermined(own, columns) & ~are_undetermined(label, columns)
    return counted


def _fit_weights(probabilities: Sequence[NDArray[np.float32]], own: NDArray[np.int64]) -> list[float]:
    """Return the weights that minimize the log loss of the cells' own labels."""
    rows = np.arange(len(own))

    def loss(weights: NDArray[np.float64]) -> float:
        return -float(np.log(pool_probabilities(probabilities, weights.tolist())[rows, own]).mean())

    start = np.full(len(probabilities), _START)
    fit = minimize(loss, start, method="L-BFGS-B", bounds=[(0.0, MAX_WEIGHT)] * len(start))
    return [float(f"{weight:.6g}") for weight in fit.x]


def fit_calibrations(
    cells: PairedCells, weights: Sequence[float], columns: Sequence[LabelColumn]
) -> dict[str, CalibrationRecord]:
    """Calibrate the pooled probability of the labels of each column; a finer level only if enough cells tell of it.

    The expected calibration error is left to `measure_joint`, which has cells that nothing was fitted to.
    """
    label, probability = pool_all(cells, weights, columns)
    counted = counted_labels(cells.own, label, columns)
    calibrations = {}
    for index, column in enumerate(columns):
        rows = counted[:, index]
        if is_finer_level(column, columns) and rows.sum() < MIN_CALIBRATION_CELLS:
            continue
        curve = fit_curve(probability[rows, index], (label == cells.own)[rows, index])
        calibrations[column.name] = CalibrationRecord(
            evidence=curve[0].tolist(),
            probability=curve[1].tolist(),
            expected_calibration_error=0.0,
            n_cells=len(np.unique(cells.names[rows])),
        )
    return calibrations
