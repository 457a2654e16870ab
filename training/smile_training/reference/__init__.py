"""The reference of a space: landmarks, map and the profiles of the labels."""

from smile_training.reference.feature_sets import measured_sets
from smile_training.reference.label_profiles_fit import (
    add_empty_profiles,
    extend_label_profiles,
    fit_label_profiles,
    has_profiles,
    profiles_name,
)
from smile_training.reference.layout import fit_map, place_on_map, require_enough_cells, require_map_packages
from smile_training.reference.mapped_reference import build_mapped_reference
from smile_training.reference.reference_points import build_reference
from smile_training.reference.teacher_labels import label_by_space

__all__ = [
    "add_empty_profiles",
    "build_mapped_reference",
    "build_reference",
    "extend_label_profiles",
    "fit_label_profiles",
    "fit_map",
    "has_profiles",
    "label_by_space",
    "measured_sets",
    "place_on_map",
    "profiles_name",
    "require_enough_cells",
    "require_map_packages",
]
