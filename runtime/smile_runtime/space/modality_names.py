"""The modality of a space that a name stands for."""

from smile_runtime.features import kind_of_features, modality_of_word
from smile_runtime.manifest import Manifest


def named_modality(manifest: Manifest, name: str) -> str:
    """Return the modality of a space that a name or another word for its features, such as ``prot``, stands for.

    The name itself is returned if it stands for none or for several.
    """
    recipe = manifest.recipe.get("modalities", {})
    modalities = [*manifest.encoders, *(record.modality_to for record in manifest.imputations or ())]
    kinds = {each: kind_of_features(recipe.get(each, {}).get("kind", each)) for each in modalities}
    return modality_of_word(name, kinds)
