"""What was asked for of a space, and what there is of it on this machine."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from smile_runtime.errors import UnknownModalityError
from smile_runtime.manifest import CARD_NAME, FileRecord, Manifest


@dataclass(frozen=True)
class PulledFile:
    """A file of a space: its size in bytes, and whether it is, or was, downloaded."""

    name: str
    size: int
    will_download: bool


@dataclass(frozen=True)
class PulledSpace:
    """A space on this machine.

    Attributes
    ----------
    path
        Its directory.
    revision
        Where it came from: ``org/name@commit``, ``packaged``, or ``local`` for a directory.
    manifest
        What it says of itself.
    manifest_sha256
        The sha256 of its manifest.
    files
        Those that were asked for, beside the manifest.
    """

    path: Path
    revision: str
    manifest: Manifest
    manifest_sha256: str
    files: tuple[PulledFile, ...] = ()

    def with_files(
        self, files: Mapping[str, FileRecord], missing: Collection[str], card_size: int | None
    ) -> "PulledSpace":
        """Return the space with the card, if there is one, and the selected files, each marked if it was missing."""
        sizes = {} if card_size is None else {CARD_NAME: card_size}
        sizes |= {name: record.size for name, record in files.items()}
        return replace(self, files=tuple(PulledFile(name, size, name in missing) for name, size in sizes.items()))

    @property
    def card_size(self) -> int | None:
        """Size of the card on this machine, in bytes; None if it is not here."""
        card = self.path / CARD_NAME
        return card.stat().st_size if card.is_file() else None


@dataclass(frozen=True)
class FileSelection:
    """Which files of a space are asked for."""

    modalities: Collection[str] | None
    with_training: bool

    def of(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Return them.

        Raises
        ------
        UnknownModalityError
            If the space has no such encoder.
        """
        if unknown := [name for name in self.modalities or () if name not in manifest.encoders]:
            raise UnknownModalityError(
                f"the space {manifest.name} has no {unknown[0]!r} encoder; it has: {', '.join(manifest.encoders)}"
            )
        return manifest.select(self.modalities, with_training=self.with_training)
