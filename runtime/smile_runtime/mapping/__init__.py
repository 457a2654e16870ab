"""Reference mapping: nearest neighbors, label transfer, confidence and similarity."""

from smile_runtime.mapping.batch_mixing import MOST_CELLS, batch_mixing
from smile_runtime.mapping.calibration import confidence
from smile_runtime.mapping.label_transfer import neighbour_weights, transfer_labels
from smile_runtime.mapping.nearest_neighbors import nearest_neighbours
from smile_runtime.mapping.records import Records, record_type
from smile_runtime.mapping.reference import Reference, read_points, write_points
from smile_runtime.mapping.reference_mapper import Placement
from smile_runtime.mapping.similarity import UNKNOWN, UNKNOWN_RATE, mean_distance, require_rate, similarity

__all__ = [
    "MOST_CELLS",
    "UNKNOWN",
    "UNKNOWN_RATE",
    "Placement",
    "Records",
    "Reference",
    "batch_mixing",
    "confidence",
    "mean_distance",
    "nearest_neighbours",
    "neighbour_weights",
    "read_points",
    "record_type",
    "require_rate",
    "similarity",
    "transfer_labels",
    "write_points",
]
