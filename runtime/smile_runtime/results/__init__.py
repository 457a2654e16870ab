"""Projection results: records, summaries, and the fields and files they are written to."""

from smile_runtime.results.anndata_fields import label_keys, require_free, require_key, write_fields
from smile_runtime.results.label_counts import BatchCount, LabelCount, Tally
from smile_runtime.results.output_file import OUTPUTS, require_apart, require_kind, write_output
from smile_runtime.results.projection_summary import Overview, make_batches, make_overview
from smile_runtime.results.results import MemoryResults, Projection, Results
from smile_runtime.results.resumable_results import UnfinishedResults, unfinished_folder

__all__ = [
    "OUTPUTS",
    "BatchCount",
    "LabelCount",
    "MemoryResults",
    "Overview",
    "Projection",
    "Results",
    "Tally",
    "UnfinishedResults",
    "label_keys",
    "make_batches",
    "make_overview",
    "require_apart",
    "require_free",
    "require_key",
    "require_kind",
    "unfinished_folder",
    "write_fields",
    "write_output",
]
