"""Where cells lie among a reference's points, and what follows: labels, confidence, similarity, position on the map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import EncoderRecord, LabelColumn
from smile_runtime.mapping.calibration import confidence
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.records import NO_LABEL, Records, record_type
from smile_runtime.mapping.reference import Reference
from smile_runtime.mapping.similarity import mean_distance, similarity_from_distance


@dataclass(frozen=True, eq=False)
class ReferenceMapper:
    """Places cells among the points of a reference. A cell's place depends on that cell alone.

    Attributes
    ----------
    reference
        The points that have a say.
    record
        What the manifest says of the encoder: its calibrations.
    n_neighbors
        How many points around a cell are looked at.
    unknown_rate
        Cells whose similarity is below this are labeled unknown.
    """

    reference: Reference
    record: EncoderRecord
    n_neighbors: int
    unknown_rate: float

    @property
    def columns(self) -> tuple[LabelColumn, ...]:
        """The label columns that cells are given, the primary one first."""
        return self.reference.label_columns

    def __call__(self, embedding: NDArray[np.float32]) -> Records:
        """Return the records of cells, shape ``(n,)``, from their embedding, shape ``(n, n_latent)``."""
        records = np.zeros(len(embedding), record_type(embedding.shape[1], len(self.columns)))
        neighbors = find_nearest_neighbors(embedding, self.reference.embedding, self.n_neighbors)
        weights = neighbor_weights(neighbors, self.reference)
        records["embedding"] = embedding
        records["map"] = np.einsum("nk,nkc->nc", weights, self.reference.map[neighbors.indices])
        records["similarity"] = np.nan
        for place, transfer in enumerate(transfer_labels(neighbors, self.reference)):
            calibration = self.record.calibrations.get(self.columns[place].name)
            records["label"][:, place] = transfer.label
            records["confidence"][:, place] = confidence(transfer.share, calibration)
        if self.record.similarity is not None:
            records["similarity"] = similarity_from_distance(mean_distance(neighbors), self.record.similarity)
            records["label"][records["similarity"] < self.unknown_rate] = NO_LABEL
        return records
