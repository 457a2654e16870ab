"""The recipe: the TOML file from which a space can be built again.

Every field has the published setting as its default (Xu, Das & McCord 2022); ``preset`` starts from another named set.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from smile_runtime.errors import RecipeError
from smile_runtime.preprocessing import Scaling


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a recipe's sections: immutable, and strict about what they hold."""


class Source(Section, frozen=True):
    """Where the cells come from, for the manifest and the card."""

    name: str
    licence: str
    url: str = ""


class Data(Section, frozen=True):
    """The cells to train on."""

    path: str
    """An h5ad file, relative to the data folder."""
    source: Source
    sha256: str = ""
    """Checked before the file is opened, where given."""
    layer: str | None = None
    values: Literal["counts", "lognorm"] | None = None
    """What the values are; None: recognised."""
    batch_key: str | None = None
    label_key: str | None = None
    n_top_features: int = 2000
    """Highly variable features kept, chosen over batches; all where there are fewer."""


class PreprocessingSettings(Section, frozen=True):
    """How raw values become encoder input."""

    target_sum: float | None = 1e4
    log1p: bool = True
    scaling: Scaling = "sd"


class Stem(Section, frozen=True):
    """A frozen linear map before the encoder: PCA of the centred, scaled values."""

    n_components: int = 50


class Network(Section, frozen=True):
    """Layer sizes."""

    hidden: list[int] = msgspec.field(default_factory=lambda: [1000, 512])
    n_latent: int = 128
    n_projection: int = 32
    n_pseudo_types: int = 25


class Pairing(Section, frozen=True):
    """Which two cells are a positive pair."""

    kind: Literal["self", "neighbour", "label", "label_neighbour"] = "self"
    """A cell with itself; with a near cell of any batch; with all cells of its label; with a near one of its label."""
    n_neighbors: int = 5
    """Partners are drawn from this many nearest cells in each batch."""


class Noise(Section, frozen=True):
    """What makes the two views of a pair differ."""

    gaussian: float = 1.0
    """Standard deviation of the noise added to the encoder's input (to the components, where there is a stem)."""
    masking: float = 0.0
    """Share of a view's features that are hidden as if they had not been measured."""


class Loss(Section, frozen=True):
    """Temperatures of the two contrastive terms."""

    temperature: float = 0.05
    pseudo_type_temperature: float = 0.15


class Optimiser(Section, frozen=True):
    """Stochastic gradient descent."""

    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4


class Reference(Section, frozen=True):
    """What the space keeps of its reference cells."""

    kind: Literal["landmarks", "cells"] = "landmarks"
    n_landmarks: int = 300
    n_neighbors: int = 15
    map_method: Literal["umap", "tsne"] = "umap"
    min_matched: float = 0.1
    """Share of what the encoder looks at (the features' weights) that a query must have."""
    folds: int = 3
    """Folds of the cross-validation that calibrates the confidence and measures label transfer."""
    repeats: int = 3
    """How often that cross-validation is repeated, with another seed each time."""


class Recipe(Section, frozen=True):
    """Everything that decides what a space becomes."""

    name: str
    title: str
    description: str
    organism: str
    tissue: str
    licence: str
    data: Data
    modality: str = "rna"
    variant: Literal["smile"] = "smile"
    preset: Literal["published", "stem"] = "published"
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    stem: Stem | None = None
    network: Network = msgspec.field(default_factory=Network)
    pairing: Pairing = Pairing()
    noise: Noise = Noise()
    loss: Loss = Loss()
    optimiser: Optimiser = Optimiser()
    reference: Reference = Reference()
    batch_size: int = 512
    epochs: int = 5
    precision: Literal["float32", "bf16"] = "float32"
    seed: int = 0


PRESETS: dict[str, dict[str, Any]] = {
    "published": {},
    "stem": {
        "preprocessing": {"scaling": "sqrt_sd"},
        "stem": {},
        "pairing": {"kind": "neighbour"},
        "noise": {"gaussian": 0.15},
        "epochs": 300,
    },
}
"""Named starting points: what each sets apart from the defaults. A recipe's own fields come on top."""


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises
    ------
    RecipeError
        If there is no such file, it is not TOML, or a field is unknown, missing or out of range.
    """
    try:
        fields = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}; give the path of a .toml file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}; see docs/recipes.md for a recipe to start from") from error
    return resolve_recipe(fields, str(path))


def resolve_recipe(fields: dict[str, Any], origin: str) -> Recipe:
    """Lay a recipe's own fields over its preset and check them; ``origin`` names the recipe in errors.

    Raises
    ------
    RecipeError
        If a field is unknown, missing or out of range.
    """
    base = PRESETS.get(fields.get("preset", "published"), {})
    try:
        recipe = msgspec.convert(_merged(base, fields), Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"the recipe {origin} cannot be used: {error}; see docs/recipes.md for the fields") from error
    for field, value, least in _lower_bounds(recipe):
        if not value >= least:
            raise RecipeError(f"the recipe {origin} has {field} = {value}, it must be at least {least}")
    return recipe


def _merged(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    result = {**base, **top}
    for key in base.keys() & top.keys():
        if isinstance(base[key], dict) and isinstance(top[key], dict):
            result[key] = _merged(base[key], top[key])
    return result


def _lower_bounds(recipe: Recipe) -> list[tuple[str, float, float]]:
    bounds: list[tuple[str, float, float]] = [
        ("batch_size", recipe.batch_size, 2),
        ("epochs", recipe.epochs, 1),
        ("data.n_top_features", recipe.data.n_top_features, 1),
        ("noise.gaussian", recipe.noise.gaussian, 0),
        ("noise.masking", recipe.noise.masking, 0),
        ("network.n_latent", recipe.network.n_latent, 1),
        ("network.n_projection", recipe.network.n_projection, 1),
        ("network.n_pseudo_types", recipe.network.n_pseudo_types, 2),
        ("pairing.n_neighbors", recipe.pairing.n_neighbors, 1),
        ("loss.temperature", recipe.loss.temperature, 1e-4),
        ("loss.pseudo_type_temperature", recipe.loss.pseudo_type_temperature, 1e-4),
        ("reference.n_landmarks", recipe.reference.n_landmarks, 1),
        ("reference.n_neighbors", recipe.reference.n_neighbors, 1),
        ("reference.folds", recipe.reference.folds, 2),
        ("reference.repeats", recipe.reference.repeats, 1),
    ]
    return bounds
