"""The recipe: the TOML file from which a space can be built again.

Every field has the published setting as its default (Xu, Das & McCord 2022); ``preset`` starts from another named set.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from smile_runtime.errors import RecipeError
from smile_runtime.preprocessing import Scaling

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e300)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
"""What can be the name of a file or folder."""


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
    n_top_features: Count = 2000
    """Highly variable features kept, chosen over batches; all where there are fewer."""


class PreprocessingSettings(Section, frozen=True):
    """How raw values become encoder input."""

    target_sum: Positive | Literal["none"] = 1e4
    """What each cell is scaled to; ``none`` for no per-cell scale."""
    log1p: bool = True
    scaling: Scaling = "sd"

    @property
    def total(self) -> float | None:
        """The total that each cell is scaled to; None for no per-cell scale."""
        return None if self.target_sum == "none" else self.target_sum


class Stem(Section, frozen=True):
    """A frozen linear map before the encoder: PCA of the centred, scaled values."""

    n_components: Count = 50


class Network(Section, frozen=True):
    """Layer sizes."""

    hidden: list[Count] = msgspec.field(default_factory=lambda: [1000, 512])
    n_latent: Count = 128
    n_projection: Count = 32
    n_pseudo_types: Annotated[int, msgspec.Meta(ge=2)] = 25


class Pairing(Section, frozen=True):
    """Which two cells are a positive pair."""

    kind: Literal["self", "neighbour", "label", "label_neighbour"] = "self"
    """A cell with itself; with a near cell of any batch; with all cells of its label; with a near one of its label."""
    n_neighbors: Count = 5
    """Partners are drawn from this many nearest cells in each batch."""


class Noise(Section, frozen=True):
    """What makes the two views of a pair differ."""

    gaussian: Amount = 1.0
    """Standard deviation of the noise added to the encoder's input (to the components, where there is a stem)."""
    masking: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Share of a view's features that are hidden as if they had not been measured."""


class Loss(Section, frozen=True):
    """Temperatures of the two contrastive terms."""

    temperature: Positive = 0.05
    pseudo_type_temperature: Positive = 0.15


class Optimiser(Section, frozen=True):
    """Stochastic gradient descent."""

    lr: Positive = 0.01
    momentum: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.9
    weight_decay: Amount = 5e-4


class Reference(Section, frozen=True):
    """What the space keeps of its reference cells."""

    kind: Literal["landmarks", "cells"] = "landmarks"
    n_landmarks: Count = 300
    n_neighbors: Count = 15
    map_method: Literal["umap", "tsne"] = "umap"
    min_matched: Share = 0.1
    """Share of what the encoder looks at (the features' weights) that a query must have."""
    folds: Annotated[int, msgspec.Meta(ge=2)] = 3
    """Folds of the cross-validation that calibrates the confidence and measures label transfer."""
    repeats: Count = 3
    """How often that cross-validation is repeated, with another seed each time."""


class Recipe(Section, frozen=True):
    """Everything that decides what a space becomes."""

    name: Name
    title: str
    description: str
    organism: str
    tissue: str
    licence: str
    data: Data
    modality: Name = "rna"
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
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 512
    epochs: Count = 5
    precision: Literal["float32", "bf16"] = "float32"
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0


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
    preset = fields.get("preset")
    base = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    try:
        recipe = msgspec.convert(_merged(base, fields), Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"the recipe {origin} cannot be used: {error}; see docs/recipes.md for the fields") from error
    return recipe


def _merged(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    result = {**base, **top}
    for key in base.keys() & top.keys():
        if isinstance(base[key], dict) and isinstance(top[key], dict):
            result[key] = _merged(base[key], top[key])
    return result
