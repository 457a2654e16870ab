"""The reference of a space: landmarks and map."""

from smile_training.reference.layout import fit_map, require_enough_cells, require_map_packages
from smile_training.reference.reference_points import build_reference

__all__ = ["build_reference", "fit_map", "require_enough_cells", "require_map_packages"]
