"""Confidence of a transferred label: the probability that it is right, calibrated on left-out cells."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, DissimilarityRecord, EvidenceWeights, LabelColumn, order_by_level
from smile_runtime.mapping.dissimilarity import Measures, in_units
from smile_runtime.mapping.label_transfer import are_undetermined

_MIN_SHARE = 1e-3  # of the votes for a label and of those against it, so that the odds are finite
_MAX_DISTANCE = 3.0


def evidence_terms(share: NDArray[np.float32], measures: Measures, record: DissimilarityRecord) -> NDArray[np.float64]:
    """Return the terms that `EvidenceWeights` weights, in its order, shape ``(n, 5)``.

    A cell between two types is far from the points of either, and a shallow cell is misplaced more often than its votes
    suggest. Doublets are both far away and deep.
    """
    measures = measures.clipped(record.log_detected, record.log_measured)
    clipped = np.clip(share.astype(np.float64), _MIN_SHARE, 1 - _MIN_SHARE)
    distance = np.clip(in_units(measures.log_distance, measures, record.distance), 0.0, _MAX_DISTANCE)
    detected = measures.log_detected
    return np.stack(
        [np.log(clipped / (1 - clipped)), distance, detected, measures.log_measured, distance * detected], axis=1
    )


def weigh_evidence(terms: NDArray[np.float64], weights: EvidenceWeights) -> NDArray[np.float64]:
    """Return the evidence for labels, shape ``(n,)``."""
    result: NDArray[np.float64] = (terms * np.array(msgspec.structs.astuple(weights))).sum(axis=1)
    return result


def calibrate_confidence(evidence: NDArray[np.floating], calibration: CalibrationRecord | None) -> NDArray[np.float32]:
    """Return the confidence for each evidence, 0 to 1, shape ``(n,)``; without calibration, it is the vote share."""
    if calibration is None:
        confidence = np.clip(evidence, 0.0, 1.0)
    else:
        confidence = np.interp(evidence, calibration.evidence, calibration.probability)
    result: NDArray[np.float32] = confidence.astype(np.float32)
    return result


def inherit_confidence(
    confidence: NDArray[np.float32], nearest: NDArray[np.integer], columns: Sequence[LabelColumn]
) -> None:
    """Give labels that say nothing about their level the confidence of their parents, which mean the same.

    Parameters
    ----------
    confidence
        Confidence in the label of each column, which is overwritten, shape ``(n, n_columns)``.
    nearest
        Label ids in each column, shape ``(n, n_columns)``.
    columns
        Label columns.
    """
    undetermined = are_undetermined(nearest, columns)
    names = [column.name for column in columns]
    for index in order_by_level(columns):
        within = columns[index].within
        if within is not None:
            rows = undetermined[:, index]
            confidence[rows, index] = confidence[rows, names.index(within)]
