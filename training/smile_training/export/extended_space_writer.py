"""Writing of a space directory whose encoders are those of another space, and whose reference has more cells."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from smile_runtime.cards import render_card
from smile_runtime.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    EncoderRecord,
    ExtensionRecord,
    Manifest,
    MetricRecord,
    SourceRecord,
    encode_manifest,
    parse_manifest,
)
from smile_runtime.mapping import LabelProfiles, Reference, write_points, write_profiles
from smile_runtime.space import Space
from smile_training.export.space_writer import file_records
from smile_training.reference import add_empty_profiles


@dataclass(frozen=True, eq=False, kw_only=True)
class ExtendedContents:
    """What an extended space has besides the contents of the former one.

    Attributes
    ----------
    modality
        Modality of the added cells.
    record
        Record of its encoder, recalibrated.
    points
        Points of the former and the added cells.
    profiles
        Profiles of all labels in the features of this modality; None if the space has none.
    n_cells
        Number of added cells.
    new_labels
        Primary labels that the space lacked.
    metrics
        Metrics of the added cells.
    sources
        Sources of the added cells, one for each file.
    name, title
        Name and title of the space.
    """

    modality: str
    record: EncoderRecord
    points: Reference
    profiles: LabelProfiles | None
    n_cells: int
    new_labels: list[str]
    metrics: list[MetricRecord]
    sources: list[SourceRecord]
    name: str
    title: str


def write_extended_space(folder: Path, space: Space, contents: ExtendedContents) -> Manifest:
    """Write every file of an extended space, with the card and the manifest last.

    Parameters
    ----------
    folder
        Empty folder.
    space
        Space that is extended.
    contents
        What it is extended by.

    Returns
    -------
        Manifest of the extended space.

    Raises
    ------
    IntegrityError
        If a file of the space was changed since it was opened.
    SpaceError
        If a name or a text cannot stand in a manifest.
    """
    for name in space.manifest.files:
        if (space.path / name).is_file():  # the torch weights may not have been pulled
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(space.file(name).read_bytes())
    write_points(contents.points, folder / space.manifest.reference.points)
    _write_profiles(folder, space, contents)
    manifest = msgspec.structs.replace(_manifest(space, contents), files=file_records(folder))
    content = encode_manifest(manifest)
    parse_manifest(content, "the manifest of the extended space")  # no text may make the space unreadable
    (folder / CARD_NAME).write_text(render_card(manifest), "utf-8", newline="\n")
    (folder / MANIFEST_NAME).write_bytes(content)
    return manifest


def _write_profiles(folder: Path, space: Space, contents: ExtendedContents) -> None:
    """Write the profiles of all encoders; the new labels have no cells of other modalities."""
    n_labels = len(contents.points.label_columns[0].labels)
    for modality, record in space.manifest.encoders.items():
        former = space.profiles(modality)
        if former is None or record.similarity is None or record.similarity.dissimilarity is None:
            continue
        added = contents.profiles if modality == contents.modality else None
        write_profiles(added or add_empty_profiles(former, n_labels), folder / record.similarity.dissimilarity.profiles)


def _manifest(space: Space, contents: ExtendedContents) -> Manifest:
    former = space.manifest
    reference = msgspec.structs.replace(
        former.reference,
        label_columns=list(contents.points.label_columns),
        n_points=len(contents.points),
        n_cells=former.reference.n_cells + contents.n_cells,
    )
    extension = ExtensionRecord(
        space=former.name,
        manifest_sha256=space.manifest_sha256,
        modality=contents.modality,
        n_cells=contents.n_cells,
        n_points=len(contents.points) - former.reference.n_points,
        new_labels=contents.new_labels,
        sources=[source.sha256 for source in contents.sources],
    )
    return msgspec.structs.replace(
        former,
        name=contents.name,
        title=contents.title,
        sources=[*former.sources, *contents.sources],
        encoders={**former.encoders, contents.modality: contents.record},
        reference=reference,
        metrics=[*former.metrics, *contents.metrics],
        extensions=[*(former.extensions or ()), extension],
    )
