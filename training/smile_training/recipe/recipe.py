"""The recipe: the TOML file from which a space can be built again.

Every field has the published setting as its default (Xu, Das & McCord 2022); ``preset`` starts from another named set,
and a modality's ``kind`` says how its values are prepared.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import AcceptedValues, Scaling
from smile_training.recipe.presets import KINDS, PRESETS, Kind, Variant

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e300)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
"""What can be the name of a file or folder."""
Column = Annotated[str, msgspec.Meta(pattern=r"^[^/]+\Z")]
"""A column of obs after which a field of an h5ad file can be named."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a recipe's sections: immutable, and strict about what they hold."""


class Source(Section, frozen=True):
    """Where the cells come from, for the manifest and the card."""

    name: str
    license: str = msgspec.field(name="licence")
    url: str = ""


class Contacts(Section, frozen=True):
    """What contact files must be, and which contacts are kept."""

    genome: str = ""
    """Assembly that ``.cool`` and ``.scool`` files must state."""
    resolution: Count | None = None
    """Size of their bins in base pairs."""
    max_distance: Count | None = None
    """Contacts of bins further apart than this many base pairs are dropped."""


class Data(Section, frozen=True):
    """The cells of one modality."""

    path: str | list[str]
    """A file, relative to the data folder: .h5ad, .h5mu, .cool, .scool or a folder of .cool; several are joined."""
    source: Source
    sha256: str | list[str] = ""
    """Of each file; checked before it is opened, where given."""
    obs: str = ""
    """A table of the cells (.tsv, .csv; first column their names), for files that hold none, as .scool."""
    mudata_key: str | None = None
    """Name of the modality in an .h5mu file; None: as in the recipe."""
    layer: str | None = None
    values: Literal["counts", "lognorm"] | None = None
    """What expression values are; None: recognized."""
    batch_key: str | None = None
    label_key: str | None = None
    """The column of labels that training pairs by and figures are of: the finest level."""
    levels: list[Column] = []
    """Coarser columns, the coarsest first: each label lies within one of the next coarser column."""
    more_labels: list[Column] = []
    """Further columns whose labels queries get, independent of the others."""
    select: Literal["variable", "count", "idf"] = "variable"
    """Which features are kept: those that vary most over batches, those seen in most cells, or in fewest."""
    n_top_features: Count = 2000
    """How many are kept; all where there are no more."""
    min_cells: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Features seen in fewer cells are dropped."""
    contacts: Contacts = Contacts()
    simulate: Literal["mark", "methylation"] | None = None
    """Values simulated for these cells, from these values; None: as measured."""


class PreprocessingSettings(Section, frozen=True):
    """How raw values become encoder input: the steps of `smile_runtime.encoder.preprocessing`."""

    values: AcceptedValues = "expression"
    binarize: bool = msgspec.field(default=False, name="binarise")
    target_sum: Positive | Literal["none"] = 1e4
    """What each cell is scaled to; ``none`` for no scale to a total."""
    clr: bool = False
    per_band: bool = False
    log1p: bool = True
    tfidf: bool = False
    scaling: Scaling = "sd"

    @property
    def total(self) -> float | None:
        """The total that each cell is scaled to; None for no such scale."""
        return None if self.target_sum == "none" else self.target_sum


class Stem(Section, frozen=True):
    """A frozen linear map before the encoder: PCA of the centered, scaled values, or latent semantic indexing."""

    n_components: Count = 50
    kind: Literal["pca", "lsi"] = "pca"
    """``lsi``: of values that are not centered, without the first component, which is depth."""


class Network(Section, frozen=True):
    """Layer sizes."""

    hidden: list[Count] = msgspec.field(default_factory=lambda: [1000, 512])
    n_latent: Count = 128
    n_projection: Count = 32
    n_pseudo_types: Annotated[int, msgspec.Meta(ge=2)] = 25
    negative_slope: Share = 0.0
    """Of the activation: 0 is ReLU."""
    heads: bool = True
    """Whether projection and pseudo types have layers of their own; without, they are the encoding itself."""


class Pairing(Section, frozen=True):
    """Which two cells are a positive pair."""

    kind: Literal["self", "neighbour", "label", "label_neighbour"] = "self"
    """A cell with itself; with a near cell of any batch; with all cells of its label; with a near one of its label."""
    n_neighbors: Count = 5
    """Partners are drawn from this many nearest cells in each batch."""
    unpaired: bool = False
    """Whether a labeled cell that only the further modality measured learns from cells of its label in the first."""


class Noise(Section, frozen=True):
    """What makes the two views of a pair differ."""

    gaussian: Amount = 1.0
    """Standard deviation of the noise added to the encoder's input (to the components, where there is a stem)."""
    masking: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Share of a view's features that are hidden as if they had not been measured."""


