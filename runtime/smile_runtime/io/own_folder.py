"""Folders of intermediate files beside an output: only files of known names are ever removed from them."""

import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io.atomic_files import remove_path
from smile_runtime.io.ownership import is_own

SCRATCH_PREFIX = "smile-"
"""Start of the names of temporary folders, whose ends are random."""


@dataclass(frozen=True)
class OwnFolder:
    """A folder for intermediate files.

    Attributes
    ----------
    path
        Path of the folder.
    owns
        Returns whether a name is one that is written there.
    """

    path: Path
    owns: Callable[[str], bool]

    def require_own(self) -> None:
        """Validate that the folder is missing, or was written by an earlier run of this user.

        Raises
        ------
        OutputError
            If the path is a link or a file, or if the folder or anything in it is somebody else's.
        """
        try:
            foreign = self._foreign_content(self.path.lstat().st_mode)
        except FileNotFoundError:
            return
        if foreign:
            raise OutputError(
                f"{self.path} {foreign}, but intermediate results belong there; it is left untouched: move it away, or "
                "choose another output name"
            )

    def create(self) -> None:
        """Create the folder if it is missing, accessible to this user alone; raises as `require_own`, and OSError."""
        self.require_own()
        self.path.mkdir(mode=0o700, exist_ok=True)

    def clear(self, kept: Collection[str] = ()) -> None:
        """Remove the files that are written there, except for some names."""
        for path in list(self.path.iterdir()):
            if path.name not in kept and self.owns(path.name):
                remove_path(path)

    def remove(self) -> None:
        """Remove the files that are written there, and the folder unless it holds others."""
        with suppress(FileNotFoundError):
            self.clear()
        with suppress(OSError):
            self.path.rmdir()

    def _foreign_content(self, mode: int) -> str:
        """Describe what cannot be an earlier run's; empty if everything can."""
        if stat.S_ISLNK(mode):
            return "is a symbolic link"
        if not stat.S_ISDIR(mode):
            return "is not a folder"
        if not is_own(self.path):
            return "belongs to another user"
        return next((f"holds {path.name}" for path in self.path.iterdir() if not self._is_own(path)), "")

    def _is_own(self, path: Path) -> bool:
        try:
            return self.owns(path.name) and not path.is_symlink() and is_own(path)
        except FileNotFoundError:  # of another run, which is refused by its lock
            return True
