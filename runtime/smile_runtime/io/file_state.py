"""States of files, by which a change is noticed without reading them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class FileState(NamedTuple):
    """Path, size, inode, and times of modification and status change of a file."""

    path: bytes
    size: int
    inode: int
    modified_ns: int
    changed_ns: int


def file_states(path: Path) -> Iterator[FileState]:
    """Yield the state of a file, or of every file in a folder and the folders that it links to.

    The times of the folder itself are ignored, because they do not change when its files are rewritten. A link that
    leads nowhere has the state of the link.
    """
    if not path.is_dir():
        yield _state(path)
        return
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(path, followlinks=True):
        if (real := os.path.realpath(folder)) in visited:
            subfolders.clear()
            continue
        visited.add(real)
        yield from (_state(Path(folder, name)) for name in names)


def _state(path: Path) -> FileState:
    try:
        status = path.stat()
    except OSError:
        status = path.lstat()
    return FileState(os.fsencode(path), status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
