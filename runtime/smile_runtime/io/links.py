"""Outputs that are symbolic links: the link stays, and the file that it points to is replaced."""

import os
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io.ownership import is_own, owns_folder_of


def follow_link(target: Path) -> Path:
    """Return the path that an output is written to: the path that a link points to, or any other path itself.

    Raises
    ------
    OutputError
        If the link points to a folder, in a circle, or was put there by another user.
    """
    if not os.path.islink(target):  # noqa: PTH114 (unlike Path.is_symlink, it takes names that are too long)
        return target
    followed = Path(os.path.realpath(target))
    if followed.is_symlink():
        raise OutputError(f"cannot write {target}: it is one of a circle of symbolic links; choose another name")
    if followed.is_dir():
        raise OutputError(
            f"{target} is a symbolic link to the folder {followed}, which is never replaced; choose another name"
        )
    if not (is_own(target) or owns_folder_of(target)):
        raise OutputError(
            f"{target} is a symbolic link to {followed} that another user made; choose another name, or remove it"
        )
    return followed
