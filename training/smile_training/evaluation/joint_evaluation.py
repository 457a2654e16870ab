"""Evaluation of joint labels: on left-out pairs that neither weights nor confidence were fitted to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, DissimilarityRecord, JointRecord, MetricRecord
from smile_runtime.mapping import calibrate_confidence
from smile_training.data import Dataset
from smile_training.evaluation.calibration_fit import (
    MIN_CALIBRATION_CELLS,
    are_among,
    calibrate_without,
    expected_calibration_error,
)
from smile_training.evaluation.joint_fit import counted_labels, fit_calibrations, fit_joint, pool_all
from smile_training.evaluation.metric_log import LABEL_METRICS, SMILE, metric_record
from smile_training.evaluation.paired_cells import PairedCells, concatenate_pairs
from smile_training.evaluation.paired_interval import lead_interval
from smile_training.evaluation.queried_cells import QueriedCells

Calibrations = Mapping[str, Mapping[str, CalibrationRecord]]
"""Calibrations of the confidence, by modality and label column."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LeftOutCells:
    """Left-out cells of one modality, and what was fitted to them.

    Attributes
    ----------
    measured
        Cells as measured, by name of the training that left them out.
    degraded, doublets
        Degraded cells and simulated doublets, which the calibrations were fitted to, too.
    between
        Cells of left-out batches as measured, by name of the training.
    calibrations
        Calibrations of the confidence, by label column.
    record
        Computation of the dissimilarity; None to use vote shares alone.
    """

    measured: Mapping[str, QueriedCells]
    degraded: Sequence[QueriedCells]
    doublets: Sequence[QueriedCells]
    between: Mapping[str, QueriedCells]
    calibrations: Mapping[str, CalibrationRecord]
    record: DissimilarityRecord | None


@dataclass(frozen=True, eq=False)
class _Outcome:
    """Labels of pairs that nothing was fitted to: own, joint and single primary labels, and what is known of them."""

    rows: list[tuple[int, PairedCells, NDArray[np.int64]]] = field(default_factory=list)
    """Repeat, pairs, and their joint label in the primary column."""
    confidence: dict[str, list[tuple[NDArray[np.float32], NDArray[np.bool_]]]] = field(default_factory=dict)
    """Confidence in the pooled labels of each column, and whether they are right."""


def join_modalities(
    left_out: Mapping[str, LeftOutCells], dataset: Dataset, repeats: Mapping[str, int], of_batches: str
) -> Iterator[tuple[JointRecord, list[MetricRecord]]]:
    """Yield how each set of modalities that cells share is joined, and its figures beside those of each alone.

    Each half of the left-out cells, and each fold of left-out batches, is measured with weights and calibrations fitted
    to all other pairs.

    Parameters
    ----------
    left_out
        Left-out cells, by modality.
    dataset
        All cells.
    repeats
        Repeat of each training that left out cells, by its name.
    of_batches
        Which cells the metrics of left-out batches are of, as part of their names.
    """
    for number in range(2, len(left_out) + 1):
        for modalities in combinations(left_out, number):
            chosen = {name: left_out[name] for name in modalities}
            if (joined := _join(chosen, dataset, repeats, of_batches)) is not None:
                yield joined


def _join(
    left_out: Mapping[str, LeftOutCells], dataset: Dataset, repeats: Mapping[str, int], of_batches: str
) -> tuple[JointRecord, list[MetricRecord]] | None:
    calibrations = {name: each.calibrations for name, each in left_out.items()}
    within = _pairs(left_out, dataset, calibrations, lambda cells: cells.measured)
    between = _pairs(left_out, dataset, calibrations, lambda cells: cells.between)
    everything = [*within.values(), *between.values()]
    if len({name for pairs in everything for name in pairs.names}) < MIN_CALIBRATION_CELLS:
        return None
    record = fit_joint(concatenate_pairs(everything), list(left_out), dataset.label_columns)
    cells, batches = _Outcome(), _Outcome()
    of_cells = sorted({name for pairs in within.values() for name in pairs.names})
    halves = [of_cells[::2], of_cells[1::2]] if len(of_cells) >= MIN_CALIBRATION_CELLS else []
    for part in map(set, halves):
        halved = {name: _calibrations_without(part, each, dataset) for name, each in left_out.items()}
        measured = _pairs(left_out, dataset, halved, lambda cells: cells.measured)
        others = [*measured.values(), *_pairs(left_out, dataset, halved, lambda cells: cells.between).values()]
        tested = [(repeats[name], pairs.subset(are_among(pairs.names, part))) for name, pairs in measured.items()]
        _test(cells, others, tested, part, record, dataset)
    for pairs in between.values():
        _test(batches, everything, [(0, pairs)], set(pairs.names), record, dataset)
    figures = [
        *_metrics(cells, record.name, list(left_out), ""),
        *_metrics(batches, record.name, list(left_out), of_batches),
    ]
    return _with_errors(record, [cells, batches]), figures


