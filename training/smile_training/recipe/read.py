"""Reading of a recipe: TOML fields, completed with the defaults of variant, preset and kinds."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from smile_runtime.errors import RecipeError
from smile_training.recipe.checks import require_valid
from smile_training.recipe.ontology_groups import group_by_terms
from smile_training.recipe.presets import KINDS, PRESETS
from smile_training.recipe.records import Modality, Recipe

GUIDE = Path(__file__).with_name("recipes.md")
"""Page that explains all fields."""


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises
    ------
    RecipeError
        If the file is missing or not TOML, or if `resolve_recipe` rejects it.
    """
    try:
        fields = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}; give the path of a .toml file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}; see {GUIDE} for a recipe to start from") from error
    return resolve_recipe(fields, str(path))


def resolve_recipe(fields: dict[str, Any], origin: str) -> Recipe:
    """Complete a recipe's fields with those of its variant, preset and kinds, and validate them.

    Parameters
    ----------
    fields
        Fields of the TOML file.
    origin
        Name of the recipe for error messages.

    Raises
    ------
    RecipeError
        If a field is unknown, missing or out of range, or if fields contradict one another.
    """
    resolved = group_by_terms(_with_defaults(fields), origin)
    try:
        recipe = msgspec.convert(resolved, Recipe)
    except msgspec.ValidationError as error:
        reason = ("modalities[...]" in str(error) and _modality_error(resolved)) or str(error)
        raise RecipeError(f"the recipe {origin} cannot be used: {reason}; see {GUIDE} for the fields") from error
    require_valid(recipe, origin)
    return recipe


def _modality_error(resolved: dict[str, Any]) -> str | None:
    """Return the first error in a modality, with the modality's name, which msgspec omits; None without an error."""
    modalities = resolved.get("modalities")
    for name, modality in modalities.items() if isinstance(modalities, dict) else ():
        try:
            msgspec.convert(modality, Modality)
        except msgspec.ValidationError as error:
            path, text = f"`$.modalities.{name}", str(error)
            return text.replace("`$", path) if "`$" in text else f"{text} - at {path}`"
    return None


def _with_defaults(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields on top of those of the preset for this variant, and of each modality's kind."""
    preset = PRESETS.get(str(fields.get("preset", "published")), {}).get(str(fields.get("variant", "smile")), {})
    result = _merge({key: value for key, value in preset.items() if key != "kinds"}, fields)
    if "name" in fields:
        result.setdefault("title", fields["name"])
    modalities = fields.get("modalities")
    if isinstance(modalities, dict):
        result["modalities"] = {
            name: _with_kind(name, modality, preset.get("kinds", {})) for name, modality in modalities.items()
        }
    return result


def _with_kind(name: str, modality: Any, by_kind: dict[str, Any]) -> Any:  # noqa: ANN401 (not validated yet)
    """Return a modality on top of the fields of its kind, which is its name unless stated."""
    if not isinstance(modality, dict):
        return modality
    kind = str(modality.get("kind", name))
    defaults = _merge(KINDS.get(kind, {}), by_kind.get(kind, by_kind.get("other", {})))
    return {**_merge(defaults, modality), **({"kind": kind} if kind in KINDS else {})}


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return nested fields of both; on conflict ``top`` wins."""
    result = {**base, **top}
    for key in base.keys() & top.keys():
        if isinstance(base[key], dict) and isinstance(top[key], dict):
            result[key] = _merge(base[key], top[key])
    return result
