"""The reference of a space: landmarks, map, the profiles of the labels and expected values of other modalities."""

from smile_training.reference.expected_values_fit import (
    expected_values_name,
    fit_expected_values,
    has_imputed_values,
    imputed_values,
    unit_of,
)
from smile_training.reference.label_profiles_fit import (
    add_empty_profiles,
    extend_label_profiles,
    fit_label_profiles,
    has_profiles,
    profiles_name,
)
from smile_training.reference.layout import fit_map, place_on_map, require_enough_cells, require_map_packages
from smile_training.reference.mapped_reference import build_mapped_reference
from smile_training.reference.measured_set import measured_sets
from smile_training.reference.reference_points import build_reference
from smile_training.reference.space_labeling import label_by_space

__all__ = [
    "add_empty_profiles",
    "build_mapped_reference",
    "build_reference",
    "expected_values_name",
    "extend_label_profiles",
    "fit_expected_values",
    "fit_label_profiles",
    "fit_map",
    "has_imputed_values",
    "has_profiles",
    "imputed_values",
    "label_by_space",
    "measured_sets",
    "place_on_map",
    "profiles_name",
    "require_enough_cells",
    "require_map_packages",
    "unit_of",
]
