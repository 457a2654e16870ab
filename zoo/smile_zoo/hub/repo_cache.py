"""A repo in the Hub's cache, in the layout of the Hub's client, so that its own tools see the same files.

``models--org--name/`` holds ``refs/REVISION`` (the commit of a branch or tag when it was looked up),
``snapshots/COMMIT/FILE``, and ``blobs/DIGEST``, which the files of a snapshot link to.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io import atomic_path
from smile_zoo.errors import HubError
from smile_zoo.hub.client import git_sha1
from smile_zoo.hub.repo_id import DEFAULT_REVISION, is_commit

logger = logging.getLogger(__name__)

SILENT_WAIT_SECONDS = 1.0


class RepoCache:
    """A repo in the cache.

    Parameters
    ----------
    cache_dir
        Cache folder of the Hub.
    repo
        Repo id, ``org/name``.
    """

    def __init__(self, cache_dir: Path, repo: str) -> None:
        self.repo = repo
        self.path = cache_dir / f"models--{repo.replace('/', '--')}"
        self._locks = cache_dir / ".locks" / self.path.name

    def snapshot(self, commit: str) -> Path:
        """Return the directory of a commit, which may not exist.

        Raises
        ------
        HubError
            If it is not a commit, and so could be any path.
        """
        if not is_commit(commit):
            raise HubError(f"{commit!a} is not a commit of {self.repo}; a commit has 40 hexadecimal digits")
        return self.path / "snapshots" / commit

    def commit_of(self, revision: str = DEFAULT_REVISION) -> str | None:
        """Return the recorded commit of a branch or tag; None if it was never looked up."""
        try:
            commit = (self.path / "refs" / revision).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return commit if is_commit(commit) else None

    def record(self, revision: str, commit: str) -> None:
        """Record the commit of a branch or tag."""
        ref = self.path / "refs" / revision
        if self.commit_of(revision) != commit:
            with self._translated_errors():
                ref.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(ref) as partial:
                partial.write_text(commit, "utf-8")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the repo against other processes, after waiting for those that use it.

        Raises
        ------
        OutputError
            If the cache cannot be written to.
        """
        with ExitStack() as stack:
            with self._translated_errors():
                self._locks.mkdir(parents=True, exist_ok=True)
                self._acquire(self._locks / "smile-zoo.lock", stack)
            yield

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write to {self.path.parent}: {error.strerror or error}; set HF_HUB_CACHE to a writable folder"
            ) from error

    def _acquire(self, lock: Path, stack: ExitStack) -> None:
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        try:
            stack.enter_context(WeakFileLock(lock, timeout=SILENT_WAIT_SECONDS))
        except Timeout:
            logger.warning("another process is using %s; waiting for it", self.repo)
            stack.enter_context(WeakFileLock(lock))

    def matches_blob_name(self, path: Path, content: bytes) -> bool:
        """Return whether content matches the name of its blob, which is its sha256 or git's sha1.

        Also true if the cache holds copies instead of links, as on systems without links.
        """
        if not path.is_symlink():
            return True
        return path.readlink().name in {hashlib.sha256(content).hexdigest(), git_sha1(content)}

    def require_own(self, commit: str) -> None:
        """Validate that the folders of a commit lie in this cache, and belong to somebody who may fill it.

        Raises
        ------
        OutputError
            If one is a link out of the cache, or belongs to neither this user, root nor the owner of the cache.
        """
        folders = [self.path, *(self.path / name for name in ("blobs", "refs", "snapshots")), self.snapshot(commit)]
        for folder in folders:
            if folder.is_dir():
                self._require_inside(folder)
                self._require_owner(folder)

    def _require_inside(self, folder: Path) -> None:
        cache = self.path.parent
        if not folder.resolve().is_relative_to(cache.resolve()):
            raise OutputError(
                f"{folder} is a link out of the cache {cache}, so it is not used; remove it, and pull again"
            )

    def _require_owner(self, folder: Path) -> None:
        cache, owner = self.path.parent, folder.stat().st_uid
        if hasattr(os, "geteuid") and owner not in {os.geteuid(), 0, cache.stat().st_uid}:
            raise OutputError(
                f"{folder} belongs to another user (id {owner}), who does not own the cache {cache}, so it is not "
                "used; remove it, or set HF_HUB_CACHE to a folder of yours"
            )

    def scratch_path(self) -> Path:
        """Return where a bundle is unpacked before its files are moved into a snapshot."""
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path / "unpacking"

    def move_into_snapshot(self, file: Path, commit: str, name: str) -> None:
        """Move a file into a snapshot, replacing an earlier one."""
        target = self.snapshot(commit) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)

    def evict(self, commit: str, name: str) -> None:
        """Remove a file and the blob that it links to; what a link outside the repo's folder points to is kept.

        Raises
        ------
        OutputError
            If the cache cannot be written to.
        """
        path = self.snapshot(commit) / name
        blob, folder = (Path(os.path.realpath(each)) for each in (path, self.path))
        with self._translated_errors():
            path.unlink(missing_ok=True)
            if blob.is_relative_to(folder):
                blob.unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Remove leftovers of killed processes; a running download of another process is locked, and kept."""
        from filelock import FileLock, Timeout

        for scratch in self.path.glob(".unpacking.*.partial"):
            shutil.rmtree(scratch, ignore_errors=True)
        for partial in self.path.glob("blobs/*.incomplete"):
            try:
                with FileLock(self._locks / f"{partial.name.partition('.')[0]}.lock", timeout=0):
                    partial.unlink(missing_ok=True)
            except (Timeout, OSError):
                continue
