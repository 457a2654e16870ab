"""Join the records that the encoders of several modalities give the same cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import JointRecord, LabelColumn
from smile_runtime.mapping.confidence import calibrate_confidence, inherit_confidence
from smile_runtime.mapping.distance_by_label import label_distances
from smile_runtime.mapping.label_probability import divide_rest, label_probabilities
from smile_runtime.mapping.pooling import pool_labels, pool_probabilities
from smile_runtime.mapping.records import Records
from smile_runtime.mapping.reference import Reference
from smile_runtime.mapping.unknown_cells import mark_unknown

_MIN_NORM = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class JointMapper:
    """Joins records of cells that were measured in several modalities. The result for a cell depends on that cell only.

    Attributes
    ----------
    record
        Weights of the modalities, and calibrations of their pooled probabilities.
    references
        Reference points that label the cells of each modality.
    unknown_rate
        Similarity below which cells are labeled unknown.
    """

    record: JointRecord
    references: Sequence[Reference]
    unknown_rate: float

    @property
    def columns(self) -> tuple[LabelColumn, ...]:
        """Label columns, the primary one first."""
        return self.references[0].label_columns

    def join(self, parts: Sequence[Records]) -> Records:
        """Return the joint records of cells, shape ``(n,)``.

        Labels are the most probable ones after pooling (`pool_probabilities`), from coarse to fine, and their
        confidence is the calibrated pooled probability. The embedding is the mean over modalities, weighted by weight
        and confidence. The similarity is the lowest of any modality, so a cell is unknown if one modality says so. The
        position on the map, the total and the number of detected features are those of the modality, among those with
        a positive weight, that gives the label the highest probability. If only one modality has a positive weight,
        its records are returned.

        Parameters
        ----------
        parts
            Records of the cells by modality, each of shape ``(n,)``.
        """
        if not self.record.is_pooled:
            return parts[self.record.leading].copy()
        weights = np.array(self.record.weights)
        by_column = [
            [label_probabilities_of(part, points, index) for part, points in zip(parts, self.references, strict=True)]
            for index in range(len(self.columns))
        ]
        pooled = [pool_probabilities(each, self.record.weights) for each in by_column]
        label, probability = pool_labels(pooled, self.columns)
        records = self._carriers(parts, by_column[0], label[:, 0])
        records["label"] = records["nearest"] = label
        for index, column in enumerate(self.columns):
            calibration = self.record.calibrations.get(column.name)
            records["confidence"][:, index] = calibrate_confidence(probability[:, index], calibration)
        inherit_confidence(records["confidence"], label, self.columns)
        if records["probability"].shape[1]:
            records["probability"] = divide_rest(label[:, 0], records["confidence"][:, 0], pooled[0])
        reliability = weights[:, None] * np.stack([part["confidence"][:, 0] for part in parts])  # (n_modalities, n)
        records["embedding"] = _mean_embedding(parts, reliability, records["embedding"])
        records["similarity"] = np.fmin.reduce([part["similarity"] for part in parts])
        mark_unknown(records["label"], records["similarity"], self.unknown_rate)
        return records

    def _carriers(
        self, parts: Sequence[Records], probabilities: Sequence[NDArray[np.float32]], label: NDArray[np.int64]
    ) -> Records:
        """Return each cell's record from the modality that gives its label the highest probability, shape ``(n,)``."""
        rows = np.arange(len(label))
        own = np.stack([each[rows, label] for each in probabilities])  # (n_modalities, n)
        own[np.array(self.record.weights) == 0] = -1.0
        carriers: Records = np.stack(parts)[own.argmax(axis=0), rows]
        return carriers


def label_probabilities_of(records: Records, reference: Reference, column: int) -> NDArray[np.float32]:
    """Return the probability of each label of a column, shape ``(n, n_labels)``; uniform for cells without a label.

    Parameters
    ----------
    records
        Records of cells of one modality, shape ``(n,)``.
    reference
        Points that labeled them.
    column
        Index of the label column.
    """
    nearest, confidence = records["nearest"][:, column], records["confidence"][:, column]
    distance = label_distances(np.ascontiguousarray(records["embedding"]), reference, column)
    result = label_probabilities(nearest, confidence, distance)
    result[nearest < 0] = 1 / result.shape[1]
    return result


def _mean_embedding(
    parts: Sequence[Records], weights: NDArray[np.float64], fallback: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the L2-normalized weighted mean of embeddings, ``(n, n_latent)``; a fallback where the mean is zero."""
    mean = sum(weight[:, None] * part["embedding"] for weight, part in zip(weights, parts, strict=True))
    norm = np.linalg.norm(mean, axis=1, keepdims=True)
    result: NDArray[np.float32] = np.where(norm > 0, mean / np.maximum(norm, _MIN_NORM), fallback).astype(np.float32)
    return result
