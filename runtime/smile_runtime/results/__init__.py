"""Projection results: records, summaries, and the fields and files they are written to."""

from smile_runtime.results.anndata_fields import (
    field_names,
    label_keys,
    label_names,
    require_free_fields,
    require_key,
    write_fields,
)
from smile_runtime.results.batches import Batches, make_batches, make_clusters
from smile_runtime.results.cluster_labels import ClusterCounts, ClusterLabel
from smile_runtime.results.earlier_output import is_finished
from smile_runtime.results.label_agreement import AgreementCounts, LabelAccuracy, LabelAgreement, compare_labels
from smile_runtime.results.label_counts import BatchCount, LabelCount, LabelCounts
from smile_runtime.results.modality_counts import ModalityCount
from smile_runtime.results.output_file import OUTPUTS, require_kind, write_output
from smile_runtime.results.projection_summary import ProjectionSummary, summarize_projection
from smile_runtime.results.requested_fields import fields_on_request, members_of
from smile_runtime.results.results import MemoryResults, Projection, Results
from smile_runtime.results.resumable_results import ResumableResults, unfinished_folder, unfinished_path
from smile_runtime.results.set_counts import SetSizes

__all__ = [
    "OUTPUTS",
    "AgreementCounts",
    "BatchCount",
    "Batches",
    "ClusterCounts",
    "ClusterLabel",
    "LabelAccuracy",
    "LabelAgreement",
    "LabelCount",
    "LabelCounts",
    "MemoryResults",
    "ModalityCount",
    "Projection",
    "ProjectionSummary",
    "Results",
    "ResumableResults",
    "SetSizes",
    "compare_labels",
    "field_names",
    "fields_on_request",
    "is_finished",
    "label_keys",
    "label_names",
    "make_batches",
    "make_clusters",
    "members_of",
    "require_free_fields",
    "require_key",
    "require_kind",
    "summarize_projection",
    "unfinished_folder",
    "unfinished_path",
    "write_fields",
    "write_output",
]
