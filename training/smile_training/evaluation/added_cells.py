"""Measurement of cells that are added to a reference: each is left out once, and no encoder is trained."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, EncoderRecord, MetricRecord
from smile_runtime.mapping import LabelProfiles, Reference
from smile_training.data import Cells, Dataset, batch_folds, degrade_cells, mix_pairs, split_folds
from smile_training.evaluation.calibration_fit import MIN_CALIBRATION_CELLS, calibrate, counted_cells, pool_calibrations
from smile_training.evaluation.dissimilarity_fit import widen_similarity
from smile_training.evaluation.label_set_fit import ScoredCells, widen_label_sets
from smile_training.evaluation.metric_log import SMILE, LabelSource, MetricLog, Prediction
from smile_training.evaluation.queried_cells import QueriedCells, query_cells
from smile_training.model import CellEncoder

logger = logging.getLogger(__name__)

N_FOLDS = 5
N_DOUBLETS = 400

Extend = Callable[[NDArray[np.intp]], tuple[Reference, LabelProfiles | None]]
"""Returns the reference and the profiles that are extended by some rows of the added cells."""


@dataclass(frozen=True, eq=False)
class AddedEvaluation:
    """Result of leaving out added cells.

    Attributes
    ----------
    record
        Record of the encoder, with calibrations, similarity and label sets of the former and the added cells.
    metrics
        Metrics of the added cells; empty if they are too few to leave any out.
    """

    record: EncoderRecord
    metrics: list[MetricRecord]


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """Left-out cells by fold: as measured, degraded, and mixed to doublets."""

    measured: list[QueriedCells] = field(default_factory=list)
    degraded: list[list[QueriedCells]] = field(default_factory=list)
    doublets: list[QueriedCells] = field(default_factory=list)


def evaluate_added(
    cells: Cells,
    encoder: CellEncoder,
    record: EncoderRecord,
    extend: Extend,
    *,
    modality: str,
    title: str,
    n_neighbors: int,
    seed: int,
) -> AddedEvaluation:
    """Leave out added cells, whole batches if there are several, and calibrate on them.

    Parameters
    ----------
    cells
        Added cells, all labeled.
    encoder
        Encoder of the space.
    record
        Its record in the manifest.
    extend
        Extends the reference by some of the cells.
    modality
        Modality of the cells.
    title
        Title of the cells, for the names of the metrics.
    n_neighbors
        Number of nearest points.
    seed
        Seed of the folds.
    """
    folds = _folds(cells, seed)
    if not folds:
        logger.warning(
            "no label has %d cells, so none are left out: the added cells are not measured, and confidence and "
            "similarity stay as they were calibrated",
            N_FOLDS,
        )
        return AddedEvaluation(record, [])
    left_out, log = _LeftOut(), MetricLog(Dataset({modality: cells}), 1, of=f"of added cells, {title}")
    scaled = record.preprocessing.target_sum is not None
    for number, (rows, out) in enumerate(folds, start=1):
        logger.info("measuring the added cells: fold %d of %d, %d cells left out", number, len(folds), len(out))
        reference, profiles = extend(rows)
        query = partial(query_cells, encoder=encoder, reference=reference, profiles=profiles, n_neighbors=n_neighbors)
        part = cells.subset(out)
        measured = query(part)
        left_out.measured.append(measured)
        left_out.degraded.append([query(each) for each in islice(degrade_cells(part, seed, scaled=scaled), 1, None)])
        if (doublets := mix_pairs(part, N_DOUBLETS, seed, scaled=scaled)) is not None:
            left_out.doublets.append(query(doublets))
        log.add(0, [], _predictions(measured, cells, modality))
    return AddedEvaluation(_recalibrated(record, left_out, cells), log.records())


def _folds(cells: Cells, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the rows to add and the rows to leave out in each fold; empty if cells are too few."""
    if by_batch := list(batch_folds(cells.batches, N_FOLDS, seed)):
        return by_batch
    if np.bincount(cells.labels).max() < N_FOLDS:
        return []
    return list(split_folds(cells.labels, N_FOLDS, seed))


def _predictions(queried: QueriedCells, cells: Cells, modality: str) -> Iterator[Prediction]:
    """Yield the labels in every column that has true ones; none counts as a wrong one."""
    for index, labels in enumerate(cells.columns):
        if (labels.ids >= 0).any():
            label = np.where(queried.label[:, index] < 0, len(labels.column.labels), queried.label[:, index])
            yield Prediction(LabelSource(modality), SMILE, queried.names, label, index)


def _recalibrated(record: EncoderRecord, left_out: _LeftOut, cells: Cells) -> EncoderRecord:
    if record.similarity is None:
        logger.warning("the space has no calibration, and an extension gives it none; its confidence is the vote share")
        return record
    folds = [[one, *others] for one, others in zip(left_out.measured, left_out.degraded, strict=True)]
    if len(np.unique(cells.batches)) == 1:
        folds = [[each for fold in folds for each in fold]]
    calibrations = {
        labels.column.name: _pooled(record, left_out, index, labels.column.name)
        for index, labels in enumerate(cells.columns)
        if labels.column.name in record.calibrations
    }
    similarity = widen_similarity(record.similarity, folds, len(cells))
    label_sets = record.label_sets
    if label_sets:
        primary = calibrations[cells.columns[0].column.name]
        every = [ScoredCells.of(each, primary, record.similarity.dissimilarity) for fold in folds for each in fold]
        label_sets = widen_label_sets(label_sets, every)
    return msgspec.structs.replace(record, calibrations=calibrations, similarity=similarity, label_sets=label_sets)


def _pooled(record: EncoderRecord, left_out: _LeftOut, index: int, column: str) -> CalibrationRecord:
    """Return the calibration of a column, pooled with that of left-out cells unless these are too few."""
    former = record.calibrations[column]
    n_known = _n_known(left_out.measured, index)
    if n_known < MIN_CALIBRATION_CELLS:
        logger.warning(
            "%d left-out cells of known types have a label of %r, at least %d are needed: the confidence in it stays "
            "as it was calibrated",
            *(n_known, column, MIN_CALIBRATION_CELLS),
        )
        return former
    assert record.similarity is not None
    computed = None if former.weights is None else record.similarity.dissimilarity
    degraded = [] if computed is None else [each for fold in left_out.degraded for each in fold]
    doublets = [] if computed is None else left_out.doublets
    added = calibrate(left_out.measured, degraded, doublets, index, computed, former.weights)
    return pool_calibrations(former, added)


def _n_known(cells: Sequence[QueriedCells], column: int) -> int:
    return sum(int(counted_cells(each, column).sum()) for each in cells)
