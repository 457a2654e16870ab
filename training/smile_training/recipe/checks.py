"""Checks of a recipe across fields, which the types of single fields cannot express."""

from smile_runtime.errors import RecipeError
from smile_training.recipe.records import Recipe


def require_valid(recipe: Recipe, origin: str) -> None:
    """Raise RecipeError if the modalities, names or label columns of a recipe contradict one another."""
    _require_modalities(recipe, origin)
    _require_simulated_names(recipe, origin)
    _require_label_columns(recipe, origin)
    _require_redrawable(recipe, origin)


def _require_modalities(recipe: Recipe, origin: str) -> None:
    n = len(recipe.modalities)
    minimum, maximum = {"smile": (1, 1), "composition": (2, None)}.get(recipe.variant, (2, 2))
    if n < minimum or (maximum is not None and n > maximum):
        needed = f"{minimum}" if minimum == maximum else f"at least {minimum}"
        raise RecipeError(
            f"the recipe {origin} has {n} modalities ({', '.join(recipe.modalities) or 'none'}), {recipe.variant} "
            f"needs {needed}; give each a table [modalities.NAME], or choose another variant"
        )


def _require_simulated_names(recipe: Recipe, origin: str) -> None:
    for name in recipe.simulated:
        if "simulated" not in name or "simulated" not in recipe.name:
            raise RecipeError(
                f"the recipe {origin} simulates {name!r}; include the word simulated in the names of that modality and "
                "of the recipe, so that nobody mistakes the values for measurements"
            )


def _require_label_columns(recipe: Recipe, origin: str) -> None:
    levels, others = recipe.further_label_columns
    for name, modality in recipe.modalities.items():
        data = modality.data
        if data.levels not in ([], levels):
            raise RecipeError(
                f"the recipe {origin} has the levels {', '.join(data.levels)} for {name} and {', '.join(levels)} for "
                "another modality; give both the same levels, or leave them out of one"
            )
        if data.label_key is None and (data.levels or data.more_labels):
            raise RecipeError(
                f"the recipe {origin} has levels or more_labels for {name} and no data.label_key, which is the finest "
                "level; add it"
            )
        keys = [data.label_key, *levels, *others]
        if repeated := [key for key in keys if key is not None and keys.count(key) > 1]:
            raise RecipeError(
                f"the recipe {origin} names the label column {repeated[0]!r} of {name} twice; name it once"
            )


def _require_redrawable(recipe: Recipe, origin: str) -> None:
    for name, modality in recipe.modalities.items():
        noise, values = modality.noise, modality.preprocessing.values
        if noise.redraws_counts and values in ("levels", "numbers"):
            field = "min_depth" if noise.min_depth < 1 else "ambient"
            raise RecipeError(
                f"the recipe {origin} has noise.{field} = {getattr(noise, field):g} for {name}, whose values are "
                f"{values} and not counts; set noise.{field} = {'1' if field == 'min_depth' else '0'}"
            )
        if noise.redraws and modality.stem is None:
            raise RecipeError(
                f"the recipe {origin} sets noise.min_depth, noise.min_features or noise.ambient for {name}, which "
                f"need a stem; add [modalities.{name}.stem], or use noise.masking"
            )
