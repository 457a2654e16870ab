"""The sha256 of a space's files, cached so that unchanged files are not read again."""

import hashlib
import logging
import os
from pathlib import Path

import msgspec

from smile_runtime.errors import OutputError
from smile_runtime.io import atomic_path, sha256_file

logger = logging.getLogger(__name__)


class _Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's sha256, and its status just before it was read."""

    sha256: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class FileHashes:
    """The sha256 of the files in one directory.

    A file is read again whenever its size, inode, or time of modification or status change differs. Not detected: a
    change within the same tick of the file system's clock (milliseconds) as the previous one, and bytes that change
    below the file system. `smile-zoo verify` reads every file.

    Parameters
    ----------
    directory
        Space directory whose files are hashed.
    memory
        Folder that caches the hashes; None to read every file.
    """

    def __init__(self, directory: Path, memory: Path | None = None) -> None:
        self._directory = directory
        name = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()
        self._record = None if memory is None else memory / f"{name}.json"
        self._seen = {} if self._record is None else _read(self._record)
        self._changed = False

    def sha256(self, name: str) -> str:
        """Return the sha256 of a file as 64 hexadecimal digits."""
        path = self._directory / name
        status = path.stat()
        now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        seen = self._seen.get(name)
        if seen is None or now != (seen.size, seen.mtime_ns, seen.ctime_ns, seen.inode):
            seen = self._seen[name] = _Seen(sha256_file(path), *now)
            self._changed = True
        return seen.sha256

    def save(self) -> None:
        """Cache the hashes; if that fails, the files are read again next time."""
        if self._record is None or not self._changed:
            return
        try:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._record) as partial:
                partial.write_bytes(msgspec.json.encode(dict(self._seen)))
        except (OutputError, OSError) as error:
            logger.info("hashes are not cached: %s", error)
        self._changed = False


def _read(record: Path) -> dict[str, _Seen]:
    try:
        return msgspec.json.decode(record.read_bytes(), type=dict[str, _Seen])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