class Loss(Section, frozen=True):
    """Temperatures and weights of the terms."""

    temperature: Positive = 0.05
    pseudo_type_temperature: Positive = 0.15
    mse_weight: Amount = 1.0
    """Of the mean squared distance of a pair's two encodings."""
    entropy_weights: tuple[Amount, Amount] = (0.2, 0.4)
    """Of the entropies of both encodings in reference SMILE."""


class Optimizer(Section, frozen=True):
    """Stochastic gradient descent."""

    lr: Positive = 0.01
    momentum: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.9
    weight_decay: Amount = 5e-4


class Training(Section, frozen=True):
    """How encoders learn."""

    pairing: Pairing = Pairing()
    loss: Loss = Loss()
    optimizer: Optimizer = msgspec.field(default_factory=Optimizer, name="optimiser")
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 512
    pretraining_epochs: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of each modality on its own, in reference SMILE."""
    epochs: Count = 5
    precision: Literal["float32", "bf16"] = "float32"


class Modality(Section, frozen=True):
    """One modality: its cells, and what its encoder is fed."""

    kind: Kind
    data: Data
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    stem: Stem | None = None
    noise: Noise = Noise()


class Reference(Section, frozen=True):
    """What the space keeps of its reference cells."""

    kind: Literal["landmarks", "cells"] = "landmarks"
    n_landmarks: Count = 300
    n_neighbors: Count = 15
    map_method: Literal["umap", "tsne"] = "umap"
    min_matched: Share = 0.1
    """Share of what the encoder looks at (the features' weights) that a query must have."""
    folds: Annotated[int, msgspec.Meta(ge=2)] = 3
    """Folds of the cross-validation that calibrates the confidence and measures the space."""
    repeats: Count = 3
    """How often that cross-validation is repeated, with another seed each time."""


class Export(Section, frozen=True):
    """What is written beside the float32 graphs; it changes no figure."""

    int8: bool = False
    """Whether encoders get an int8 graph too, where that comes near enough to float32."""


class Recipe(Section, frozen=True):
    """Everything that decides what a space becomes."""

    name: Name
    title: str
    description: str
    organism: str
    tissue: str
    license: str = msgspec.field(name="licence")
    modalities: dict[Name, Modality]
    """By name. The first is the one that tells cell types apart best: it is paired with itself in mpSMILE, and is the
    teacher in a composition."""
    variant: Variant = "smile"
    preset: Literal["published", "stem"] = "published"
    network: Network = msgspec.field(default_factory=Network)
    training: Training = Training()
    """Of all encoders together; of the teacher in a composition."""
    students: Training = Training()
    """Of each further modality in a composition."""
    reference: Reference = Reference()
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    export: Export | msgspec.UnsetType = msgspec.UNSET

    @property
    def simulated(self) -> tuple[str, ...]:
        """Modalities whose values were never measured."""
        return tuple(name for name, modality in self.modalities.items() if modality.data.simulate)


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
    """Lay a recipe's own fields over those of its variant, preset and kinds, and check them.

    Parameters
    ----------
    fields
        As they stand in the TOML file.
    origin
        Names the recipe in errors.

    Raises
    ------
    RecipeError
        If a field is unknown, missing or out of range, or the variant cannot have these modalities.
    """
    resolved = _with_defaults(fields)
    try:
        recipe = msgspec.convert(resolved, Recipe)
    except msgspec.ValidationError as error:
        reason = ("modalities[...]" in str(error) and _modality_error(resolved)) or str(error)
        raise RecipeError(
            f"the recipe {origin} cannot be used: {reason}; see docs/recipes.md for the fields"
        ) from error
    _require_modalities(recipe, origin)
    _require_simulated_names(recipe, origin)
    _require_label_columns(recipe, origin)
    return recipe


def _modality_error(resolved: dict[str, Any]) -> str | None:
    """Return what is wrong with a modality, by its name, which msgspec does not tell; None if all are right."""
    modalities = resolved.get("modalities")
    for name, modality in modalities.items() if isinstance(modalities, dict) else ():
        try:
            msgspec.convert(modality, Modality)
        except msgspec.ValidationError as error:
            return (
                str(error).replace("`$", f"`$.modalities.{name}")
                if "`$" in str(error)
                else f"{error} - at `$.modalities.{name}`"
            )
    return None


def fingerprint(recipe: Recipe) -> str:
    """Return the sha256 of a resolved recipe: of every setting that its figures depend on."""
    trained = msgspec.structs.replace(recipe, export=msgspec.UNSET)
    return hashlib.sha256(msgspec.json.encode(trained)).hexdigest()


def _with_defaults(fields: dict[str, Any]) -> dict[str, Any]:
    preset = PRESETS.get(str(fields.get("preset", "published")), {}).get(str(fields.get("variant", "smile")), {})
    base = {key: value for key, value in preset.items() if key != "kinds"}
    result = _merged(base, fields)
    modalities = fields.get("modalities")
    if isinstance(modalities, dict):
        result["modalities"] = {
            name: _with_kind(name, modality, preset.get("kinds", {})) for name, modality in modalities.items()
        }
    return result


def _with_kind(name: str, modality: Any, by_kind: dict[str, Any]) -> Any:  # noqa: ANN401 (as it stands in the file)
    if not isinstance(modality, dict):
        return modality
    kind = str(modality.get("kind", name))
    known = _merged(KINDS.get(kind, {}), by_kind.get(kind, by_kind.get("other", {})))
    return {**_merged(known, modality), **({"kind": kind} if kind in KINDS else {})}


def _require_modalities(recipe: Recipe, origin: str) -> None:
    n = len(recipe.modalities)
    names = ", ".join(recipe.modalities) or "none"
    least, most = {"smile": (1, 1), "composition": (2, None)}.get(recipe.variant, (2, 2))
    if n < least or (most is not None and n > most):
        need = f"{least}" if most == least else f"at least {least}"
        raise RecipeError(
            f"the recipe {origin} has {n} modalities ({names}), {recipe.variant} needs {need}; "
            "give each a table [modalities.NAME], or choose another variant"
        )


def _require_simulated_names(recipe: Recipe, origin: str) -> None:
    for name in recipe.simulated:
        if "simulated" not in name or "simulated" not in recipe.name:
            raise RecipeError(
                f"the recipe {origin} simulates {name!r}; put the word simulated into the name of that modality and of "
                "the recipe, so that nobody takes it for measured"
            )


def further_columns(recipe: Recipe) -> tuple[list[str], list[str]]:
    """Return the label columns of any modality beside the primary one: levels, the coarsest first, and others."""
    data = [modality.data for modality in recipe.modalities.values()]
    levels = next((each.levels for each in data if each.levels), [])
    more = dict.fromkeys(name for each in data for name in each.more_labels)
    return levels, list(more)


def _require_label_columns(recipe: Recipe, origin: str) -> None:
    levels, more = further_columns(recipe)
    for name, modality in recipe.modalities.items():
        data = modality.data
        if data.levels not in ([], levels):
            raise RecipeError(
                f"the recipe {origin} has the levels {', '.join(data.levels)} for {name} and {', '.join(levels)} for "
                "another modality; give all the same, or give one of them none"
            )
        keys = [data.label_key, *levels, *more]
        if data.label_key is None and (data.levels or data.more_labels):
            raise RecipeError(
                f"the recipe {origin} has levels or more_labels for {name} and no data.label_key, which is the finest "
                "level; add it"
            )
        if twice := [key for key in keys if key is not None and keys.count(key) > 1]:
            raise RecipeError(f"the recipe {origin} names the label column {twice[0]!r} of {name} twice; name it once")


def _merged(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    result = {**base, **top}
    for key in base.keys() & top.keys():
        if isinstance(base[key], dict) and isinstance(top[key], dict):
            result[key] = _merged(base[key], top[key])
    return result
