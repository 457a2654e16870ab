"""Reference mapping: nearest neighbors, label transfer, confidence and similarity."""

from smile_runtime.mapping.confidence import calibrate_confidence, evidence_terms, weigh_evidence
from smile_runtime.mapping.dissimilarity import CellValues, Measures, dissimilarity_of, in_units, measure
from smile_runtime.mapping.expected_values import ExpectedValues, read_expected_values, write_expected_values
from smile_runtime.mapping.label_profiles import LabelProfiles, read_profiles, write_profiles
from smile_runtime.mapping.label_transfer import are_undetermined, neighbor_weights, transfer_labels
from smile_runtime.mapping.mixing import MAX_MIXING_CELLS, batch_mixing
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.records import Records, record_dtype
from smile_runtime.mapping.reference import Reference, read_points, write_points
from smile_runtime.mapping.reference_mapper import ReferenceMapper
from smile_runtime.mapping.similarity import mean_distance, similarity_of
from smile_runtime.mapping.unknown_cells import UNKNOWN, UNKNOWN_RATE, mark_unknown, require_rate

__all__ = [
    "MAX_MIXING_CELLS",
    "UNKNOWN",
    "UNKNOWN_RATE",
    "CellValues",
    "ExpectedValues",
    "LabelProfiles",
    "Measures",
    "Records",
    "Reference",
    "ReferenceMapper",
    "are_undetermined",
    "batch_mixing",
    "calibrate_confidence",
    "dissimilarity_of",
    "evidence_terms",
    "find_nearest_neighbors",
    "in_units",
    "mark_unknown",
    "mean_distance",
    "measure",
    "neighbor_weights",
    "read_expected_values",
    "read_points",
    "read_profiles",
    "record_dtype",
    "require_rate",
    "similarity_of",
    "transfer_labels",
    "weigh_evidence",
    "write_expected_values",
    "write_points",
    "write_profiles",
]
