"""Restoring of trained encoders from a space directory, as teachers of further modalities."""

import msgspec
import numpy as np
from safetensors.torch import load_file

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import weights_name
from smile_runtime.space import Space
from smile_training.data import Cells
from smile_training.model.network import SmileNetwork
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe import Network, Recipe


def restore_encoders(space: Space, recipe: Recipe) -> dict[str, TrainedEncoder]:
    """Restore the encoders of a space that a composition extends.

    Parameters
    ----------
    space
        Open, and therefore verified, space.
    recipe
        Recipe of the extended space.

    Raises
    ------
    RecipeError
        If the recipe is not a composition that extends this space, or the space lacks its torch weights.
    """
    first = next(iter(recipe.modalities))
    if recipe.variant != "composition" or first not in space.encoders:
        raise RecipeError(
            f"the space {space.name} has the encoders {', '.join(space.encoders)}; a recipe that extends it needs "
            f"variant = 'composition' and one of them as its first modality, not {recipe.variant!r} and {first!r}"
        )
    if unknown := [name for name in space.encoders if name not in recipe.modalities]:
        raise RecipeError(
            f"the space {space.name} has the encoder {unknown[0]!r}, the recipe does not; keep its table in the recipe"
        )
    if not set(recipe.modalities) - set(space.encoders):
        raise RecipeError(
            f"the space {space.name} already has all modalities of the recipe; add a table [modalities.NAME]"
        )
    return {name: _restore(space, name) for name in recipe.modalities if name in space.encoders}


def require_matched(space: Space, modality: str, cells: Cells) -> None:
    """Raise RecipeError unless cells have as many features of an encoder of the space as a query needs."""
    features, needed = space.encoders[modality].features, space.encoder(modality).record.min_matched
    found = np.isin(features.ids, cells.features)
    if (share := float(features.weight[found].sum())) < needed:
        raise RecipeError(
            f"the encoder {modality!r} of the space {space.name} needs {needed:.0%} of its feature weight, the data "
            f"have {share:.0%}: {int(found.sum()):,} of {len(found):,} features; it was trained on features such as "
            f"{features.ids[0]!r}, give data that have them"
        )


def _restore(space: Space, modality: str) -> TrainedEncoder:
    path = space.path / weights_name(modality)
    if not path.is_file():
        raise RecipeError(f"the space {space.name} lacks its torch weights, {path}; use a copy that has them")
    encoder = space.encoders[modality]
    sizes = msgspec.convert(space.manifest.recipe["network"], Network)
    state = load_file(path)
    stem = state["stem"].numpy() if "stem" in state else None
    network = SmileNetwork(len(encoder.features), sizes, stem)
    network.load_state_dict(state)
    return TrainedEncoder(encoder.features.ids, encoder.preprocessing, network.eval())
