"""Fingerprint of a recipe, which ties metrics to the settings that gave them."""

import hashlib

import msgspec

from smile_training.recipe.records import Recipe


def recipe_sha256(recipe: Recipe) -> str:
    """Return the sha256 of a resolved recipe, covering every setting that its metrics depend on."""
    trained = msgspec.structs.replace(recipe, export=msgspec.UNSET, intended_use=msgspec.UNSET)
    return hashlib.sha256(msgspec.json.encode(trained)).hexdigest()
