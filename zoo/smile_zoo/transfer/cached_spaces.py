"""The spaces in the Hub's cache, among whatever else is there."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import OutputError, SmileError, SpaceNotFoundError
from smile_runtime.manifest import MANIFEST_NAME, read_manifest
from smile_runtime.space import pulled_modalities
from smile_zoo.catalogue import CatalogueEntry
from smile_zoo.hub import RepoCache, hub_cache
from smile_zoo.transfer.names import LocalSpace, parse_name

if TYPE_CHECKING:
    from huggingface_hub import CachedRevisionInfo, HFCacheInfo


@dataclass(frozen=True)
class CachedSpace:
    """A space in the cache.

    Attributes
    ----------
    repo, commit
        What it is on the Hub.
    revisions
        Branches and tags that were this commit when they were looked up.
    modalities
        Those whose encoders are here.
    size
        Bytes on disk.
    path
        Its directory.
    """

    repo: str
    commit: str
    revisions: list[str]
    modalities: list[str]
    size: int
    path: Path


def list_cached() -> list[CachedSpace]:
    """Return the spaces in the cache, by repo and commit."""
    info = _scan()
    if info is None:
        return []
    spaces = [
        space
        for repo in info.repos
        if repo.repo_type == "model"
        for revision in repo.revisions
        if (space := _space(repo.repo_id, revision)) is not None
    ]
    return sorted(spaces, key=lambda space: (space.repo, space.commit))


def remove_cached(name: str) -> tuple[list[CachedSpace], int]:
    """Remove a space from the cache.

    Parameters
    ----------
    name
        A Hub repo, ``repo@revision`` for one of its commits, or a catalogue name.

    Returns
    -------
    list of CachedSpace, int
        What was removed, and how many bytes that freed.

    Raises
    ------
    SpaceNotFoundError
        If it is not in the cache, or could be several of its commits.
    OutputError
        If this user may not remove it.
    """
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        raise SpaceNotFoundError(
            f"{name} is not in the cache: it stands at {space.path}; `smile-zoo cache list` shows what is"
        )
    revision = space.revision if "@" in name or "/" not in name else ""
    chosen = [
        cached
        for cached in list_cached()
        if cached.repo == space.repo and (cached.commit.startswith(revision) or revision in cached.revisions)
    ]
    info = _scan()
    if not chosen or info is None:
        raise SpaceNotFoundError(f"{name} is not in the cache {hub_cache()}; `smile-zoo cache list` shows what is")
    if revision and len(chosen) > 1:
        commits = ", ".join(cached.commit[:10] for cached in chosen)
        raise SpaceNotFoundError(f"{name} could be any of the commits {commits}; give more digits")
    strategy = info.delete_revisions(*(cached.commit for cached in chosen))
    with RepoCache(hub_cache(), space.repo).locked():
        strategy.execute()
    if left := [cached.path for cached in chosen if cached.path.exists()]:  # the client passes over them
        raise OutputError(f"{left[0]} could not be removed; remove it as a user who may write to it")
    return chosen, strategy.expected_freed_size


def cached_path(name: str) -> Path:
    """Return the directory of a space that is here, in the cache or not; nothing is downloaded.

    Raises
    ------
    SpaceNotFoundError
        If it is not here.
    """
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        read_manifest(space.path)
        return space.path
    cache = RepoCache(hub_cache(), space.repo)
    path = cache.snapshot(space.commit or cache.commit_of(space.revision) or "")
    if not (path / MANIFEST_NAME).is_file():
        raise SpaceNotFoundError(f"{name} is not in the cache {hub_cache()}; bring it here with: smile-zoo pull {name}")
    return path


def cache_size() -> int:
    """Return the bytes of all spaces in the cache."""
    return sum(space.size for space in list_cached())


def _scan() -> "HFCacheInfo | None":
    from huggingface_hub import scan_cache_dir

    return scan_cache_dir(hub_cache()) if hub_cache().is_dir() else None


def _space(repo: str, revision: "CachedRevisionInfo") -> CachedSpace | None:
    try:
        manifest = read_manifest(revision.snapshot_path)
    except SmileError:
        return None
    return CachedSpace(
        repo,
        revision.commit_hash,
        sorted(revision.refs),
        pulled_modalities(revision.snapshot_path, manifest),
        revision.size_on_disk,
        revision.snapshot_path,
    )


def is_local(entry: CatalogueEntry) -> bool:
    """Return whether a space of the catalogue came with the package, or was pulled, in part at least."""
    if entry.packaged is not None or entry.repo is None or entry.revision is None:
        return entry.packaged is not None
    return (RepoCache(hub_cache(), entry.repo).snapshot(entry.revision) / MANIFEST_NAME).is_file()
