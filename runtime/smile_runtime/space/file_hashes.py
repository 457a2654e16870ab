"""The sha256 of a space's files, cached so that unchanged files are not read again."""

import hashlib
import logging
import os
from pathlib import Path

import msgspec

from smile_runtime.errors import OutputError
from smile_runtime.io import atomic_path, sha256_file

logger = logging.getLogger(__name__)


class _CachedHash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sha256 of a file, and the file's status just before it was read."""

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
        self._cache_file = None if memory is None else memory / f"{name}.json"
        self._cached = {} if self._cache_file is None else _read(self._cache_file)
        self._changed = False

    def sha256(self, name: str) -> str:
        """Return the sha256 of a file as 64 hexadecimal digits."""
        path = self._directory / name
        stat = path.stat()
        status = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        cached = self._cached.get(name)
        if cached is None or status != (cached.size, cached.mtime_ns, cached.ctime_ns, cached.inode):
            cached = self._cached[name] = _CachedHash(sha256_file(path), *status)
            self._changed = True
        return cached.sha256

    def save(self) -> None:
        """Cache the hashes; if that fails, the files are read again next time."""
        if self._cache_file is None or not self._changed:
            return
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._cache_file) as partial:
                partial.write_bytes(msgspec.json.encode(dict(self._cached)))
        except (OutputError, OSError) as error:
            logger.info("hashes are not cached: %s", error)
        self._changed = False


def _read(cache_file: Path) -> dict[str, _CachedHash]:
    try:
        return msgspec.json.decode(cache_file.read_bytes(), type=dict[str, _CachedHash])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
