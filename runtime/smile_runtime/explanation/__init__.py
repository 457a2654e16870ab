"""Explanations: which features carry the labels of cells."""

from smile_runtime.explanation.explanation import Explanation
from smile_runtime.explanation.feature_effects import CellValues
from smile_runtime.explanation.label_drivers import find_drivers
from smile_runtime.explanation.label_effects import MIN_COMPARED_CELLS
from smile_runtime.explanation.label_explanation import MAX_CELLS, explain
from smile_runtime.explanation.pair_screening import PairScreening, screen_pairs
from smile_runtime.explanation.sample_explanation import MAX_MULTIPLICATIONS, SampleExplanation, explain_sample
from smile_runtime.explanation.tables import require_free_tables, table_text, write_screening, write_tables

__all__ = [
    "MAX_CELLS",
    "MAX_MULTIPLICATIONS",
    "MIN_COMPARED_CELLS",
    "CellValues",
    "Explanation",
    "PairScreening",
    "SampleExplanation",
    "explain",
    "explain_sample",
    "find_drivers",
    "require_free_tables",
    "screen_pairs",
    "table_text",
    "write_screening",
    "write_tables",
]
