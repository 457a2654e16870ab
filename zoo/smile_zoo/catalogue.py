"""The catalogue: published spaces by name, and the packaged ones.

Each line is one space as JSON: its repo and commit on the Hub, and the sha256 of its manifest, which pins its files.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from smile_runtime.features import common_name
from smile_runtime.manifest import OWN_METHOD, Manifest, MetricRecord
from smile_zoo.errors import CatalogueError
from smile_zoo.hub import updated_catalogue

logger = logging.getLogger(__name__)

PACKAGED_CATALOGUE = Path(__file__).with_name("catalogue.jsonl")
_SPACES = Path(__file__).parent / "spaces"

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", max_length=96)]
Repo = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", max_length=96)]
Revision = Annotated[
    str, msgspec.Meta(pattern=r"^(?!.*(\.\.|//|/\.|/\Z))[A-Za-z0-9_][A-Za-z0-9_./+-]*\Z", max_length=200)
]
Commit = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class CatalogueEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A space of the catalogue.

    Attributes
    ----------
    name
        Name of the space in commands.
    repo, revision
        Hub repo and commit; None for a space that is only packaged.
    manifest_sha256
        sha256 of the manifest.
    title, intended_use, organism, tissue, license
        Description of the space, from the manifest; the intended use is empty if it is not stated.
    modalities
        Modalities of the encoders.
    n_cells
        Number of cells that the reference represents.
    size
        Size of the files in the manifest without the training weights, in bytes.
    metrics
        Metrics of the space, without those of the baselines.
    """

    name: Name
    repo: Repo | None
    revision: Commit | None
    manifest_sha256: Sha256
    title: str
    intended_use: str = ""
    organism: str
    tissue: str
    modalities: list[str]
    n_cells: int
    size: int
    license: str = msgspec.field(name="licence")
    metrics: list[MetricRecord]

    @property
    def packaged(self) -> Path | None:
        """Directory of a packaged space; None for other spaces."""
        path = _SPACES / self.name
        return path if path.is_dir() else None


def entry_from_manifest(
    manifest: Manifest, manifest_sha256: str, *, repo: str | None = None, revision: str | None = None
) -> CatalogueEntry:
    """Return the catalogue entry of a space."""
    return CatalogueEntry(
        name=manifest.name,
        repo=repo,
        revision=revision,
        manifest_sha256=manifest_sha256,
        title=manifest.title,
        intended_use=manifest.intended_use or "",
        organism=manifest.organism,
        tissue=manifest.tissue,
        modalities=list(manifest.encoders),
        n_cells=manifest.reference.n_cells,
        size=sum(record.size for record in manifest.select().values()),
        license=manifest.license,
        metrics=[metric for metric in manifest.metrics if metric.method == OWN_METHOD],
    )


def list_spaces(
    *, organism: str | None = None, tissue: str | None = None, modality: str | None = None, text: str | None = None
) -> list[CatalogueEntry]:
    """List the spaces of the catalogue, sorted by name.

    Parameters
    ----------
    organism, tissue
        Text that the organism or tissue must contain, ignoring case; None for any.
    modality
        Modality that the space must have an encoder of; None for any.
    text
        Words that must all occur in the entry, ignoring case; None for any.

    Raises
    ------
    CatalogueError
        If the packaged catalogue cannot be read.
    """
    packaged = parse_catalogue(PACKAGED_CATALOGUE.read_bytes(), str(PACKAGED_CATALOGUE))
    entries = {entry.name: entry for entry in [*_updated_entries(), *packaged]}
    words = (text or "").lower().split()
    return [
        entry
        for _, entry in sorted(entries.items())
        if (entry.repo is not None or entry.packaged is not None)
        and (organism or "").lower() in entry.organism.lower()
        and (tissue or "").lower() in entry.tissue.lower()
        and (modality is None or modality in entry.modalities)
        and all(word in _searchable(entry) for word in words)
    ]


def _searchable(entry: CatalogueEntry) -> str:
    texts = (entry.title, entry.intended_use, entry.organism, entry.tissue, entry.license)
    return " ".join((entry.name, entry.repo or "", *texts, common_name(entry.organism), *entry.modalities)).lower()


def _updated_entries() -> list[CatalogueEntry]:
    """Return the entries that ``smile-zoo catalogue update`` saved; an unreadable file is ignored with a warning."""
    path = updated_catalogue()
    try:
        return parse_catalogue(path.read_bytes(), str(path))
    except FileNotFoundError:
        return []
    except (OSError, CatalogueError) as error:
        logger.warning("%s; using the packaged catalogue instead; repair it with: smile-zoo catalogue update", error)
        return []


def parse_catalogue(content: bytes, origin: str) -> list[CatalogueEntry]:
    """Decode the lines of a catalogue; errors name it by its ``origin``.

    Raises
    ------
    CatalogueError
        If a line is not an entry, or repeats a name.
    """
    entries: dict[str, CatalogueEntry] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            entry = msgspec.json.decode(line, type=CatalogueEntry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CatalogueError(
                f"{origin}, line {number}, is not a catalogue entry that this release can read: {error}; "
                "a newer release may: pip install -U smile-zoo"
            ) from error
        if (entry.repo is None) != (entry.revision is None):
            raise CatalogueError(f"{origin}, line {number}: {entry.name} needs both repo and revision, or neither")
        if entry.name in entries:
            raise CatalogueError(f"{origin}, line {number}: {entry.name} is listed twice; remove one of the lines")
        entries[entry.name] = entry
    return list(entries.values())


def encode_catalogue(entries: Iterable[CatalogueEntry]) -> bytes:
    """Encode entries as the lines of a catalogue."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
