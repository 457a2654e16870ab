"""The recipe that a space is built from, and its presets."""

from smile_training.recipe import recipe
from smile_training.recipe.recipe import (
    Data,
    Loss,
    Modality,
    Network,
    Noise,
    Pairing,
    PreprocessingSettings,
    Recipe,
    Reference,
    Stem,
    Training,
    fingerprint,
    further_columns,
    read_recipe,
)

__all__ = [
    "Data",
    "Loss",
    "Modality",
    "Network",
    "Noise",
    "Pairing",
    "PreprocessingSettings",
    "Recipe",
    "Reference",
    "Stem",
    "Training",
    "fingerprint",
    "further_columns",
    "read_recipe",
    "recipe",
]
