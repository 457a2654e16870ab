"""The manifest of a space: its ``config.json``, typed and versioned.

It is all that is needed to use a space: the input of each encoder, the contents of the reference, the calibration of
confidence, and the sha256 and size of every other file except the card.
"""

import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import msgspec

from smile_runtime.errors import FormatVersionError, SpaceError, SpaceNotFoundError

MANIFEST_NAME = "config.json"
CARD_NAME = "README.md"
TRAINING_FOLDER = "training/"
FORMAT = "smile-space"
FORMAT_VERSION = 1
MAX_MANIFEST_BYTES = 20_000_000
FILE_SUFFIXES = (".onnx", ".json", ".md", ".tsv", ".safetensors", ".png")
_DEVICE = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE | re.ASCII)

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


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the manifest's records: immutable, and strict about their fields."""


class FileRecord(Record, frozen=True):
    """Digest and size of one file of a space."""

    sha256: str
    """SHA-256 of the content, as 64 hexadecimal digits."""
    size: int
    """Size in bytes."""


class PreprocessingRecord(Record, frozen=True):
    """Settings of an encoder's preprocessing; the feature table holds its statistics."""

    values: AcceptedValues
    """Values that the encoder accepts."""
    target_sum: float | None
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
    band_mean: list[float] | None = None
    """Mean that the contacts of each distance band are scaled to; None for no scaling by band."""


class CalibrationRecord(Record, frozen=True):
    """Piecewise linear map from vote share to the probability that a label is right."""

    share: list[float]
    """Vote shares of the map's points, increasing."""
    probability: list[float]
    """Probability at each vote share."""
    expected_calibration_error: float
    """Expected calibration error on left-out cells."""
    n_cells: int
    """Number of left-out cells that the calibration was fitted to."""


class SimilarityRecord(Record, frozen=True):
    """Distances of known-type cells from the reference, from cells left out of training, as measured and degraded."""

    distance: list[float]
    """Mean distance to the nearest points, at evenly spaced quantiles from 0 to 1."""
    n_cells: int
    """Number of left-out cells."""


class Int8Record(Record, frozen=True):
    """Int8 graph of an encoder, and its agreement with the float32 graph."""

    graph: str
    """File of the graph."""
    mean_cosine: float
    """Mean cosine between both embeddings of a cell, over reference cells not used to set the integer scales."""
    lowest_cosine: float
    """Lowest cosine between both embeddings of one of these cells."""
    label_agreement: float | None
    """Share of these cells with the same label, or ``unknown``, from both graphs; None without labels."""
    n_cells: int
    """Number of these cells."""
    parity_cosine: float
    """Lowest cosine to torch's embedding of a parity row at export, which every machine must reach."""


class SparseRecord(Record, frozen=True):
    """Files that encode sparse rows without densifying them."""

    first: str
    """File of the first linear map: ``weight``, shape ``(n_features, width)``, float32, with the scale folded in."""
    trunk: str
    """Graph of everything after that map, from ``first``, shape ``(n, width)``, to the outputs of the whole graph."""
    width: int
    """Number of outputs of the first linear map."""
    parity_difference: float
    """Largest difference between torch and these files on the parity rows, at export."""


class EncoderRecord(Record, frozen=True):
    """Files, shapes and preprocessing of one modality's encoder."""

    graph: str
    """File of the float32 graph."""
    features: str
    """File of the feature table."""
    parity: str
    """File of the parity rows and torch's embedding of them."""
    n_features: int
    """Number of features."""
    n_latent: int
    """Number of dimensions of the embedding."""
    n_pseudo_types: int
    """Number of pseudo-types, the graph's second output."""
    preprocessing: PreprocessingRecord
    """Preprocessing of raw values."""
    min_matched: float
    """Share of the encoder's feature weight below which a query is rejected."""
    parity_difference: float
    """Largest difference between torch and ONNX Runtime on the parity rows, at export."""
    label_modalities: list[str] = msgspec.field(name="voters")
    """Modalities whose reference points determine labels and map positions of this encoder's queries."""
    calibrations: dict[str, CalibrationRecord]
    """Calibration of confidence, by label column; empty if the reference has no labels."""
    similarity: SimilarityRecord | None = None
    """Distances that similarity is measured by; None if no cells were left out of training."""
    int8: Int8Record | msgspec.UnsetType = msgspec.UNSET
    """Int8 graph; unset if there is none."""
    sparse: SparseRecord | msgspec.UnsetType = msgspec.UNSET
    """Files for sparse rows; unset if all rows use the whole graph."""

    @property
    def files(self) -> tuple[str, ...]:
        """Files of this encoder alone, without the torch weights."""
        int8 = [self.int8.graph] if self.int8 else []
        sparse = [self.sparse.first, self.sparse.trunk] if self.sparse else []
        return (self.graph, self.features, self.parity, *int8, *sparse)

    def graph_of(self, precision: Precision) -> str | None:
        """Return the graph of a precision; None if there is none."""
        if precision == "float32":
            return self.graph
        return self.int8.graph if self.int8 else None


