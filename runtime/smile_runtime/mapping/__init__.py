"""Reference mapping: nearest neighbors, label transfer, confidence and similarity."""

from smile_runtime.mapping.confidence import calibrate_confidence
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.mixing import MAX_MIXING_CELLS, batch_mixing
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.records import Records, record_dtype
from smile_runtime.mapping.reference import Reference, read_points, write_points
from smile_runtime.mapping.reference_mapper import ReferenceMapper
from smile_runtime.mapping.similarity import mean_distance, similarity_from_distance
from smile_runtime.mapping.unknown_cells import UNKNOWN, UNKNOWN_RATE, mark_unknown, require_rate

__all__ = [
    "MAX_MIXING_CELLS",
    "UNKNOWN",
    "UNKNOWN_RATE",
    "Records",
    "Reference",
    "ReferenceMapper",
    "batch_mixing",
    "calibrate_confidence",
    "find_nearest_neighbors",
    "mark_unknown",
    "mean_distance",
    "neighbor_weights",
    "read_points",
    "record_dtype",
    "require_rate",
    "similarity_from_distance",
    "transfer_labels",
    "write_points",
]