def _pairs(
    left_out: Mapping[str, LeftOutCells],
    dataset: Dataset,
    calibrations: Calibrations,
    cells_of: Callable[[LeftOutCells], Mapping[str, QueriedCells]],
) -> dict[str, PairedCells]:
    """Return the pairs of each training that left out some."""
    by_modality = {name: cells_of(each) for name, each in left_out.items()}
    records = {name: each.record for name, each in left_out.items()}
    trainings = [
        name for name in next(iter(by_modality.values())) if all(name in each for each in by_modality.values())
    ]
    pairs = {
        training: PairedCells.of(
            {name: each[training] for name, each in by_modality.items()}, dataset, calibrations, records
        )
        for training in trainings
    }
    return {training: each for training, each in pairs.items() if len(each)}


def _calibrations_without(part: set[str], cells: LeftOutCells, dataset: Dataset) -> dict[str, CalibrationRecord]:
    degraded, doublets = (cells.degraded, cells.doublets) if cells.record is not None else ([], [])
    measured = list(cells.measured.values())
    return {
        column.name: calibrate_without(part, measured, degraded, doublets, index, cells.record)
        for index, column in enumerate(dataset.label_columns)
        if column.name in cells.calibrations
    }


def _test(
    outcome: _Outcome,
    pairs: Sequence[PairedCells],
    tested: Sequence[tuple[int, PairedCells]],
    part: set[str],
    record: JointRecord,
    dataset: Dataset,
) -> None:
    """Label the tested pairs with a fit to all pairs that are not in a part; so is the confidence for given weights."""
    columns = dataset.label_columns
    others = concatenate_pairs([each.subset(~are_among(each.names, part)) for each in pairs])
    if not len(others):
        return
    fitted = fit_joint(others, record.modalities, columns)
    calibrations = fit_calibrations(others, record.weights, columns)
    for repeat, cells in tested:
        label = pool_all(cells, fitted.weights, columns).label if fitted.is_pooled else cells.single[fitted.leading]
        outcome.rows.append((repeat, cells, label[:, 0]))
        label, probability = pool_all(cells, record.weights, columns)
        counted = counted_labels(cells.own, label, columns)
        for index, column in enumerate(columns):
            rows = counted[:, index]
            confidence = calibrate_confidence(probability[rows, index], calibrations.get(column.name))
            right = (label == cells.own)[rows, index]
            outcome.confidence.setdefault(column.name, []).append((confidence, right))


def _metrics(outcome: _Outcome, subject: str, modalities: Sequence[str], of: str) -> Iterator[MetricRecord]:
    """Yield the figures of joint labels, and of each modality alone on the same pairs, with the lead of the former."""
    if not outcome.rows:
        return
    names = sorted({name for _, cells, _ in outcome.rows for name in cells.names})
    place = {name: index for index, name in enumerate(names)}
    shape = (1 + max(repeat for repeat, _, _ in outcome.rows), len(names))
    true, joint, *single = (np.full(shape, -1) for _ in range(2 + len(modalities)))
    for repeat, cells, label in outcome.rows:
        columns = [place[name] for name in cells.names]
        true[repeat, columns], joint[repeat, columns] = cells.own[:, 0], label
        for own, each in zip(single, cells.single, strict=True):
            own[repeat, columns] = each[:, 0]
    for title, (metric, score) in LABEL_METRICS.items():
        name = f"{title} {of}".strip()
        yield metric_record(name, subject, SMILE, [metric(*row) for row in zip(true, joint, strict=True)])
        for modality, own in zip(modalities, single, strict=True):
            lead = lead_interval(score, list(true), joint, own)
            values = [metric(*row) for row in zip(true, own, strict=True)]
            yield metric_record(name, subject, f"{modality} alone", values, lead=lead)


def _with_errors(record: JointRecord, outcomes: Sequence[_Outcome]) -> JointRecord:
    """Return a record with the calibration errors that were measured."""
    calibrations = {}
    for name, calibration in record.calibrations.items():
        parts = [part for outcome in outcomes for part in outcome.confidence.get(name, [])]
        if parts:
            confidence, right = (np.concatenate(each) for each in zip(*parts, strict=True))
            error = expected_calibration_error(confidence, right)
            calibration = msgspec.structs.replace(calibration, expected_calibration_error=error)
        calibrations[name] = calibration
    return msgspec.structs.replace(record, calibrations=calibrations)
