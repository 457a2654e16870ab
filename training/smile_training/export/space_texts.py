"""What a recipe says about its space in words, which can change without training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from smile_runtime.io import sha256_file
from smile_runtime.manifest import MANIFEST_NAME, FileRecord, SourceRecord, encode_manifest, read_manifest
from smile_training.export.recipe_writer import RECIPE_NAME, write_recipe
from smile_training.recipe import NOT_STATED, Recipe, Source

_TEXTS = ("title", "description", "intended_use", "ontology", "organism", "tissue", "license")
"""Fields that a recipe and the manifest of its space share."""


def space_texts(recipe: Recipe) -> dict[str, Any]:
    """Return the texts of a recipe that its manifest states, too."""
    return {name: getattr(recipe, name) for name in _TEXTS}


def source_records(recipe: Recipe, sha256: Mapping[str, list[str]]) -> list[SourceRecord]:
    """Return the data sources of all modalities, each file once."""
    records: dict[str, SourceRecord] = {}
    for name, modality in recipe.modalities.items():
        simulated = modality.data.simulate is not None
        for source, digest in zip(modality.data.sources, sha256[name], strict=True):
            record = SourceRecord(
                name=source.name, license=source.license, url=source.url, sha256=digest, simulated=simulated
            )
            records.setdefault(f"{digest}{simulated}", record)
    return list(records.values())


def recipe_document(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe for the manifest, without local folders."""
    plain: dict[str, Any] = msgspec.to_builtins(recipe)
    for modality in plain["modalities"].values():
        path = modality["data"]["path"]
        modality["data"]["path"] = (
            _without_folder(path) if isinstance(path, str) else [_without_folder(each) for each in path]
        )
    return plain


def differs_in_texts_alone(recipe: Recipe, built: Recipe) -> bool:
    """Return whether a space, built from one recipe, would be the same from another but for its texts."""
    return msgspec.json.encode(_without_texts(recipe)) == msgspec.json.encode(_without_texts(built))


def rewrite_texts(space: Path, recipe: Recipe) -> None:
    """Write the texts of a recipe into the manifest and the recipe of a space that was built from it.

    The recipe must state the sha256 of its data files. The card is left as it is.
    """
    document, digests = recipe_document(recipe), {}
    for name, modality in recipe.modalities.items():
        stated = modality.data.sha256
        digests[name] = [stated] if isinstance(stated, str) else stated
    write_recipe(space / RECIPE_NAME, document)
    written = FileRecord(sha256=sha256_file(space / RECIPE_NAME), size=(space / RECIPE_NAME).stat().st_size)
    manifest = read_manifest(space)
    manifest = msgspec.structs.replace(
        manifest,
        **space_texts(recipe),
        sources=source_records(recipe, digests),
        recipe=document,
        files={**manifest.files, RECIPE_NAME: written},
    )
    (space / MANIFEST_NAME).write_bytes(encode_manifest(manifest))


def _without_texts(recipe: Recipe) -> Recipe:
    """Return a recipe without its texts, except for an organism by which genes are named."""
    modalities = {
        name: msgspec.structs.replace(each, data=msgspec.structs.replace(each.data, source=Source()))
        for name, each in recipe.modalities.items()
    }
    names_genes = any(each.data.gene_symbols for each in recipe.modalities.values())
    return msgspec.structs.replace(
        recipe,
        title="",
        description=NOT_STATED,
        intended_use=msgspec.UNSET,
        ontology=msgspec.UNSET,
        organism=recipe.organism if names_genes else NOT_STATED,
        tissue=NOT_STATED,
        license=NOT_STATED,
        modalities=modalities,
    )


def _without_folder(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path
