"""Ownership of files in folders that several users share."""

import os
import tempfile
from pathlib import Path


def is_own(path: Path) -> bool:
    """Return whether a file, folder or link (itself, not its target) belongs to this user; true on Windows."""
    if not hasattr(os, "geteuid"):
        return True
    owner = path.lstat().st_uid
    return owner == os.geteuid() or owner == _owner_of_new_files(path.parent)


def owns_folder_of(path: Path) -> bool:
    """Return whether the owner of a file, folder or link also owns the folder around it."""
    return path.lstat().st_uid == path.parent.stat().st_uid


def _owner_of_new_files(folder: Path) -> int | None:
    """Return the user that new files in a folder belong to, which network file systems may set; None if unknown."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_uid
    except OSError:
        return None
