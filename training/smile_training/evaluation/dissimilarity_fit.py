"""Fit of the dissimilarity to cells that were left out of training."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import DissimilarityRecord, SimilarityRecord, TrendRecord
from smile_runtime.mapping import Measures, dissimilarity_of
from smile_training.evaluation.queried_cells import QueriedCells, joined

N_QUANTILES = 201
LABORATORY_ALLOWANCE = 1.5
"""Added to the dissimilarity of left-out cells of the same batches, since those of other laboratories lie farther."""
_N_ROUNDS = 5
_TRIMMED_FRACTION = 0.1
_TYPICAL, _SPREAD = 0.5, 0.95
_MIN_SPREAD = 1e-3


def fit_similarity(
    within: Sequence[QueriedCells], between: Sequence[Sequence[QueriedCells]], profiles: str | None, n_cells: int
) -> SimilarityRecord:
    """Fit how dissimilar cells of known types are to the reference.

    Parameters
    ----------
    within
        Left-out cells of the batches that the encoders were trained on, as measured and degraded.
    between
        For each fold of left-out batches, its cells, as measured and degraded.
    profiles
        File of the label profiles; None if the space has none.
    n_cells
        Number of cells.
    """
    record = None if profiles is None else _fit_units([_known(each) for each in within], profiles)
    expected = np.quantile(_pooled(within, record), np.linspace(0, 1, N_QUANTILES))
    expected += 0.0 if record is None else LABORATORY_ALLOWANCE
    return SimilarityRecord(quantiles=_largest(expected, between, record), n_cells=n_cells, dissimilarity=record)


def widen_similarity(
    record: SimilarityRecord, between: Sequence[Sequence[QueriedCells]], n_cells: int
) -> SimilarityRecord:
    """Take further left-out cells into account, in the units of the record; the least similar ones count.

    Parameters
    ----------
    record
        Similarity that was fitted before.
    between
        For each fold, its left-out cells, as measured and degraded.
    n_cells
        Number of these cells.
    """
    quantiles = _largest(np.array(record.quantiles), between, record.dissimilarity)
    return msgspec.structs.replace(record, quantiles=quantiles, n_cells=record.n_cells + n_cells)


def _largest(
    quantiles: NDArray[np.float64], between: Sequence[Sequence[QueriedCells]], record: DissimilarityRecord | None
) -> list[float]:
    """Return the largest of the given quantiles and those of each fold that has cells of known types."""
    probabilities = np.linspace(0, 1, len(quantiles))
    folds = [_pooled(cells, record) for cells in between if any(each.known.any() for each in cells)]
    largest = np.max([quantiles, *(np.quantile(fold, probabilities) for fold in folds)], axis=0)
    return [float(f"{value:.6g}") for value in largest]


def _known(cells: QueriedCells) -> Measures:
    assert cells.measures is not None
    return cells.measures.subset(np.flatnonzero(cells.known))


def _pooled(parts: Sequence[QueriedCells], record: DissimilarityRecord | None) -> NDArray[np.float64]:
    """Return the dissimilarity of all cells of known types, shape ``(n,)``."""
    if record is None:
        return np.concatenate([each.distance[each.known] for each in parts]).astype(np.float64)
    return np.concatenate([dissimilarity_of(_known(each), record) for each in parts])


def _fit_units(parts: Sequence[Measures], profiles: str) -> DissimilarityRecord:
    measures, deviation = joined(parts), None
    if compared := [part for part in parts if part.deviation is not None]:  # others know a single label
        along_axes = joined(compared)
        assert along_axes.deviation is not None
        deviation = fit_trend(along_axes.deviation, along_axes)
    return DissimilarityRecord(
        profiles=profiles,
        log_detected=_range(measures.log_detected),
        log_measured=_range(measures.log_measured),
        distance=fit_trend(measures.log_distance, measures),
        surprise=fit_trend(measures.surprise, measures),
        deviation=deviation,
    )


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def fit_trend(values: NDArray[np.float64], measures: Measures) -> TrendRecord:
    """Fit the units of a measure, shape ``(n,)``, by least squares without the 10% of cells that lie highest."""
    design = measures.design()
    kept = np.ones(len(values), bool)
    for _ in range(_N_ROUNDS):
        coefficients = np.linalg.lstsq(design[kept], values[kept])[0]
        residual = values - design @ coefficients
        kept = residual <= np.quantile(residual, 1 - _TRIMMED_FRACTION)
    typical, high = np.quantile(residual, [_TYPICAL, _SPREAD])
    coefficients[0] += typical
    return TrendRecord(
        coefficients=[float(value) for value in coefficients], spread=max(float(high - typical), _MIN_SPREAD)
    )
