"""The reference of a space: landmarks and map."""

from smile_training.reference.layout import fit_map, require_enough_cells
from smile_training.reference.summary import summarize

__all__ = ["fit_map", "require_enough_cells", "summarize"]
