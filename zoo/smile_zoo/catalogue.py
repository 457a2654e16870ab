"""The catalogue: the published spaces by name, and those that come with the package.

A line is one space, as JSON: where it is on the Hub, the commit, and the sha256 of its manifest, which pins all else.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from smile_runtime.manifest import Manifest, MetricRecord
from smile_zoo.errors import CatalogueError
from smile_zoo.hub import updated_catalogue

logger = logging.getLogger(__name__)

PACKAGED = Path(__file__).with_name("catalogue.jsonl")
_SPACES = Path(__file__).parent / "spaces"

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", max_length=96)]
Repo = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+\Z", max_length=96)]
Revision = Annotated[str, msgspec.Meta(pattern=r"^(?!.*\.\.)\w[\w./+-]*\Z")]
Commit = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class CatalogueEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A space of the catalogue.

    Attributes
    ----------
    name
        What it is called in commands.
    repo, revision
        The Hub repo and the commit; None for a space that only comes with the package.
    manifest_sha256
        The sha256 of its manifest.
    title, organism, tissue, license
        What its manifest says.
    modalities
        Its encoders.
    n_cells
        Cells that its reference stands for.
    size
        Bytes of its files, without those for training.
    metrics
        What was measured of it, without the peers.
    """

    name: Name
    repo: Repo | None
    revision: Commit | None
    manifest_sha256: Sha256
    title: str
    organism: str
    tissue: str
    modalities: list[str]
    n_cells: int
    size: int
    license: str = msgspec.field(name="licence")
    metrics: list[MetricRecord]

    @property
    def packaged(self) -> Path | None:
        """The directory in the package, for a space that comes with it."""
        path = _SPACES / self.name
        return path if path.is_dir() else None


def entry_of(
    manifest: Manifest, manifest_sha256: str, *, repo: str | None = None, revision: str | None = None
) -> CatalogueEntry:
    """Return the entry of a space from its manifest."""
    return CatalogueEntry(
        name=manifest.name,
        repo=repo,
        revision=revision,
        manifest_sha256=manifest_sha256,
        title=manifest.title,
        organism=manifest.organism,
        tissue=manifest.tissue,
        modalities=list(manifest.encoders),
        n_cells=manifest.reference.n_cells,
        size=sum(record.size for record in manifest.select().values()),
        license=manifest.license,
        metrics=[metric for metric in manifest.metrics if metric.method == "smile"],
    )


def list_spaces(
    *, organism: str | None = None, tissue: str | None = None, modality: str | None = None, text: str | None = None
) -> list[CatalogueEntry]:
    """Return the spaces of the catalogue, by name.

    Parameters
    ----------
    organism, tissue
        Only those whose organism or tissue has this in it, in any case.
    modality
        Only those with an encoder of this modality.
    text
        Only those that have all of its words somewhere in what is listed.

    Raises
    ------
    CatalogueError
        If the catalogue of this installation cannot be read.
    """
    entries = {entry.name: entry for entry in [*_updated(), *parse_catalogue(PACKAGED.read_bytes(), str(PACKAGED))]}
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
    fields = (entry.name, entry.repo or "", entry.title, entry.organism, entry.tissue, *entry.modalities, entry.license)
    return " ".join(fields).lower()


def _updated() -> list[CatalogueEntry]:
    """Return what ``smile-zoo catalogue update`` brought; a file that went bad since is passed over, with a word."""
    path = updated_catalogue()
    try:
        return parse_catalogue(path.read_bytes(), str(path))
    except FileNotFoundError:
        return []
    except (OSError, CatalogueError) as error:
        logger.warning("%s; the catalogue of the package is used: smile-zoo catalogue update", error)
        return []


def parse_catalogue(content: bytes, origin: str) -> list[CatalogueEntry]:
    """Decode the lines of a catalogue; ``origin`` names it in errors.

    Raises
    ------
    CatalogueError
        At the first line that is no entry, or has a name that was there before.
    """
    entries: dict[str, CatalogueEntry] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            entry = msgspec.json.decode(line, type=CatalogueEntry)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CatalogueError(
                f"{origin}, line {number}, is no entry of a catalogue that this release reads: {error}; "
                "a newer release may: pip install -U smile-zoo"
            ) from error
        if entry.name in entries or (entry.repo is None) != (entry.revision is None):
            raise CatalogueError(f"{origin}, line {number}: {entry.name} is there twice, or has half an address")
        entries[entry.name] = entry
    return list(entries.values())


def encode_catalogue(entries: Iterable[CatalogueEntry]) -> bytes:
    """Return entries as the lines of a catalogue."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
