"""Spaces on this machine that can be checked without a network: the packaged ones and those in the cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from smile_runtime import Space, open_space
from smile_runtime.errors import IntegrityError
from smile_runtime.manifest import MANIFEST_NAME, Device
from smile_zoo.catalogue import list_spaces
from smile_zoo.hub import RepoCache, SeenManifests, hub_cache, manifest_memory
from smile_zoo.transfer.cached_spaces import cached_revisions, list_cached


@dataclass(frozen=True)
class StoredSpace:
    """A space on this machine.

    Attributes
    ----------
    name
        Catalogue name of a packaged space, ``org/name@commit`` of one in the cache.
    path
        Space directory.
    repo, commit
        Hub repo and commit of a space in the cache; empty for a packaged one.
    """

    name: str
    path: Path
    repo: str = ""
    commit: str = ""

    def open(self, *, device: Device) -> Space:
        """Open the space after reading and hashing every file, and without downloading anything.

        Raises
        ------
        IntegrityError
            If the manifest or a file differs from what was downloaded.
        SmileError
            As `smile_runtime.open_space`.
        """
        if self.repo:
            self._require_downloaded_manifest()
        return open_space(self.path, device=device, revision=self.name if self.repo else "packaged")

    def _require_downloaded_manifest(self) -> None:
        file = self.path / MANIFEST_NAME
        content, cache = file.read_bytes(), RepoCache(hub_cache(), self.repo)
        is_remembered = SeenManifests(manifest_memory()).agrees(self.repo, self.commit, sha256(content).hexdigest())
        if not is_remembered or not cache.matches_blob_name(file, content):
            raise IntegrityError(
                f"{file} was changed after it was downloaded; download it again with: smile-zoo pull {self.name}"
            )


def stored_spaces() -> list[StoredSpace]:
    """Return the packaged spaces, and the spaces in the cache of which an encoder was pulled, sorted by name."""
    packaged = [StoredSpace(entry.name, entry.packaged) for entry in list_spaces() if entry.packaged]
    return [*packaged, *sorted(_cached(), key=lambda space: space.name)]


def _cached() -> Iterator[StoredSpace]:
    spaces, memory = list_cached(), SeenManifests(manifest_memory())
    for space in spaces:
        if space.modalities:  # `show` downloads the manifest alone
            yield StoredSpace(f"{space.repo}@{space.commit}", space.path, space.repo, space.commit)
    readable = {space.path for space in spaces}
    for repo, revision in cached_revisions():
        path, commit = revision.snapshot_path, revision.commit_hash
        manifest = path / MANIFEST_NAME
        if path in readable or not manifest.is_file():
            continue
        if not memory.agrees(repo, commit, sha256(manifest.read_bytes()).hexdigest()):  # it was a space
            yield StoredSpace(f"{repo}@{commit}", path, repo, commit)
