"""The result of a pull, and the selection of files that was asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from smile_runtime.errors import IntegrityError, UnknownModalityError
from smile_runtime.manifest import CARD_NAME, FileRecord, Manifest
from smile_runtime.space import FileHashes, named_modality, require_pinned


@dataclass(frozen=True)
class PulledFile:
    """A file of a space: its size in bytes, and whether it was downloaded (in a dry run, whether it would be)."""

    name: str
    size: int
    will_download: bool


@dataclass(frozen=True)
class PulledSpace:
    """A space on this machine.

    Attributes
    ----------
    path
        Space directory.
    revision
        Origin of the space: ``org/name@commit``, ``packaged``, or ``local`` for a directory.
    manifest
        Manifest of the space.
    manifest_sha256
        sha256 of the manifest, as 64 hexadecimal digits.
    hashes
        sha256 of the files in the directory, as far as they have been read.
    files
        Selected files, without the manifest.
    """

    path: Path
    revision: str
    manifest: Manifest
    manifest_sha256: str
    hashes: FileHashes = field(repr=False, compare=False)
    files: tuple[PulledFile, ...] = ()

    def wrong_files(self, files: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
        """Return those of the files that are missing or differ from the manifest."""
        wrong = {}
        for name, record in files.items():
            try:
                require_pinned(self.path, name, record, self.hashes)
            except IntegrityError:
                wrong[name] = record
        self.hashes.save()
        return wrong

    def with_files(
        self, files: Mapping[str, FileRecord], missing: Collection[str] = (), card_size: int | None = None
    ) -> "PulledSpace":
        """Return the space with its selected files, and its card if that is here or has ``card_size`` bytes."""
        card = self.path / CARD_NAME
        size = card.stat().st_size if card.is_file() else card_size
        sizes = {} if size is None else {CARD_NAME: size}
        sizes |= {name: record.size for name, record in files.items()}
        return replace(self, files=tuple(PulledFile(name, size, name in missing) for name, size in sizes.items()))


@dataclass(frozen=True)
class FileSelection:
    """Selected files of a space: the encoders of the modalities (None for all), and the torch weights if wanted."""

    modalities: Collection[str] | None
    with_training: bool

    def of(self, manifest: Manifest) -> dict[str, FileRecord]:
        """Return the selected files of a manifest.

        Raises
        ------
        UnknownModalityError
            If the space has no encoder of a selected modality.
        """
        names = self.named(manifest).modalities
        if unknown := [name for name in names or () if name not in manifest.encoders]:
            raise UnknownModalityError(
                f"the space {manifest.name} has no {unknown[0]!r} encoder; it has: {', '.join(manifest.encoders)}"
            )
        return manifest.select(names, with_training=self.with_training)

    def named(self, manifest: Manifest) -> "FileSelection":
        """Return the selection with the names of the modalities in the manifest, in place of other words for them."""
        if self.modalities is None:
            return self
        return replace(self, modalities=[named_modality(manifest, name) for name in self.modalities])
