"""The recipe that a space is built from: records, presets, reading and fingerprint."""

from smile_training.recipe.cell_ontology import term_names
from smile_training.recipe.fingerprint import recipe_sha256
from smile_training.recipe.presets import accepted_values
from smile_training.recipe.read import read_recipe, resolve_recipe
from smile_training.recipe.records import (
    MAX_BATCH_FOLDS,
    MAX_SAMPLE_CELLS,
    NOT_STATED,
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
    Source,
    Stem,
    Training,
    with_evaluation,
)

__all__ = [
    "MAX_BATCH_FOLDS",
    "MAX_SAMPLE_CELLS",
    "NOT_STATED",
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
    "Source",
    "Stem",
    "Training",
    "accepted_values",
    "read_recipe",
    "recipe_sha256",
    "resolve_recipe",
    "term_names",
    "with_evaluation",
]