class LabelColumn(Record, frozen=True):
    """One label column of the reference cells, such as cell types, coarser cell types or tissues."""

    name: str
    """Name of the column."""
    labels: list[str]
    """Label names; a label id is an index into this list."""
    within: str | None = None
    """Name of the next coarser column, which comes later; None if there is none."""
    parents: list[int] = []
    """Label id in the coarser column for each label; empty if there is no coarser column."""


class ReferenceRecord(Record, frozen=True):
    """Reference that query cells are compared with."""

    kind: Literal["landmarks", "cells"]
    """Whether a point stands for several cells or is one cell."""
    points: str
    """File with ``embedding``, ``weight``, ``map``, ``label`` and ``modality`` of the points."""
    label_columns: list[LabelColumn]
    """Columns of ``label``: the primary one, its coarser levels from fine to coarse, then independent ones."""
    modalities: list[str]
    """Modalities of the points; a modality id is an index into this list."""
    n_points: int
    """Number of points."""
    n_cells: int
    """Number of cells that the points stand for."""
    n_neighbors: int
    """Number of nearest points that determine a query cell's label and map position."""
    map_method: str
    """Method that computed the map."""


class SourceRecord(Record, frozen=True):
    """One data set that the space was trained on."""

    name: str
    """Title of the data set."""
    license: str = msgspec.field(name="licence")
    """License of the data."""
    url: str = ""
    """Page or file that the data came from."""
    sha256: str = ""
    """SHA-256 of the data file."""
    simulated: bool = False
    """Whether the values are simulated; a space with such a source cannot be published."""


class MetricRecord(Record, frozen=True):
    """One metric: mean and standard deviation over repeats."""

    name: str
    """Name of the metric."""
    modality: str
    """Modality that was measured, ``atac to rna`` for a transfer between two, or ``all``."""
    method: str
    """``smile``, or the baseline that was measured on the same cells."""
    mean: float
    """Mean over repeats."""
    std: float
    """Standard deviation over repeats."""
    n_repeats: int
    """Number of repeats."""


class Manifest(Record, frozen=True):
    """Description of a space."""

    format: str
    """Always ``smile-space``."""
    format_version: int
    """Version of the format."""
    name: str
    """Short name."""
    title: str
    """Title on the card and in lists."""
    description: str
    """Description in a few sentences."""
    organism: str
    """Scientific name of the species."""
    tissue: str
    """Tissue of the reference cells."""
    license: str = msgspec.field(name="licence")
    """License of the space."""
    variant: str
    """Variant of SMILE that trained it."""
    sources: list[SourceRecord]
    """Data sets that it was trained on."""
    encoders: dict[str, EncoderRecord]
    """Encoders, by modality."""
    reference: ReferenceRecord
    """Reference that query cells are compared with."""
    metrics: list[MetricRecord]
    """Metrics of the space and of baselines."""
    recipe: dict[str, Any]
    """Resolved recipe: every setting needed to build the space again."""
    versions: dict[str, str]
    """Versions of Python and of the packages that built the space."""
    files: dict[str, FileRecord]
    """Digest and size of every file except the manifest and the card."""

    def select(
        self, modalities: Collection[str] | None = None, *, with_training: bool = False
    ) -> dict[str, FileRecord]:
        """Return the files of some modalities' encoders (None for all), along with the reference and the pictures.

        The torch weights are included only ``with_training``.
        """
        chosen = [name for name in self.encoders if modalities is None or name in modalities]
        needed = {self.reference.points, *(file for name in chosen for file in self.encoders[name].files)}
        others = [name for name in self.encoders if name not in chosen]
        excluded = {file for name in others for file in (*self.encoders[name].files, weights_name(name))}
        if not with_training:
            excluded |= {file for file in self.files if file.startswith(TRAINING_FOLDER)}
        return {name: record for name, record in self.files.items() if name in needed or name not in excluded}


