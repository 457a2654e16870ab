"""The manifest of a space: its ``config.json``, typed and versioned.

It is all that is needed to use a space: the input of each encoder, the contents of the reference, the calibration of
confidence, and the sha256 and size of every other file except the card.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args

import msgspec

MANIFEST_NAME = "config.json"
CARD_NAME = "README.md"
TRAINING_FOLDER = "training/"
JOINT_SEPARATOR = "+"
"""Stands between the modalities that label a cell together, as in ``rna+adt``."""
OWN_METHOD = "smile"
"""Method of a space's own metrics; all other methods are baselines."""
FORMAT = "smile-space"
FORMAT_VERSION = 4
MAX_MANIFEST_BYTES = 20_000_000
FILE_SUFFIXES = (".onnx", ".json", ".md", ".tsv", ".safetensors", ".toml", ".png")

ValueKind = Literal["counts", "lognorm", "presence", "levels", "numbers"]
"""Kind of a query's values: raw counts; ``log(1 + count * target_sum / total)``; values that count as present unless
they are zero; levels from 0 to 1; any numbers."""

AcceptedValues = Literal["expression", "counts", "presence", "levels", "numbers"]
"""Values that an encoder accepts: ``expression`` means counts or log-normalized values, each other name that kind."""

Scaling = Literal["sd", "sqrt_sd", "none"]
"""Divisor of a centered feature: its standard deviation (z-score), the square root of it, or 1."""

Device = Literal["auto", "cpu", "cuda"]
DEVICES = get_args(Device)

Precision = Literal["float32", "int8"]
PRECISIONS = get_args(Precision)

