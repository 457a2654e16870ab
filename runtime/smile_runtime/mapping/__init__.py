"""Reference mapping: nearest neighbors, label transfer, confidence and similarity."""

from smile_runtime.mapping.calibration import confidence
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.mixing import MOST_CELLS, batch_mixing
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.records import Records, record_type
from smile_runtime.mapping.reference import Reference, read_points, write_points
from smile_runtime.mapping.reference_mapper import ReferenceMapper
from smile_runtime.mapping.similarity import (
    UNKNOWN,
    UNKNOWN_RATE,
    mean_distance,
    require_rate,
    similarity_from_distance,
)

__all__ = [
    "MOST_CELLS",
    "UNKNOWN",
    "UNKNOWN_RATE",
    "Records",
    "Reference",
    "ReferenceMapper",
    "batch_mixing",
    "confidence",
    "find_nearest_neighbors",
    "mean_distance",
    "neighbor_weights",
    "read_points",
    "record_type",
    "require_rate",
    "similarity_from_distance",
    "transfer_labels",
    "write_points",
]
