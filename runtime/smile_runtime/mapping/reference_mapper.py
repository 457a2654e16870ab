"""Map embedded cells onto a reference: labels, confidence, similarity, and coordinates on the map."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import EncoderRecord, LabelColumn
from smile_runtime.mapping.confidence import calibrate_confidence, evidence_terms, inherit_confidence, weigh_evidence
from smile_runtime.mapping.dissimilarity import CellValues, Measures, dissimilarity_of, measure
from smile_runtime.mapping.distance_by_label import label_distances
from smile_runtime.mapping.label_means import LabelMeans
from smile_runtime.mapping.label_probability import label_probabilities
from smile_runtime.mapping.label_profiles import LabelProfiles
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.map_position import kernel_width, map_positions
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.records import Records, record_dtype
from smile_runtime.mapping.reference import Reference
from smile_runtime.mapping.similarity import mean_distance, similarity_of
from smile_runtime.mapping.unknown_cells import mark_unknown


@dataclass(frozen=True, eq=False, kw_only=True)
class ReferenceMapper:
    """Maps cells onto a reference. The result for a cell depends on that cell only.

    Attributes
    ----------
    reference
        Points whose labels are transferred.
    record
        Manifest record of the encoder, with its calibrations.
    n_neighbors
        Number of neighbors per cell.
    unknown_rate
        Similarity below which cells are labeled unknown.
    profiles
        Profiles of the labels; None if the space has none.
    measured_weight
        Fraction of the encoder's feature weight that the query measured.
    probabilities
        Whether the probabilities of all primary labels are computed.
    """

    reference: Reference
    record: EncoderRecord
    n_neighbors: int
    unknown_rate: float
    profiles: LabelProfiles | None = None
    measured_weight: float = 1.0
    probabilities: bool = False

    def for_features(self, measured: NDArray[np.bool_], weight: float) -> "ReferenceMapper":
        """Return the mapper of cells in which some features were measured.

        Parameters
        ----------
        measured
            Whether each of the encoder's features was measured, shape ``(n_features,)``.
        weight
            Their fraction of the encoder's feature weight.
        """
        profiles = None if self.profiles is None else self.profiles.select_features(measured)
        return replace(self, profiles=profiles, measured_weight=weight)

    @property
    def columns(self) -> tuple[LabelColumn, ...]:
        """Label columns that are transferred, the primary one first."""
        return self.reference.label_columns

    @property
    def record_dtype(self) -> np.dtype[np.void]:
        """Type of the records."""
        n_probabilities = len(self.columns[0].labels) if self.probabilities else 0
        return record_dtype(self.reference.embedding.shape[1], len(self.columns), n_probabilities)

    @cached_property
    def _kernel_width(self) -> float:
        return kernel_width(self.reference.map)

    @cached_property
    def _label_means(self) -> LabelMeans:
        return LabelMeans.of(self.reference)

    def map(self, embedding: NDArray[np.float32], values: CellValues | None = None) -> Records:
        """Return the records of cells, shape ``(n,)``.

        Parameters
        ----------
        embedding
            Embedding of the cells, shape ``(n, n_latent)``.
        values
            Values of the cells, which a space with profiles needs.
        """
        records = np.zeros(len(embedding), self.record_dtype)
        neighbors = find_nearest_neighbors(embedding, self.reference.embedding, self.n_neighbors)
        weights = neighbor_weights(neighbors, self.reference)
        distance = mean_distance(neighbors)
        measures = None
        if self.profiles is not None and values is not None:
            measures = measure(distance, values, self.profiles, self.measured_weight)
        records["embedding"] = embedding
        transfers = transfer_labels(neighbors, self.reference, self._label_means.distances(embedding))
        if transfers:
            same = self.reference.label[neighbors.indices, 0] == transfers[0].label[:, None]
            winners = weights * same
            weights = np.where(winners.any(axis=1, keepdims=True), winners, weights)  # all, if none has the label
        records["map"] = map_positions(self.reference.map[neighbors.indices], weights, self._kernel_width)
        for index, transfer in enumerate(transfers):
            records["label"][:, index] = records["nearest"][:, index] = transfer.label
            records["confidence"][:, index] = self._confidence(transfer.share, self.columns[index].name, measures)
        inherit_confidence(records["confidence"], records["nearest"], self.columns)
        if self.probabilities:
            records["probability"] = label_probabilities(
                records["nearest"][:, 0], records["confidence"][:, 0], label_distances(embedding, self.reference)
            )
        records["similarity"] = self._similarity(distance, measures)
        if self.record.similarity is not None:
            mark_unknown(records["label"], records["similarity"], self.unknown_rate)
        return records

    def _confidence(self, share: NDArray[np.float32], column: str, measures: Measures | None) -> NDArray[np.float32]:
        calibration = self.record.calibrations.get(column)
        if calibration is None or calibration.weights is None or measures is None:
            return calibrate_confidence(share, calibration)
        assert self.record.similarity is not None
        assert self.record.similarity.dissimilarity is not None
        terms = evidence_terms(share, measures, self.record.similarity.dissimilarity)
        return calibrate_confidence(weigh_evidence(terms, calibration.weights), calibration)

    def _similarity(self, distance: NDArray[np.float32], measures: Measures | None) -> NDArray[np.float32]:
        record = self.record.similarity
        if record is None:
            return np.full(len(distance), np.nan, np.float32)
        if record.dissimilarity is None or measures is None:
            return similarity_of(distance, record)
        return similarity_of(dissimilarity_of(measures, record.dissimilarity), record)
