"""The recipe that a space is built from: records, presets, reading and fingerprint."""

from smile_training.recipe.fingerprint import recipe_sha256
from smile_training.recipe.read import read_recipe
from smile_training.recipe.records import (
    Data,
    Kind,
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
)

__all__ = [
    "Data",
    "Kind",
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
    "read_recipe",
    "recipe_sha256",
]