MAX_NUMBER = 2**31
TEXT_PATTERN = r"^[ -~\xa0-\u2027\u202f-\u2065\u206a-\U0010ffff]*\Z"
"""Text on one line: without control characters, line breaks, and marks that change the direction of writing."""

Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
FileSize = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", max_length=100)]
Text = Annotated[str, msgspec.Meta(pattern=TEXT_PATTERN, max_length=2000)]
Paragraph = Annotated[str, msgspec.Meta(pattern=TEXT_PATTERN.replace("[", r"[\n\t"), max_length=20_000)]
IntendedUse = Annotated[str, msgspec.Meta(pattern=r"^(?=.*\S)" + TEXT_PATTERN[1:], max_length=100)]
"""What a space is good for, in about ten words."""
Label = Annotated[str, msgspec.Meta(pattern=r"^(?=.*\S)" + TEXT_PATTERN[1:], max_length=1000)]
OntologyTerm = Annotated[str, msgspec.Meta(pattern=r"^CL:[0-9]{7}\Z")]
"""Id of a term of the Cell Ontology."""
Column = Annotated[str, msgspec.Meta(pattern=r"^(?=.*\S)(?!.*/)" + TEXT_PATTERN[1:], max_length=100)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Cosine = Annotated[float, msgspec.Meta(ge=-1.0001, le=1.0001)]
Finite = Annotated[float, msgspec.Meta(ge=-1e300, le=1e300)]
Range = tuple[Finite, Finite]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
NonNegative = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the manifest's records: immutable, and strict about their fields."""


class FileRecord(Record, frozen=True):
    """Digest and size of one file of a space."""

    sha256: Sha256
    """SHA-256 of the content, as 64 hexadecimal digits."""
    size: FileSize
    """Size in bytes."""


class PreprocessingRecord(Record, frozen=True):
    """Settings of an encoder's preprocessing; the feature table holds its statistics."""

    values: AcceptedValues
    """Values that the encoder accepts."""
    target_sum: Positive | None
    """Total that each cell is scaled to; None to keep its total."""
    log1p: bool
    """Whether ``log(1 + value)`` is taken."""
    scaling: Scaling
    """Divisor of each feature after centering."""
    binarize: bool = msgspec.field(default=False, name="binarise")
    """Whether each value becomes 0 or 1 first."""
    clr: bool = False
    """Whether each cell is divided by the geometric mean of its values plus one."""
    tfidf: bool = False
    """Whether features are weighted by TF-IDF."""
    band_mean: list[NonNegative] | None = None
    """Mean that the contacts of each distance band are scaled to; None for no scaling by band."""


class EvidenceWeights(Record, frozen=True):
    """Weights of the sum that is the evidence for a label."""

    vote: Finite
    """Weight of the log odds of the vote share."""
    distance: Finite
    """Weight of the distance to the nearest points, in units of its `TrendRecord`, where it is positive."""
    detected: Finite
    """Weight of the logarithm of the number of detected features."""
    measured: Finite
    """Weight of the logarithm of the measured fraction of the encoder's feature weight."""
    distance_detected: Finite
    """Weight of the product of the distance and the logarithm of the number of detected features."""


class CalibrationRecord(Record, frozen=True):
    """Piecewise linear map from the evidence for a label to the probability that it is right."""

    evidence: Annotated[list[Finite], msgspec.Meta(min_length=1)]
    """Evidence at the map's points, increasing: the vote share, or a weighted sum if there are weights."""
    probability: Annotated[list[Fraction], msgspec.Meta(min_length=1)]
    """Probability at each of them."""
    expected_calibration_error: Fraction
    """Expected calibration error on left-out cells."""
    n_cells: Count
    """Number of left-out cells that the calibration was fitted to."""
    weights: EvidenceWeights | None = None
    """Weights of the sum; None if the evidence is the vote share."""


class TrendRecord(Record, frozen=True):
    """Units of a measure: 0 is typical of known-type cells of the same depth and features, 1 their 95% quantile.

    What is typical is a quadratic function of log d, with d the number of detected features, and log m, with m the
    measured fraction of the encoder's feature weight.
    """

    coefficients: Annotated[list[Finite], msgspec.Meta(min_length=6, max_length=6)]
    """Coefficients of 1, log d, (log d)^2, log m, (log m)^2 and (log d)(log m)."""
    spread: Annotated[float, msgspec.Meta(gt=0, le=1e300)]
    """Difference between the 95% quantile and the typical value."""


class DissimilarityRecord(Record, frozen=True):
    """Computation of a cell's dissimilarity to the reference, from its position and its own values."""

    profiles: str
    """File with the profiles of the labels."""
    log_detected: Range
    """Range of log d in the cells that the trends were fitted to; values beyond it are clipped."""
    log_measured: Range
    """Range of log m, likewise."""
    distance: TrendRecord
    """Units of the logarithm of the mean distance to the nearest points."""
    surprise: TrendRecord
    """Units of the surprise by the best-fitting profile, in nats per count."""
    deviation: TrendRecord | None
    """Units of the deviation from the center of a label; None without discriminant axes."""


class SimilarityRecord(Record, frozen=True):
    """Dissimilarity of known-type cells to the reference, from cells left out of training, as measured and degraded."""

    quantiles: Annotated[list[Finite], msgspec.Meta(min_length=2)]
    """Dissimilarity at evenly spaced quantiles from 0 to 1."""
    n_cells: Count
    """Number of left-out cells."""
    dissimilarity: DissimilarityRecord | None = None
    """Computation of the dissimilarity; None if it is the mean distance to the nearest points."""


class LabelSetRecord(Record, frozen=True):
    """Limits of the scores of labels, so that sets of labels hold a cell's own with a given probability."""

    coverage: Annotated[list[Fraction], msgspec.Meta(min_length=1)]
    """Fractions of cells whose set holds their own label, increasing."""
    detected: list[NonNegative]
    """Numbers of detected features between ranges of depth, increasing; one fewer than there are ranges."""
    limits: Annotated[list[list[Fraction]], msgspec.Meta(min_length=1)]
    """For each range, the highest score of a label in a set, at each coverage."""
    left_out: Literal["cells", "batches"]
    """Whether the cells that the limits were fitted to were left out of training alone, or in whole batches."""
    n_cells: Count
    """Number of these cells."""


class Int8Record(Record, frozen=True):
    """Int8 graph of an encoder, and its agreement with the float32 graph."""

    graph: str
    """File of the graph."""
    mean_cosine: Cosine
    """Mean cosine between both embeddings of a cell, over reference cells not used to set the integer scales."""
    lowest_cosine: Cosine
    """Lowest cosine between both embeddings of one of these cells."""
    label_agreement: Fraction | None
    """Share of these cells with the same nearest label from both graphs; None without labels."""
    n_cells: Count
    """Number of these cells."""
    parity_cosine: Cosine
    """Lowest cosine to torch's embedding of a parity row at export, which every machine must reach."""


class SparseRecord(Record, frozen=True):
    """Files that encode sparse rows without densifying them."""

    first: str
    """File of the first linear map: ``weight``, shape ``(n_features, width)``, float32, with the scale folded in."""
    trunk: str
    """Graph of everything after that map, from ``first``, shape ``(n, width)``, to the outputs of the whole graph."""
    width: Count
    """Number of outputs of the first linear map."""
    parity_difference: NonNegative
    """Largest difference between torch and these files on the parity rows, at export."""


class StressRecord(Record, frozen=True):
    """Accuracy on left-out cells that were degraded in one way, over the folds of the first repeat."""

    kind: Literal["depth", "features"]
    """Whether counts or measured features were removed."""
    fraction: Annotated[float, msgspec.Meta(gt=0, le=1)]
    """Fraction of them that was kept; 1 for cells as measured."""
    detected: NonNegative
    """Median number of the encoder's features that a cell detects."""
    measured: Fraction
    """Median measured fraction of the encoder's feature weight."""
    accuracy: Fraction
    """Share of cells whose nearest label is right, also of those called unknown."""
    unknown: Fraction
    """Share of cells called unknown at the default rate, all of them of known types."""
    calibration_error: Fraction
    """Expected calibration error of the confidence, in ten bins."""
    baselines: dict[Text, Fraction]
    """Accuracy of baselines on the same cells, by method."""
    n_cells: Count
    """Number of cells."""


class EncoderRecord(Record, frozen=True):
    """Files, shapes and preprocessing of one modality's encoder."""

    graph: str
    """File of the float32 graph."""
    features: str
    """File of the feature table."""
    parity: str
    """File of the parity rows and torch's embedding of them."""
    n_features: Count
    """Number of features."""
    n_latent: Count
    """Number of dimensions of the embedding."""
    n_pseudo_types: Count
    """Number of pseudo-types, the graph's second output."""
    preprocessing: PreprocessingRecord
    """Preprocessing of raw values."""
    min_matched: Fraction
    """Share of the encoder's feature weight below which a query is rejected."""
    parity_difference: NonNegative
    """Largest difference between torch and ONNX Runtime on the parity rows, at export."""
    label_modalities: list[str] = msgspec.field(name="voters")
    """Modalities whose reference points determine labels and map positions of this encoder's queries."""
    calibrations: dict[str, CalibrationRecord]
    """Calibration of confidence, by label column; empty if the reference has no labels."""
    similarity: SimilarityRecord | None = None
    """Dissimilarity of known-type cells; None if no cells were left out of training."""
    label_sets: LabelSetRecord | msgspec.UnsetType = msgspec.UNSET
    """Limits of sets of primary labels; unset if they were not calibrated."""
    int8: Int8Record | msgspec.UnsetType = msgspec.UNSET
    """Int8 graph; unset if there is none."""
    sparse: SparseRecord | msgspec.UnsetType = msgspec.UNSET
    """Files for sparse rows; unset if all rows use the whole graph."""
    stress: list[StressRecord] | msgspec.UnsetType = msgspec.UNSET
    """Accuracy on degraded cells, each kind by falling fraction; unset if it was not measured."""
    drivers: dict[str, list[str]] | msgspec.UnsetType = msgspec.UNSET
    """Features that carry each primary label most specifically, strongest first; unset if they were not determined."""

    @property
    def files(self) -> tuple[str, ...]:
        """Files of this encoder alone, without the torch weights."""
        int8 = [self.int8.graph] if self.int8 else []
        sparse = [self.sparse.first, self.sparse.trunk] if self.sparse else []
        computed = None if self.similarity is None else self.similarity.dissimilarity
        profiles = [] if computed is None else [computed.profiles]
        return (self.graph, self.features, self.parity, *int8, *sparse, *profiles)

    def graph_of(self, precision: Precision) -> str | None:
        """Return the graph of a precision; None if there is none."""
        if precision == "float32":
            return self.graph
        return self.int8.graph if self.int8 else None


class LabelColumn(Record, frozen=True):
    """One label column of the reference cells, such as cell types, coarser cell types or tissues."""

    name: Column
    """Name of the column."""
    labels: Annotated[list[Label], msgspec.Meta(min_length=1)]
    """Label names; a label id is an index into this list."""
    within: str | None = None
    """Name of the next coarser column, which comes later unless it is the primary one or finer; None if there is
    none."""
    parents: list[int] = []
    """Label id in the coarser column for each label, -1 for none; empty if there is no coarser column."""


class ReferenceRecord(Record, frozen=True):
    """Reference that query cells are compared with."""

    kind: Literal["landmarks", "cells"]
    """Whether a point stands for several cells or is one cell."""
    points: str
    """File with ``embedding``, ``weight``, ``map``, ``label`` and ``modality`` of the points."""
    label_columns: list[LabelColumn]
    """Columns of ``label``: the primary one, its coarser levels from fine to coarse, its finer ones from coarse to
    fine, then independent ones. In a finer one, a label named like its parent says nothing about that level."""
    modalities: Annotated[list[Name], msgspec.Meta(min_length=1)]
    """Modalities of the points; a modality id is an index into this list."""
    n_points: Count
    """Number of points."""
    n_cells: Count
    """Number of cells that the points stand for."""
    n_neighbors: Count
    """Number of nearest points that determine a query cell's label and map position."""
    map_method: Text
    """Method that computed the map."""


class SourceRecord(Record, frozen=True):
    """One data set that the space was trained on, or that was added to its reference."""

    name: Text
    """Title of the data set."""
    license: Text = msgspec.field(name="licence")
    """License of the data."""
    url: Text = ""
    """Page or file that the data came from."""
    sha256: Text = ""
    """SHA-256 of the data file."""
    simulated: bool = False
    """Whether the values are simulated; a space with such a source cannot be published."""


class MetricRecord(Record, frozen=True):
    """One metric: mean and standard deviation over repeats; for sets of left-out batches, over folds of these."""

    name: Text
    """Name of the metric."""
    modality: Text
    """Modality that was measured, ``atac to rna`` for a transfer between two, or ``all``."""
    method: Text
    """``smile``, or the baseline that was measured on the same cells."""
    mean: float
    """Mean over repeats."""
    std: float
    """Standard deviation over repeats."""
    n_repeats: Count
    """Number of repeats."""
    lead: Range | msgspec.UnsetType = msgspec.UNSET
    """For labels and imputed values of a baseline: 95% interval of how far the space leads it on the same cells, by a
    paired bootstrap."""


class ImputedFeature(Record, frozen=True):
    """One feature of a modality that was imputed in cells left out of training, and compared with its measurement."""

    id: Text
    """Id of the feature."""
    correlation: Cosine
    """Pearson correlation of expected and measured values over cells, averaged over repeats."""
    correlation_knn: Cosine
    """The same for the mean of the 15 nearest training cells by PCA or LSI of the query's modality."""
    explained: Finite
    """Fraction of the variance explained by the expected values: 1 less their squared error over that of the mean."""

    @property
    def is_predicted(self) -> bool:
        """Whether the feature is predicted better than by its mean; others are not imputed."""
        return self.correlation > 0 and self.explained > 0


class ImputationRecord(Record, frozen=True):
    """Expected values of one modality for queries of another, from cells that were measured in both."""

    modality_from: Name
    """Modality of the queries."""
    modality_to: Name
    """Modality whose values are expected."""
    values: str
    """File with the points that have expected values, and these values of the features that are predicted."""
    unit: Text
    """Unit of the values."""
    features: Annotated[list[ImputedFeature], msgspec.Meta(min_length=1)]
    """All features that were compared; the columns of the file are the predicted ones, in this order."""
    n_cells: Count
    """Number of left-out cells in which they were compared."""

    @property
    def predicted(self) -> list[ImputedFeature]:
        """Features that are predicted better than by their mean."""
        return [feature for feature in self.features if feature.is_predicted]


class JointRecord(Record, frozen=True):
    """How labels of several modalities of one cell are joined, fitted to cells left out of training."""

    modalities: Annotated[list[Name], msgspec.Meta(min_length=2)]
    """Modalities, in the order of the encoders."""
    weights: Annotated[list[NonNegative], msgspec.Meta(min_length=2)]
    """Weight of each modality's log probabilities; if only one is positive, that modality alone labels the cells,
    because joining was not measured to be better."""
    calibrations: dict[str, CalibrationRecord]
    """Calibration of the pooled probability, by label column; empty if one modality alone labels the cells."""
    n_cells: Count
    """Number of left-out cells that the weights were fitted to."""

    @property
    def name(self) -> str:
        """Name of the modalities together, such as ``rna+adt``."""
        return JOINT_SEPARATOR.join(self.modalities)

    @property
    def leading(self) -> int:
        """Index of the modality with the largest weight."""
        return self.weights.index(max(self.weights))

    @property
    def is_pooled(self) -> bool:
        """Whether several modalities have a positive weight."""
        return sum(weight > 0 for weight in self.weights) > 1


class ExtensionRecord(Record, frozen=True):
    """Labeled cells that were added to the reference of a space without training."""

    space: Name
    """Name of the space that was extended."""
    manifest_sha256: Sha256
    """SHA-256 of its manifest."""
    modality: Name
    """Modality of the cells."""
    n_cells: Count
    """Number of cells."""
    n_points: Count
    """Number of points that stand for them."""
    new_labels: list[Label]
    """Primary labels that the space lacked."""
    sources: list[Sha256]
    """SHA-256 of the data files, whose records are among the sources of the manifest."""


class Manifest(Record, frozen=True):
    """Description of a space."""

    format: str
    """Always ``smile-space``."""
    format_version: int
    """Version of the format."""
    name: Name
    """Short name."""
    title: Text
    """Title on the card and in lists."""
    description: Paragraph
    """Description in a few sentences."""
    organism: Text
    """Scientific name of the species."""
    tissue: Text
    """Tissue of the reference cells."""
    license: Text = msgspec.field(name="licence")
    """License of the space."""
    variant: Text
    """Variant of SMILE that trained it."""
    sources: list[SourceRecord]
    """Data sets that it was trained on, or that were added to its reference."""
    encoders: Annotated[dict[Name, EncoderRecord], msgspec.Meta(min_length=1)]
    """Encoders, by modality."""
    reference: ReferenceRecord
    """Reference that query cells are compared with."""
    metrics: list[MetricRecord]
    """Metrics of the space and of baselines."""
    recipe: dict[str, Any]
    """Resolved recipe: every setting needed to build the space again."""
    versions: dict[Text, Text]
    """Versions of Python and of the packages that built the space."""
    files: dict[str, FileRecord]
    """Digest and size of every file except the manifest and the card."""
    extensions: list[ExtensionRecord] | msgspec.UnsetType = msgspec.UNSET
    """Cells that were added to the reference after training, in this order; unset if there are none."""
    intended_use: IntendedUse | msgspec.UnsetType = msgspec.UNSET
    """What the space is good for; unset if it is not stated."""
    ontology: dict[Label, OntologyTerm] | msgspec.UnsetType = msgspec.UNSET
    """Term of the Cell Ontology for each label that has one, in all label columns; unset if none is stated."""
    imputations: list[ImputationRecord] | msgspec.UnsetType = msgspec.UNSET
    """Expected values of other modalities; unset if there are none."""
    joints: list[JointRecord] | msgspec.UnsetType = msgspec.UNSET
    """How modalities that were measured in the same cells are joined; unset if it was not measured."""

    def select(
        self, modalities: Collection[str] | None = None, *, with_training: bool = False
    ) -> dict[str, FileRecord]:
        """Return the files of some modalities' encoders (None for all), along with the reference and the pictures.

        The torch weights are included only ``with_training``.
        """
        chosen = [name for name in self.encoders if modalities is None or name in modalities]
        imputed = {each.values: each.modality_from in chosen for each in self.imputations or ()}
        needed = {self.reference.points, *(file for name in chosen for file in self.encoders[name].files)}
        needed |= {file for file, is_chosen in imputed.items() if is_chosen}
        others = [name for name in self.encoders if name not in chosen]
        excluded = {file for name in others for file in (*self.encoders[name].files, weights_name(name))}
        excluded |= imputed.keys()
        if not with_training:
            excluded |= {file for file in self.files if file.startswith(TRAINING_FOLDER)}
        return {name: record for name, record in self.files.items() if name in needed or name not in excluded}


def weights_name(modality: str) -> str:
    """Return the file of a modality's torch weights, which a space may lack."""
    return f"{TRAINING_FOLDER}{modality}.safetensors"
