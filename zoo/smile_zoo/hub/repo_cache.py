"""A repo in the Hub's cache: the layout of the Hub's client, so that its own tools see the same files.

``models--org--name/`` holds ``refs/REVISION`` (which commit a branch or tag was, when it was looked up),
``snapshots/COMMIT/FILE``, and ``blobs/DIGEST``, to which the files of a snapshot are links.
"""

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io import atomic_path
from smile_zoo.hub.client import git_sha1
from smile_zoo.hub.repo_id import DEFAULT_REVISION, is_commit

logger = logging.getLogger(__name__)

_SECONDS_IN_SILENCE = 1.0


class RepoCache:
    """One repo in the cache.

    Parameters
    ----------
    cache_dir
        The Hub's cache.
    repo
        ``org/name``.
    """

    def __init__(self, cache_dir: Path, repo: str) -> None:
        self.repo = repo
        self.path = cache_dir / f"models--{repo.replace('/', '--')}"
        self._locks = cache_dir / ".locks" / self.path.name

    def snapshot(self, commit: str) -> Path:
        """Return the directory of a commit, which may not be there."""
        return self.path / "snapshots" / commit

    def commit_of(self, revision: str = DEFAULT_REVISION) -> str | None:
        """Return which commit a branch or tag was when it was looked up; None if it never was."""
        try:
            commit = (self.path / "refs" / revision).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return commit if is_commit(commit) else None

    def record(self, revision: str, commit: str) -> None:
        """Write down which commit a branch or tag is."""
        ref = self.path / "refs" / revision
        if self.commit_of(revision) != commit:
            ref.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(ref) as partial:
                partial.write_text(commit, "utf-8")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from pulling the same repo, once those that are at it are done.

        Raises
        ------
        OutputError
            If the cache cannot be written to.
        """
        with ExitStack() as stack:
            with self._explained():
                self._locks.mkdir(parents=True, exist_ok=True)
                self._take(self._locks / "smile-zoo.lock", stack)
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.path.parent}: {error.strerror or error}; set HF_HUB_CACHE to a place that you "
                "can write to"
            ) from error

    def _take(self, lock: Path, stack: ExitStack) -> None:
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        try:
            stack.enter_context(WeakFileLock(lock, timeout=_SECONDS_IN_SILENCE))
        except Timeout:
            logger.warning("another process is busy with %s; waiting until it is done", self.repo)
            stack.enter_context(WeakFileLock(lock))

    def is_as_named(self, path: Path, content: bytes) -> bool:
        """Return whether the content of a file is what its blob is named after: its sha256, or git's sha1 of it.

        True, too, where the cache has copies in place of links, as on systems that know none.
        """
        if not path.is_symlink():
            return True
        return path.readlink().name in {hashlib.sha256(content).hexdigest(), git_sha1(content)}

    def unpacking(self) -> Path:
        """Return where files can be unpacked, to be moved into a snapshot."""
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path / "unpacking"

    def place(self, file: Path, commit: str, name: str) -> None:
        """Move a file into a snapshot, in place of what was there."""
        target = self.snapshot(commit) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)

    def evict(self, commit: str, name: str) -> None:
        """Remove a file, and the blob that it is a link to.

        Raises
        ------
        OutputError
            If the cache cannot be written to.
        """
        path = self.snapshot(commit) / name
        links = [path]
        while links[-1].is_symlink():
            links.append(links[-1].parent / links[-1].readlink())
        with self._explained():
            for link in links:
                link.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what killed processes left; a download that another process is busy with is locked, and stays."""
        from filelock import FileLock, Timeout

        for scratch in self.path.glob(".unpacking.*.partial"):
            shutil.rmtree(scratch, ignore_errors=True)
        for partial in self.path.glob("blobs/*.incomplete"):
            try:
                with FileLock(self._locks / f"{partial.name.partition('.')[0]}.lock", timeout=0):
                    partial.unlink(missing_ok=True)
            except (Timeout, OSError):
                continue
