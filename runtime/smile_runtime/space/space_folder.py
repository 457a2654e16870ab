"""Folders recognized as space directories, which a new space may replace."""

from pathlib import Path

from smile_runtime.errors import SpaceError
from smile_runtime.io import FolderKind
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, read_manifest


def holds_only_a_space(folder: Path) -> bool:
    """Return whether a folder holds a space directory and no other files."""
    try:
        manifest = read_manifest(folder)
    except SpaceError:
        return False
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return files <= {*manifest.files, MANIFEST_NAME, CARD_NAME}


SPACE_FOLDER = FolderKind("a space", holds_only_a_space)
