"""What was asked for of a space, and what there is of it on this machine."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from smile_runtime.errors import UnknownModalityError
from smile_runtime.manifest import FileRecord, Manifest


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

    def with_files(self, files: Mapping[str, FileRecord], missing: Collection[str]) -> "PulledSpace":
        """Return the same with its files, and which of them were missing."""
        listed = (PulledFile(name, record.size, name in missing) for name, record in files.items())
        return replace(self, files=tuple(listed))


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
