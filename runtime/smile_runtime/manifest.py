"""The manifest of a space: its ``config.json``, typed and versioned.

A reader needs nothing else to use a space: what each encoder takes, what the reference holds, how confidence was
calibrated, and the sha256 and size of every other file.
"""

from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import msgspec

from smile_runtime.errors import FormatVersionError, SpaceError, SpaceNotFoundError

MANIFEST_NAME = "config.json"
CARD_NAME = "README.md"
FORMAT = "smile-space"
FORMAT_VERSION = 1
ON_REQUEST = "training/"  # weights to train on; a space is whole without them
FILE_TYPES = (".onnx", ".json", ".md", ".tsv", ".safetensors", ".png")

ValueKind = Literal["counts", "lognorm", "presence", "levels", "numbers"]
"""What values are: raw counts; ``log(1 + count * target_sum / total)``; anything of which only zero or not matters;
levels from 0 to 1; numbers of any kind."""

AcceptedValues = Literal["expression", "counts", "presence", "levels", "numbers"]
"""What an encoder takes: counts or log-normalized values; or the one kind of that name."""

Scaling = Literal["sd", "sqrt_sd", "none"]
"""What a centered feature is divided by: its standard deviation (z-score), the root of it, or one."""

Device = Literal["auto", "cpu", "cuda"]

DEVICES = get_args(Device)

Precision = Literal["float32", "int8"]

PRECISIONS = get_args(Precision)


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the manifest's records: immutable, and strict about what they hold."""


class FileRecord(Record, frozen=True):
    """One file of a space: 64 hexadecimal digits and a size in bytes."""

    sha256: str
    size: int


class PreprocessingRecord(Record, frozen=True):
    """The settings of `smile_runtime.encoder.preprocessing.Preprocessing`; its statistics are in the feature table."""

    values: AcceptedValues
    """What the encoder takes."""
    target_sum: float | None
    log1p: bool
    scaling: Scaling
    binarize: bool = msgspec.field(default=False, name="binarise")
    clr: bool = False
    tfidf: bool = False
    band_mean: list[float] | None = None
    """What each band of contacts is brought to; None for no scale by band."""


class CalibrationRecord(Record, frozen=True):
    """Vote share to probability of a right label, piecewise linear through these points."""

    share: list[float]
    probability: list[float]
    expected_calibration_error: float
    n_cells: int


class SimilarityRecord(Record, frozen=True):
    """How far cells of the reference's types lie from it: of cells left out of training, as measured and degraded."""

    distance: list[float]
    """Mean distance to the nearest points, at evenly spaced quantiles from 0 to 1."""
    n_cells: int


class Int8Record(Record, frozen=True):
    """An encoder's int8 graph, and how near it comes to the float32 graph."""

    graph: str
    mean_cosine: float
    """Between both embeddings of a cell, over reference cells that did not set the scales of the integers."""
    lowest_cosine: float
    label_agreement: float | None
    """Share of these cells that get the same label, or ``unknown``, by both; None for a reference without labels."""
    n_cells: int
    """How many these were."""
    parity_cosine: float
    """Lowest cosine to torch's embedding of the parity rows, at export: what it must reach on every machine."""


class SparseRecord(Record, frozen=True):
    """How sparse rows go through an encoder without being made dense."""

    first: str
    """File with the first linear map: ``weight``, shape ``(n_features, width)``, float32, the scale folded in."""
    trunk: str
    """Graph of all that follows: from ``first``, shape ``(n, width)``, to the outputs of the whole graph."""
    width: int
    parity_difference: float
    """As that of the whole graph."""


class EncoderRecord(Record, frozen=True):
    """One modality's encoder: its files, shapes and preprocessing."""

    graph: str
    features: str
    parity: str
    n_features: int
    n_latent: int
    n_pseudo_types: int
    preprocessing: PreprocessingRecord
    min_matched: float
    """Share of what the encoder looks at (the features' weights) below which a query is refused."""
    parity_difference: float
    """Largest difference between torch and ONNX Runtime on the parity rows, at export."""
    label_modalities: list[str] = msgspec.field(name="voters")
    """Modalities whose points give this encoder's queries their labels and place on the map."""
    calibrations: dict[str, CalibrationRecord]
    """Of the confidence in transferred labels, by label column; empty for a reference without labels."""
    similarity: SimilarityRecord | None = None
    """Of the similarity to the reference; None where nothing was left out of training."""
    int8: Int8Record | msgspec.UnsetType = msgspec.UNSET
    """Of the int8 graph; unset where it has none."""
    sparse: SparseRecord | msgspec.UnsetType = msgspec.UNSET
    """Of sparse rows; unset where all rows go through the whole graph."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are its own, without the torch weights."""
        int8 = [self.int8.graph] if self.int8 else []
        sparse = [self.sparse.first, self.sparse.trunk] if self.sparse else []
        return (self.graph, self.features, self.parity, *int8, *sparse)

    def graph_of(self, precision: Precision) -> str | None:
        """Return its graph of a precision; None where it has none."""
        if precision == "float32":
            return self.graph
        return self.int8.graph if self.int8 else None


class LabelColumn(Record, frozen=True):
    """One column of labels that reference cells have: cell types, coarser cell types, tissues."""

    name: str
    labels: list[str]
    """Label names; a label id is a place in this list."""
    within: str | None = None
    """The next coarser column, where this is a level of a hierarchy; it stands after this one."""
    parents: list[int] = []
    """For each label the one of the coarser column that it is a part of; empty where there is no coarser one."""


