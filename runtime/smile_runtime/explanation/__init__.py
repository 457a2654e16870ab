"""Explanations: which features carry the labels of cells."""

from smile_runtime.explanation.explanation import Explanation
from smile_runtime.explanation.feature_effects import CellValues
from smile_runtime.explanation.label_drivers import find_drivers
from smile_runtime.explanation.label_explanation import MAX_CELLS, explain
from smile_runtime.explanation.tables import require_free_tables, table_text, write_tables

__all__ = [
    "MAX_CELLS",
    "CellValues",
    "Explanation",
    "explain",
    "find_drivers",
    "require_free_tables",
    "table_text",
    "write_tables",
]
