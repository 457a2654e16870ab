"""Map embedded cells onto a reference: labels, confidence, similarity, and coordinates on the map."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import EncoderRecord, LabelColumn
from smile_runtime.mapping.confidence import calibrate_confidence
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.map_position import kernel_width, map_positions
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.records import Records, record_dtype
from smile_runtime.mapping.reference import Reference
from smile_runtime.mapping.similarity import mean_distance, similarity_from_distance
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
    """

    reference: Reference
    record: EncoderRecord
    n_neighbors: int
    unknown_rate: float

    @property
    def columns(self) -> tuple[LabelColumn, ...]:
        """Label columns that are transferred, the primary one first."""
        return self.reference.label_columns

    @cached_property
    def _kernel_width(self) -> float:
        return kernel_width(self.reference.map)

    def map(self, embedding: NDArray[np.float32]) -> Records:
        """Return the records of cells, shape ``(n,)``, from their embedding, shape ``(n, n_latent)``."""
        records = np.zeros(len(embedding), record_dtype(embedding.shape[1], len(self.columns)))
        neighbors = find_nearest_neighbors(embedding, self.reference.embedding, self.n_neighbors)
        weights = neighbor_weights(neighbors, self.reference)
        records["embedding"] = embedding
        records["similarity"] = np.nan
        transfers = transfer_labels(neighbors, self.reference)
        if transfers:
            weights = weights * (self.reference.label[neighbors.indices, 0] == transfers[0].label[:, None])
        records["map"] = map_positions(self.reference.map[neighbors.indices], weights, self._kernel_width)
        for index, transfer in enumerate(transfers):
            calibration = self.record.calibrations.get(self.columns[index].name)
            records["label"][:, index] = records["nearest"][:, index] = transfer.label
            records["confidence"][:, index] = calibrate_confidence(transfer.share, calibration)
        if self.record.similarity is not None:
            records["similarity"] = similarity_from_distance(mean_distance(neighbors), self.record.similarity)
            mark_unknown(records["label"], records["similarity"], self.unknown_rate)
        return records
