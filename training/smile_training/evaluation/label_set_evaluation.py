"""Evaluation of label sets: on cells that neither the limits nor the confidence were fitted to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, DissimilarityRecord, LabelSetRecord, MetricRecord
from smile_runtime.mapping import LabelSets
from smile_training.data import Cells
from smile_training.evaluation.calibration_fit import are_among, half_calibrations
from smile_training.evaluation.fitted_baselines import LOGISTIC_REGRESSION, FittedBaselines
from smile_training.evaluation.label_set_fit import ScoredCells, fit_label_sets
from smile_training.evaluation.metric_log import SMILE, metric_record
from smile_training.evaluation.queried_cells import QueriedCells

COVERAGE = 0.9
SET_COVERAGE, SET_SIZE = "coverage of 90% sets", "mean size of 90% sets"

Split = tuple[Sequence[Sequence[ScoredCells]], Sequence[ScoredCells]]
"""Groups of cells to fit the limits to, and cells to measure the sets of."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SetPeers:
    """Left-out cells with the probabilities of logistic regression, by fold; the second ones of left-out batches."""

    within: list[ScoredCells] = field(default_factory=list)
    between: list[ScoredCells] = field(default_factory=list)


def score_by_regression(fitted: FittedBaselines, cells: Cells) -> ScoredCells:
    """Return left-out cells of known types with the probabilities of logistic regression."""
    known = cells.subset(np.flatnonzero((cells.labels >= 0) & np.isin(cells.labels, fitted.train.labels)))
    n_labels = len(known.columns[0].column.labels)
    probability = (
        fitted.classify.probabilities(fitted.scale(known), n_labels) if len(known) else np.zeros((0, n_labels))
    )
    return ScoredCells(
        names=known.names,
        own=known.labels,
        nearest=probability.argmax(axis=1),
        probability=probability.astype(np.float32),
        detected=np.asarray((known.raw > 0).sum(axis=1)).ravel(),
    )


def fit_sets(
    within: Sequence[QueriedCells],
    between: Sequence[Sequence[QueriedCells]],
    calibration: CalibrationRecord,
    record: DissimilarityRecord | None,
) -> LabelSetRecord | None:
    """Fit label sets to cells of left-out batches if there are several, otherwise to all left-out cells.

    Parameters
    ----------
    within
        Left-out cells of the batches that the encoders were trained on, as measured and degraded.
    between
        For each fold of left-out batches, its cells, as measured and degraded.
    calibration
        Calibration of the confidence in the primary labels.
    record
        Computation of the dissimilarity; None to use vote shares alone.
    """
    batches = fit_label_sets(_scored(between, calibration, record), left_out="batches")
    return batches or fit_label_sets(_scored([within], calibration, record), left_out="cells")


def _scored(
    folds: Sequence[Sequence[QueriedCells]], calibration: CalibrationRecord, record: DissimilarityRecord | None
) -> list[list[ScoredCells]]:
    return [[ScoredCells.of(each, calibration, record) for each in fold] for fold in folds]


def measure_sets_of_cells(
    modality: str,
    measured: Sequence[QueriedCells],
    degraded: Sequence[QueriedCells],
    doublets: Sequence[QueriedCells],
    record: DissimilarityRecord | None,
    peers: SetPeers,
) -> Iterator[MetricRecord]:
    """Measure 90% sets of left-out cells, as measured; each half of the cells with fits to the other half.

    Logistic regression has limits fitted in the same way to the same cells, all as measured.
    """
    splits, of_peers = [], []
    for part, calibration in half_calibrations(measured, degraded, doublets, 0, record):
        own = _scored([measured, degraded], calibration, record)
        splits.append(_halved([*own[0], *own[1]], own[0], part))
        of_peers.append(_halved(peers.within, peers.within, part))
    yield from _records(modality, SMILE, "", [splits])
    yield from _records(modality, LOGISTIC_REGRESSION, "", [of_peers])


def measure_sets_of_batches(
    modality: str,
    between: Sequence[Sequence[QueriedCells]],
    calibration: CalibrationRecord,
    record: DissimilarityRecord | None,
    peers: SetPeers,
    of: str,
) -> Iterator[MetricRecord]:
    """Measure 90% sets of left-out batches, as measured, each fold of them with limits fitted to the others.

    Mean and standard deviation are those over folds. If there is only one, each half of its cells is measured with
    limits fitted to the other half.
    """
    own = _scored(between, calibration, record)
    for method, folds in ((SMILE, own), (LOGISTIC_REGRESSION, [[each] for each in peers.between])):
        yield from _records(modality, method, of, _splits(folds))


def _splits(folds: Sequence[Sequence[ScoredCells]]) -> list[list[Split]]:
    """Return each fold's first cells, which are as measured, with other cells to fit the limits to."""
    if len(folds) != 1:
        return [[([*folds[:index], *folds[index + 1 :]], fold[:1])] for index, fold in enumerate(folds)]
    names = sorted(set(folds[0][0].names))
    return [[_halved(folds[0], folds[0][:1], set(names[start::2])) for start in (0, 1)]]


def _halved(fitted: Sequence[ScoredCells], measured: Sequence[ScoredCells], part: set[str]) -> Split:
    """Return the cells that are not in a part, to fit to, and those that are, to measure."""
    others = [each.subset(~are_among(each.names, part)) for each in fitted]
    return [others], [each.subset(are_among(each.names, part)) for each in measured]


def _records(modality: str, method: str, of: str, splits: Sequence[Sequence[Split]]) -> Iterator[MetricRecord]:
    """Yield the fraction of cells whose set holds their own label, and the mean number of labels in a set.

    Cells of the splits of one list are pooled; mean and standard deviation are those over lists.
    """
    pooled = [np.concatenate([_measure(*split) for split in some]) for some in splits]
    means = [each.mean(axis=0) for each in pooled if len(each)]
    for name, values in zip((SET_COVERAGE, SET_SIZE), zip(*means, strict=True), strict=False):
        yield metric_record(f"{name} {of}".strip(), modality, method, values)


def _measure(groups: Sequence[Sequence[ScoredCells]], measured: Sequence[ScoredCells]) -> NDArray[np.float64]:
    """Return whether the set of each cell holds its own label, and the number of labels in it, shape ``(n, 2)``."""
    record = fit_label_sets(groups, left_out="cells")
    parts = [np.zeros((0, 2))]
    for cells in () if record is None else measured:
        assert record is not None
        members = LabelSets.of(record, COVERAGE).members(cells.probability, cells.nearest, cells.detected)
        parts.append(np.stack([members[np.arange(len(cells.own)), cells.own], members.sum(axis=1)], axis=1))
    return np.concatenate(parts)
