"""The manifests that this user has seen, so that a cache in which somebody exchanged one is noticed."""

import hashlib
import logging
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io import atomic_path

logger = logging.getLogger(__name__)


class SeenManifests:
    """The sha256 of the manifest of each commit, in a folder of the user, not in the cache that may be shared.

    Parameters
    ----------
    folder
        Folder with a file for each commit.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def agrees(self, repo: str, commit: str, sha256: str) -> bool:
        """Return whether a manifest is the one that was seen at this commit, or none was."""
        try:
            return self._file(repo, commit).read_bytes() == sha256.encode()
        except OSError:
            return True

    def has(self, repo: str, commit: str) -> bool:
        """Return whether a manifest was seen at this commit."""
        return self._file(repo, commit).is_file()

    def record(self, repo: str, commit: str, sha256: str) -> None:
        """Record the manifest of a commit; if that fails, it is not compared next time."""
        file = self._file(repo, commit)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as partial:
                partial.write_bytes(sha256.encode())
        except (OutputError, OSError) as error:
            logger.info("the manifest of %s@%s is not remembered: %s", repo, commit[:7], error)

    def _file(self, repo: str, commit: str) -> Path:
        return self._folder / hashlib.sha256(f"{repo}@{commit}".encode()).hexdigest()