class ReferenceRecord(Record, frozen=True):
    """What query cells are compared with."""

    kind: Literal["landmarks", "cells"]
    points: str
    """File with ``embedding``, ``weight``, ``map``, ``label`` and ``modality``."""
    label_columns: list[LabelColumn]
    """What the columns of ``label`` are: the primary one, its coarser levels from fine to coarse, then any others."""
    modalities: list[str]
    """Modalities that the points were measured by; a modality id is a place in this list."""
    n_points: int
    n_cells: int
    n_neighbors: int
    map_method: str


class SourceRecord(Record, frozen=True):
    """One data set that the space was trained on."""

    name: str
    license: str = msgspec.field(name="licence")
    url: str = ""
    sha256: str = ""
    simulated: bool = False
    """Whether these values were never measured; a space with such a source is not published."""


class MetricRecord(Record, frozen=True):
    """One measured figure: mean and standard deviation over repeats."""

    name: str
    modality: str
    """What it is of: a modality, ``atac to rna`` from one to another, ``all``."""
    method: str
    """``smile``, or the peer that was measured on the same cells."""
    mean: float
    std: float
    n_repeats: int


class Manifest(Record, frozen=True):
    """Everything that a space says of itself."""

    format: str
    format_version: int
    name: str
    title: str
    description: str
    organism: str
    tissue: str
    license: str = msgspec.field(name="licence")
    variant: str
    sources: list[SourceRecord]
    encoders: dict[str, EncoderRecord]
    reference: ReferenceRecord
    metrics: list[MetricRecord]
    recipe: dict[str, Any]
    """The resolved recipe: every setting from which the space can be built again."""
    versions: dict[str, str]
    """Packages that built it."""
    files: dict[str, FileRecord]

    def select(
        self, modalities: Collection[str] | None = None, *, with_training: bool = False
    ) -> dict[str, FileRecord]:
        """Return the files that some of the encoders need, the reference's and the pictures among them.

        Parameters
        ----------
        modalities
            Whose encoders; None: all.
        with_training
            Whether the torch weights are among them.
        """
        chosen = [name for name in self.encoders if modalities is None or name in modalities]
        needed = {self.reference.points, *(file for name in chosen for file in self.encoders[name].files)}
        others = [name for name in self.encoders if name not in chosen]
        unwanted = {file for name in others for file in (*self.encoders[name].files, weights_name(name))}
        if not with_training:
            unwanted |= {file for file in self.files if file.startswith(ON_REQUEST)}
        return {name: record for name, record in self.files.items() if name in needed or name not in unwanted}


def weights_name(modality: str) -> str:
    """Return where a space keeps the torch weights of a modality."""
    return f"{ON_REQUEST}{modality}.safetensors"


class _Header(msgspec.Struct):
    format: str = ""
    format_version: int = 0


def read_manifest(space: Path) -> Manifest:
    """Read and check the manifest of a space directory.

    Parameters
    ----------
    space
        The directory.

    Returns
    -------
        The manifest.

    Raises
    ------
    SpaceNotFoundError
        If there is no such directory, or no manifest in it.
    FormatVersionError
        If its format version is not the one this release reads.
    SpaceError
        If it is not a manifest, or names a file that may not be in a space.
    """
    path = space / MANIFEST_NAME
    if not path.is_file():
        what = "is not a space directory: it has no " + MANIFEST_NAME if space.exists() else "does not exist"
        raise SpaceNotFoundError(f"{space} {what}; give a space directory or a name that `smile-zoo list` shows")
    return parse_manifest(path.read_bytes(), str(path))


def parse_manifest(content: bytes, origin: str) -> Manifest:
    """Decode the bytes of a manifest; ``origin`` names them in errors, which are those of `read_manifest`."""
    try:
        header = msgspec.json.decode(content, type=_Header)
        if header.format != FORMAT:
            raise SpaceError(f"{origin} is of format {header.format!r}, {FORMAT!r} is needed; give a space directory")
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
        _check_name(name, origin)
    _check_label_columns(manifest.reference.label_columns, origin)
    files = {name: record for name, record in manifest.files.items() if name != CARD_NAME}  # earlier releases pinned it
    return msgspec.structs.replace(manifest, files=files)


def _check_name(name: str, origin: str) -> None:
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or any(character in name for character in "\\:\0")
    if outside or path.suffix not in FILE_TYPES:
        raise SpaceError(
            f"{origin} lists {name!r}; a space holds only {' '.join(FILE_TYPES)} files inside its own folder. "
            "Do not use this space"
        )


def _check_label_columns(columns: list[LabelColumn], origin: str) -> None:
    coarser: dict[str, LabelColumn] = {}
    for column in reversed(columns):
        if column.name in coarser or not _lies_within(column, coarser):
            raise SpaceError(
                f"{origin} has a label column {column.name!r} that is there twice, or does not lie within "
                f"{column.within!r}; pull or build the space again"
            )
        coarser[column.name] = column


def _lies_within(column: LabelColumn, coarser: dict[str, LabelColumn]) -> bool:
    if column.within is None:
        return not column.parents
    n = len(coarser[column.within].labels) if column.within in coarser else 0
    return len(column.parents) == len(column.labels) and all(0 <= parent < n for parent in column.parents)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as the bytes of its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
