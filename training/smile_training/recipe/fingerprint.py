"""Fingerprint of a recipe, which ties metrics to the settings that gave them."""

import hashlib

import msgspec

from smile_training.recipe.records import Recipe


def recipe_sha256(recipe: Recipe) -> str:
    """Return the sha256 of a resolved recipe, covering every setting that its metrics depend on."""
    unset = dict.fromkeys(("export", "intended_use", "ontology"), msgspec.UNSET)
    trained = msgspec.structs.replace(recipe, **unset)
    return hashlib.sha256(msgspec.json.encode(trained)).hexdigest()
