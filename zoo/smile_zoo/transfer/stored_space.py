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
        if not self.repo:
            return open_space(self.path, device=device, revision="packaged")
        self._require_downloaded_manifest()
        space = open_space(self.path, device=device, revision=self.name)
        lost = [path for path in sorted(self.path.rglob("*")) if path.is_symlink() and not path.exists()]
        if lost:
            raise IntegrityError(f"the content of {lost[0]} is missing; {self._download_again}")
        return space

    @property
    def _download_again(self) -> str:
        return f"download it again with: smile-zoo pull {self.name}"

    def _require_downloaded_manifest(self) -> None:
        file = self.path / MANIFEST_NAME
        if not file.is_file():
            raise IntegrityError(f"{file} is missing; {self._download_again}")
        content, cache = file.read_bytes(), RepoCache(hub_cache(), self.repo)
        is_remembered = SeenManifests(manifest_memory()).agrees(self.repo, self.commit, sha256(content).hexdigest())
        if not is_remembered or not cache.matches_blob_name(file, content):
            raise IntegrityError(f"{file} was changed after it was downloaded; {self._download_again}")


def stored_spaces() -> list[StoredSpace]:
    """Return the packaged spaces, and the spaces in the cache of which more than the manifest was pulled, by name."""
    packaged = [StoredSpace(entry.name, entry.packaged) for entry in list_spaces() if entry.packaged]
    return [*packaged, *sorted(_cached(), key=lambda space: space.name)]


def _cached() -> Iterator[StoredSpace]:
    """Yield the spaces in the cache, whatever is left of them.

    The folders themselves are looked at, because the Hub's client passes over a repo that has lost a file.
    """
    memory = SeenManifests(manifest_memory())
    for snapshot in hub_cache().glob("models--*--*/snapshots/*"):
        _, *owner_and_name = snapshot.parents[1].name.split("--")
        repo, commit = "/".join([owner_and_name[0], "--".join(owner_and_name[1:])]), snapshot.name
        names = {path.name for path in snapshot.iterdir()} - {MANIFEST_NAME}  # `show` downloads the manifest alone
        if "reference" in names or (names and memory.has(repo, commit)):
            yield StoredSpace(f"{repo}@{commit}", snapshot, repo, commit)
