"""Records of a recipe: one class per table of the TOML file.

Every field defaults to the published setting (Xu, Das & McCord 2022).
"""

from typing import Annotated, Literal

import msgspec

from smile_runtime.manifest import AcceptedValues, IntendedUse, OntologyTerm, Scaling

Variant = Literal["smile", "psmile", "mpsmile", "reference", "composition"]

Kind = Literal["rna", "atac", "histone", "adt", "methylation", "hic", "processed"]
"""Kind of values: expression or gene activity; accessibility of peaks; reads of a histone mark in bins; antibody
counts; methylation levels; contacts of bin pairs; numbers that only need a z-score."""

Count = Annotated[int, msgspec.Meta(ge=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e300)]
NonNegative = Annotated[float, msgspec.Meta(ge=0, le=1e300)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
"""A valid name of a file or folder."""
Column = Annotated[str, msgspec.Meta(pattern=r"^[^/]+\Z")]
"""A column of obs whose name can be part of a field name in an h5ad file."""


NOT_STATED = "not stated"
"""Text of a fact that a recipe leaves open; publishing a space needs most of them."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a recipe's sections: immutable, and strict about what they hold."""


class Source(Section, frozen=True):
    """Source of the cells, for the manifest and the card."""

    name: str = NOT_STATED
    license: str = msgspec.field(default=NOT_STATED, name="licence")
    url: str = ""


class Contacts(Section, frozen=True):
    """Required properties of contact files, and the contacts to keep."""

    genome: str = ""
    """Assembly required of ``.cool`` and ``.scool`` files."""
    resolution: Count | None = None
    """Bin size in base pairs."""
    max_distance: Count | None = None
    """Maximum distance of kept contacts in base pairs."""


class Data(Section, frozen=True):
    """Cells of one modality."""

    path: str | list[str]
    """Files relative to the data folder: .h5ad, .h5mu, .zarr, .cool, .scool, a folder of .cool; several are joined."""
    source: Source | list[Source] = Source()
    """Source of all files, or one for each."""
    sha256: str | list[str] = ""
    """The sha256 of each file, verified before it is opened; empty to skip this."""
    obs: str = ""
    """Table of cells (.tsv, .csv; names in the first column), for files without one, such as .scool."""
    mudata_key: str | None = None
    """Name of the modality in an .h5mu file; None for its name in the recipe."""
    layer: str | None = None
    values: Literal["counts", "lognorm"] | None = None
    """Kind of expression values; None to recognize it."""
    target_sum: Positive | msgspec.UnsetType = msgspec.UNSET
    """Total that log-normalized cells were scaled to; inferred from each cell unless set."""
    distinct_cells: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether cells of the same name in different files are different cells, and are named after their file."""
    batch_key: str | None = None
    label_key: str | None = None
    """Label column for pairing and metrics: the finest level that all labeled cells have."""
    levels: list[Column] = []
    """Coarser label columns, coarsest first; each label belongs to one label of the next coarser column."""
    finer_levels: list[Column] | msgspec.UnsetType = msgspec.UNSET
    """Finer label columns, coarsest first, that some files or cells may lack."""
    more_labels: list[Column] = []
    """Independent label columns that are also transferred to queries."""
    unlabeled: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Labels, in any label column, that stand for no label, such as ``unknown``."""
    renamed_labels: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """New names of labels, in any label column, by the names that files hold."""
    groups: dict[Column, dict[str, list[str]]] | msgspec.UnsetType = msgspec.UNSET
    """Coarser or independent label columns that are derived from the primary one: its labels in each group. A label
    that is in none is a group of its own."""
    gene_symbols: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether features are named by the current symbols of their genes."""
    shared_features: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether only features that all files measured are kept."""
    select: Literal["variable", "count", "idf"] = "variable"
    """Features to keep: the most variable over batches, or those found in most or fewest cells."""
    n_top_features: Count = 2000
    """Number of features to keep; all if there are fewer."""
    min_cells: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Minimum number of cells with a feature."""
    contacts: Contacts = Contacts()
    simulate: Literal["mark", "methylation"] | None = None
    """Values to simulate from these cells; None to use the measured ones."""

    @property
    def paths(self) -> list[str]:
        """Paths of all files, relative to the data folder."""
        return [self.path] if isinstance(self.path, str) else self.path

    @property
    def sources(self) -> list[Source]:
        """Source of each file."""
        return self.source if isinstance(self.source, list) else [self.source] * len(self.paths)


class PreprocessingSettings(Section, frozen=True):
    """Steps from raw values to encoder input, as in `smile_runtime.encoder.preprocessing`."""

    values: AcceptedValues = "expression"
    binarize: bool = msgspec.field(default=False, name="binarise")
    target_sum: Positive | Literal["none"] = 1e4
    """Total that each cell is scaled to; ``none`` for no scaling."""
    clr: bool = False
    per_band: bool = False
    log1p: bool = True
    tfidf: bool = False
    scaling: Scaling = "sd"

    @property
    def total(self) -> float | None:
        """Total that each cell is scaled to; None for no scaling."""
        return None if self.target_sum == "none" else self.target_sum


class Stem(Section, frozen=True):
    """A frozen linear map before the encoder: PCA of the centered, scaled values, or latent semantic indexing."""

    n_components: Count = 50
    kind: Literal["pca", "lsi"] = "pca"
    """``lsi`` uses uncentered values and drops the first component, which reflects depth."""
    discriminants: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether a direction for each label, along which its cells differ from all others, follows the components."""
    canonical: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether canonical variates follow, along which the cells vary as they do in the modality they are paired with."""


class Network(Section, frozen=True):
    """Layer sizes."""

    hidden: list[Count] = msgspec.field(default_factory=lambda: [1000, 512])
    n_latent: Count = 128
    n_projection: Count = 32
    n_pseudo_types: Annotated[int, msgspec.Meta(ge=2)] = 25
    negative_slope: Fraction = 0.0
    """Negative slope of the activation; 0 is ReLU."""
    heads: bool = True
    """Whether projection and pseudo types have their own layers; otherwise the encoding serves as both."""


class Pairing(Section, frozen=True):
    """Choice of positive pairs."""

    kind: Literal["self", "neighbour", "label", "label_neighbour"] = "self"
    """A cell with itself, a near cell of any batch, all cells of its label, or a near cell of its label."""
    n_neighbors: Count = 5
    """Number of nearest cells in each batch that partners are drawn from."""
    unpaired: bool = False
    """Whether a labeled cell without a partner learns from cells of its label in the first modality."""


class Noise(Section, frozen=True):
    """Noise that makes the two views of a pair differ."""

    gaussian: NonNegative = 1.0
    """Standard deviation of the noise added to the encoder's input, or to the components of a stem."""
    masking: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    """Fraction of a view's features that are masked as not measured."""
    min_depth: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Smallest fraction of a cell's counts that a view keeps; 1 for all."""
    min_features: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Smallest fraction of the features that a view measures, the same ones in many cells; 1 for all."""
    ambient: Fraction = 0.0
    """Largest amount of the average profile added to a view, relative to its counts."""

    @property
    def redraws_counts(self) -> bool:
        """Whether views have other counts than the cell."""
        return self.min_depth < 1 or self.ambient > 0

    @property
    def redraws(self) -> bool:
        """Whether views are drawn as other measurements of the cell."""
        return self.redraws_counts or self.min_features < 1


class Loss(Section, frozen=True):
    """Temperatures and weights of the loss terms."""

    temperature: Positive = 0.05
    pseudo_type_temperature: Positive = 0.15
    mse_weight: NonNegative = 1.0
    """Weight of the mean squared distance between a pair's encodings."""
    entropy_weights: tuple[NonNegative, NonNegative] = (0.2, 0.4)
    """Weights of the entropies of both encodings in reference SMILE."""


class Optimizer(Section, frozen=True):
    """Stochastic gradient descent."""

    lr: Positive = 0.01
    momentum: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.9
    weight_decay: NonNegative = 5e-4


class Training(Section, frozen=True):
    """Training of the encoders."""

    pairing: Pairing = Pairing()
    loss: Loss = Loss()
    optimizer: Optimizer = msgspec.field(default_factory=Optimizer, name="optimiser")
    batch_size: Annotated[int, msgspec.Meta(ge=2)] = 512
    pretraining_epochs: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Epochs for each modality alone, in reference SMILE."""
    epochs: Count = 5
    max_steps: Count | msgspec.UnsetType = msgspec.UNSET
    """Most steps of all ``epochs``. Where there are too many cells for that, each epoch takes some of them, drawn anew,
    and the learning rate falls to 0 along half a cosine."""
    precision: Literal["float32", "bf16"] = "float32"
    contrast: Literal["global", "local"] | msgspec.UnsetType = msgspec.UNSET
    """Cells that are compared if several processes train: those of the whole batch, as by default, or of each share."""


class Modality(Section, frozen=True):
    """One modality: its cells and the input of its encoder."""

    kind: Kind
    data: Data
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    stem: Stem | None = None
    noise: Noise = Noise()


MAX_BATCH_FOLDS = 5
"""Most trainings of a cross-validation that leave out whole batches."""
MAX_SAMPLE_CELLS = 50_000
"""Most cells of an evaluation on a sample."""


class Reference(Section, frozen=True):
    """Reference of the space."""

    kind: Literal["landmarks", "cells"] = "landmarks"
    n_landmarks: Count = 300
    n_neighbors: Count = 15
    map_method: Literal["umap", "tsne"] = "umap"
    min_matched: Fraction = 0.1
    """Minimum share of the encoder's feature weight that a query must contain."""
    folds: Annotated[int, msgspec.Meta(ge=2)] = 3
    """Folds of the cross-validation that measures the space and calibrates the confidence."""
    repeats: Count = 3
    """Repeats of the cross-validation, each with its own seed."""
    evaluation: Literal["full", "sample"] | msgspec.UnsetType = msgspec.UNSET
    """``full``, the default, for the cross-validation; ``sample`` for one training that leaves out cells and batches of
    at most 50,000 cells."""

    def count_trainings(self, n_batches: int) -> int:
        """Return the number of trainings that measure a space whose cells come from so many batches."""
        if self.evaluation == "sample":
            return 1
        return self.folds * self.repeats + (min(n_batches, MAX_BATCH_FOLDS) if n_batches > 1 else 0)


class Export(Section, frozen=True):
    """Additional files beside the float32 graphs, which affect no metric."""

    int8: bool = False
    """Whether to add an int8 graph for each encoder if it agrees with float32."""


class Recipe(Section, frozen=True, kw_only=True):
    """All settings of a space."""

    name: Name
    title: str
    """Title on the card and in lists; the name unless stated."""
    description: str = NOT_STATED
    intended_use: IntendedUse | msgspec.UnsetType = msgspec.UNSET
    """What the space is good for, in about ten words."""
    ontology: dict[str, OntologyTerm] | msgspec.UnsetType = msgspec.UNSET
    """Term of the Cell Ontology for each label that has one, in any label column."""
    organism: str = NOT_STATED
    """Scientific name of the species."""
    tissue: str = NOT_STATED
    license: str = msgspec.field(default=NOT_STATED, name="licence")
    modalities: dict[Name, Modality]
    """Modalities by name. The first should separate cell types best: it is paired with itself in mpSMILE, and is the
    teacher in a composition."""
    variant: Variant = "smile"
    preset: Literal["published", "stem"] = "published"
    network: Network = msgspec.field(default_factory=Network)
    training: Training = Training()
    """Training of all encoders, or of the teacher in a composition."""
    students: Training = Training()
    """Training of each further modality in a composition."""
    reference: Reference = Reference()
    onto: str | msgspec.UnsetType = msgspec.UNSET
    """Space whose encoders and reference a composition keeps: a name, a Hub repo or a directory."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
    export: Export | msgspec.UnsetType = msgspec.UNSET

    @property
    def simulated(self) -> tuple[str, ...]:
        """Modalities with simulated values."""
        return tuple(name for name, modality in self.modalities.items() if modality.data.simulate)

    @property
    def sources(self) -> list[Source]:
        """Source of each data file of all modalities."""
        return [source for modality in self.modalities.values() for source in modality.data.sources]

    @property
    def further_label_columns(self) -> tuple[list[str], list[str], list[str]]:
        """Label columns of any modality besides the primary one: coarser and finer levels, and independent ones.

        Levels are listed from coarse to fine.
        """
        data = [modality.data for modality in self.modalities.values()]
        levels = next((each.levels for each in data if each.levels), [])
        finer = next((each.finer_levels for each in data if each.finer_levels), [])
        return levels, list(finer), list(dict.fromkeys(name for each in data for name in each.more_labels))


def with_evaluation(recipe: Recipe, evaluation: Literal["full", "sample"]) -> Recipe:
    """Return a recipe that is measured in another way."""
    chosen = msgspec.UNSET if evaluation == "full" else evaluation
    return msgspec.structs.replace(recipe, reference=msgspec.structs.replace(recipe.reference, evaluation=chosen))
