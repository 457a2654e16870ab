"""Reference mapping: nearest neighbors, label transfer, confidence and similarity."""

from smile_runtime.mapping.confidence import calibrate_confidence, evidence_terms, inherit_confidence, weigh_evidence
from smile_runtime.mapping.dissimilarity import CellValues, Measures, dissimilarity_of, in_units, measure
from smile_runtime.mapping.distance_by_label import label_distances
from smile_runtime.mapping.expected_values import ExpectedValues, read_expected_values, write_expected_values
from smile_runtime.mapping.joint_mapper import JointMapper
from smile_runtime.mapping.label_means import LabelMeans
from smile_runtime.mapping.label_probability import RunnerUp, find_runner_up, label_probabilities
from smile_runtime.mapping.label_profiles import LabelProfiles, read_profiles, write_profiles
from smile_runtime.mapping.label_sets import LabelSets, common_names, label_scores, set_names
from smile_runtime.mapping.label_transfer import are_undetermined, neighbor_weights, transfer_labels
from smile_runtime.mapping.mixing import MAX_MIXING_CELLS, batch_mixing
from smile_runtime.mapping.nearest_neighbors import find_nearest_neighbors
from smile_runtime.mapping.pooling import PooledLabels, pool_labels, pool_probabilities
from smile_runtime.mapping.records import Records, joint_record_dtype, record_dtype
from smile_runtime.mapping.reference import Reference, read_points, write_points
from smile_runtime.mapping.reference_mapper import ReferenceMapper
from smile_runtime.mapping.similarity import mean_distance, similarity_of
from smile_runtime.mapping.unknown_cells import UNKNOWN, UNKNOWN_RATE, clear_empty, mark_unknown, require_rate

__all__ = [
    "MAX_MIXING_CELLS",
    "UNKNOWN",
    "UNKNOWN_RATE",
    "CellValues",
    "ExpectedValues",
    "JointMapper",
    "LabelMeans",
    "LabelProfiles",
    "LabelSets",
    "Measures",
    "PooledLabels",
    "Records",
    "Reference",
    "ReferenceMapper",
    "RunnerUp",
    "are_undetermined",
    "batch_mixing",
    "calibrate_confidence",
    "clear_empty",
    "common_names",
    "dissimilarity_of",
    "evidence_terms",
    "find_nearest_neighbors",
    "find_runner_up",
    "in_units",
    "inherit_confidence",
    "joint_record_dtype",
    "label_distances",
    "label_probabilities",
    "label_scores",
    "mark_unknown",
    "mean_distance",
    "measure",
    "neighbor_weights",
    "pool_labels",
    "pool_probabilities",
    "read_expected_values",
    "read_points",
    "read_profiles",
    "record_dtype",
    "require_rate",
    "set_names",
    "similarity_of",
    "transfer_labels",
    "weigh_evidence",
    "write_expected_values",
    "write_points",
    "write_profiles",
]
