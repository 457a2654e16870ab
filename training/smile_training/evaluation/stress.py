"""Stress test: how accuracy, unknown cells and calibration change as counts and features are lost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import is_sparse
from smile_runtime.manifest import CalibrationRecord, SimilarityRecord, StressRecord
from smile_runtime.mapping import UNKNOWN_RATE, dissimilarity_of, similarity_of
from smile_training.data import Cells, StressLevel, stress_cells
from smile_training.evaluation.calibration_fit import confidence_of, expected_calibration_error
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.evaluation.queried_cells import QueriedCells
from smile_training.model import TrainedEncoder

MIN_ACCURACY = 0.5
MIN_FEATURES = 3  # of LSI, which leaves out its first component

BaselineHits = Mapping[StressLevel, Mapping[str, NDArray[np.bool_]]]
"""Whether baselines label the cells of a fold right, by level and method, each of shape ``(n_known,)``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StressedCells:
    """Left-out cells of one fold at one level.

    Attributes
    ----------
    level
        Degradation of the cells.
    cells
        Cells mapped onto the reference.
    detected
        Number of the encoder's features that each cell detects, shape ``(n,)``.
    measured
        Measured fraction of the encoder's feature weight in each cell, shape ``(n,)``.
    """

    level: StressLevel
    cells: QueriedCells
    detected: NDArray[np.int64]
    measured: NDArray[np.float64]


def query_stressed(
    cells: Cells, encoder: TrainedEncoder, query: Callable[[Cells], QueriedCells], seed: int, *, scaled: bool
) -> Iterator[StressedCells]:
    """Yield left-out cells at each level that leaves features, mapped by ``query``; arguments as in `stress_cells`."""
    for level, stressed in stress_cells(cells, seed, scaled=scaled):
        raw = encoder.align_features(stressed).raw
        if not is_sparse(raw) and np.isnan(raw).all():
            continue
        yield StressedCells(
            level=level,
            cells=query(stressed),
            detected=np.asarray((raw > 0).sum(axis=1)).ravel(),
            measured=np.ones(len(stressed)) if is_sparse(raw) else ~np.isnan(raw) @ encoder.feature_weight,
        )


def stress_baselines(fitted: FittedBaselines, cells: Cells, *, scaled: bool) -> BaselineHits:
    """Return whether baselines label cells of known types right at each level.

    They are trained on cells as measured, for all levels of depth. Where features are missing, they are trained on the
    others: with the mean in place of missing features, logistic regression on a fold of pbmc labeled 31% of the cells
    right from a tenth of the features, rather than 80%. The number of components and the penalty remain those chosen
    on all features.

    Parameters
    ----------
    fitted
        Baselines on the training cells; the cells are degraded with their seed.
    cells
        Left-out cells.
    scaled
        As in `stress_cells`.
    """
    right = {}
    for level, stressed in stress_cells(cells, fitted.seed, scaled=scaled):
        if np.count_nonzero(fitted.measured(stressed)) < MIN_FEATURES:
            continue
        known = (stressed.labels >= 0) & np.isin(stressed.labels, fitted.train.labels)
        predicted = fitted.on_features_of(stressed).predict(stressed)
        right[level] = {name: (each == stressed.labels)[known] for name, each in predicted.items()}
    return right


def stress_records(
    folds: Sequence[StressedCells],
    peers: Sequence[BaselineHits],
    calibration: CalibrationRecord,
    similarity: SimilarityRecord,
) -> list[StressRecord]:
    """Summarize each level over folds by the primary labels of known-type cells.

    Parameters
    ----------
    folds
        Left-out cells of all folds at all levels.
    peers
        Results of the baselines in each fold.
    calibration
        Calibration of the confidence in the primary labels.
    similarity
        Dissimilarity of known-type cells.
    """
    records = []
    for level in dict.fromkeys(each.level for each in folds):
        parts = [each for each in folds if each.level == level]
        pooled = partial(_pool, [each.cells.known & each.cells.labeled[:, 0] for each in parts])
        right = pooled([each.cells.right[:, 0] for each in parts])
        if not len(right):
            continue
        confidence = pooled([confidence_of(each.cells, 0, calibration, similarity.dissimilarity) for each in parts])
        hits = [fold[level] for fold in peers if level in fold]
        record = StressRecord(
            kind=level.kind,
            fraction=level.fraction,
            detected=float(np.median(pooled([each.detected for each in parts]))),
            measured=min(float(np.median(pooled([each.measured for each in parts]))), 1.0),
            accuracy=float(right.mean()),
            unknown=float((pooled([_similarity(each.cells, similarity) for each in parts]) < UNKNOWN_RATE).mean()),
            calibration_error=expected_calibration_error(confidence, right),
            baselines={
                name: float(np.concatenate([each[name] for each in hits]).mean())
                for name in sorted({name for each in hits for name in each})
            },
            n_cells=len(right),
        )
        records.append(record)
    if any(each.kind == "depth" for each in records):  # the cells as measured are the first level of both kinds
        records.insert(0, msgspec.structs.replace(records[0], kind="depth"))
    return sorted(records, key=lambda each: (each.kind, -each.fraction))


def _pool(kept: Sequence[NDArray[np.bool_]], arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([array[rows] for array, rows in zip(arrays, kept, strict=True)])


def _similarity(cells: QueriedCells, record: SimilarityRecord) -> NDArray[np.float32]:
    if record.dissimilarity is None or cells.measures is None:
        return similarity_of(cells.distance, record)
    return similarity_of(dissimilarity_of(cells.measures, record.dissimilarity), record)


def matched_floor(records: Sequence[StressRecord], highest: float) -> float:
    """Return the fraction of the encoder's feature weight that a query must have measured.

    It is the smallest measured fraction at which most labels are right, and never above ``highest``: a query is refused
    if most of its labels would be wrong; what missing features cost otherwise is told by the accuracy to expect. On
    pbmc, accuracy is 0.94 with all features, 0.77 with 10% and 0.72 with 5% of them, so that 90% of the former would
    refuse queries most of whose labels are right.

    Parameters
    ----------
    records
        Stress records of the encoder.
    highest
        Floor without evidence.
    """
    levels = [each for each in records if each.kind == "features"]
    return min([highest, *(each.measured for each in levels if each.accuracy >= MIN_ACCURACY)])