def weights_name(modality: str) -> str:
    """Return the file of a modality's torch weights, which a space may lack."""
    return f"{TRAINING_FOLDER}{modality}.safetensors"


class _Header(msgspec.Struct):
    """Fields of a manifest that are read before all others, whatever its version."""

    format: str = ""
    format_version: int = 0


def read_manifest(space: Path) -> Manifest:
    """Read and validate the manifest of a space directory.

    Raises
    ------
    SpaceNotFoundError
        If the directory does not exist or has no manifest.
    FormatVersionError
        If this release cannot read the manifest's format version.
    SpaceError
        If the file is not a manifest, or lists a file that a space may not contain.
    """
    path = space / MANIFEST_NAME
    if not path.is_file():
        problem = f"is not a space directory: it has no {MANIFEST_NAME}" if space.exists() else "does not exist"
        raise SpaceNotFoundError(f"{space} {problem}; use a space directory or a name from `smile-zoo list`")
    with path.open("rb") as file:
        return parse_manifest(file.read(MAX_MANIFEST_BYTES + 1), str(path))


def parse_manifest(content: bytes, origin: str) -> Manifest:
    """Decode a manifest; ``origin`` names its source in errors, which are those of `read_manifest`."""
    if len(content) > MAX_MANIFEST_BYTES:
        raise SpaceError(f"{origin} has more than {MAX_MANIFEST_BYTES:,} bytes, which no manifest needs; do not use it")
    try:
        header = msgspec.json.decode(content, type=_Header)
        if header.format != FORMAT:
            raise SpaceError(f"{origin} has format {header.format!r}, not {FORMAT!r}; use a space directory")
        if header.format_version != FORMAT_VERSION:
            newer = header.format_version > FORMAT_VERSION
            raise FormatVersionError(
                f"{origin} has format version {header.format_version}, this release reads version {FORMAT_VERSION}; "
                + ("upgrade with: pip install -U smile-zoo" if newer else "build or pull the space again")
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpaceError(f"{origin} is not a smile-zoo manifest: {error}; pull or build the space again") from error
    if not manifest.encoders:
        raise SpaceError(f"{origin} lists no encoder; pull or build the space again")
    for name in manifest.files:
        _require_safe_name(name, origin)
    _require_nested_columns(manifest.reference.label_columns, origin)
    files = {name: record for name, record in manifest.files.items() if name != CARD_NAME}  # earlier releases pinned it
    return msgspec.structs.replace(manifest, files=files)


def file_name_problem(name: str) -> str:
    """Describe why a file name in a space or repo is unsafe on some system; empty if it is safe."""
    parts = name.split("/")
    if not name or PurePosixPath(name).is_absolute() or {"", ".", ".."} & set(parts):
        return "is not a path inside the folder"
    if not name.isprintable() or any(character in name for character in "\\:"):
        return "contains a control character, a backslash or a colon"
    if any(part.endswith((".", " ")) or _DEVICE.fullmatch(part.partition(".")[0].strip()) for part in parts):
        return "is the name of a device on Windows, or ends in a dot or space"
    return ""


def _require_safe_name(name: str, origin: str) -> None:
    if file_name_problem(name) or PurePosixPath(name).suffix not in FILE_SUFFIXES:
        raise SpaceError(
            f"{origin} lists {name!r}, but a space contains only {' '.join(FILE_SUFFIXES)} files inside its own "
            "folder; do not use this space"
        )


def _require_nested_columns(columns: list[LabelColumn], origin: str) -> None:
    coarser: dict[str, LabelColumn] = {}
    for column in reversed(columns):
        if column.name in coarser or not _is_nested(column, coarser):
            raise SpaceError(
                f"{origin} has a label column {column.name!r} that is repeated or does not nest within "
                f"{column.within!r}; pull or build the space again"
            )
        coarser[column.name] = column


def _is_nested(column: LabelColumn, coarser: dict[str, LabelColumn]) -> bool:
    if column.within is None:
        return not column.parents
    n = len(coarser[column.within].labels) if column.within in coarser else 0
    return len(column.parents) == len(column.labels) and all(0 <= parent < n for parent in column.parents)


def encode_manifest(manifest: Manifest) -> bytes:
    """Encode a manifest as the content of its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
