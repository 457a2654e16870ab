"""Files of a space whose content the manifest pins."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from smile_runtime.errors import IntegrityError
from smile_runtime.manifest import FileRecord
from smile_runtime.space.file_hashes import FileHashes


@dataclass(frozen=True)
class PinnedFile:
    """A file of a space, verified whenever it is read: the bytes that are hashed are those that are used.

    Attributes
    ----------
    path
        Path of the file.
    pinned
        Its size and sha256 in the manifest.
    """

    path: Path
    pinned: FileRecord

    def __str__(self) -> str:
        return str(self.path)

    def read_bytes(self) -> bytes:
        """Return the content; raise IntegrityError if it is not the one that the manifest pins."""
        try:
            with self.path.open("rb") as file:
                content = file.read(self.pinned.size + 1)  # no more, however long the file has become
                size = len(content) if len(content) <= self.pinned.size else self.path.stat().st_size
        except FileNotFoundError as error:
            raise _missing(self.path) from error
        except OSError as error:
            raise IntegrityError(f"cannot read {self.path}: {error.strerror or error}") from error
        _require_size(self.path, size, self.pinned)
        _require_sha256(self.path, hashlib.sha256(content).hexdigest(), self.pinned)
        return content


def require_pinned(path: Path, name: str, pinned: FileRecord, hashes: FileHashes) -> None:
    """Raise IntegrityError unless a file exists and has the size and sha256 in the manifest."""
    file = path / name
    if not file.is_file():
        raise _missing(file)
    _require_size(file, file.stat().st_size, pinned)
    _require_sha256(file, hashes.sha256(name), pinned)


def _missing(file: Path) -> IntegrityError:
    return IntegrityError(f"{file} is missing; pull or build the space again")


def _require_size(file: Path, size: int, pinned: FileRecord) -> None:
    if size != pinned.size:
        raise IntegrityError(
            f"{file} has {size:,} bytes, but the manifest says {pinned.size:,}: it is truncated or was changed; "
            "pull or build the space again"
        )


def _require_sha256(file: Path, sha256: str, pinned: FileRecord) -> None:
    if sha256 != pinned.sha256:
        raise IntegrityError(
            f"{file} was changed: its sha256 is {sha256[:12]}…, but the manifest says {pinned.sha256[:12]}…; "
            "pull or build the space again"
        )
