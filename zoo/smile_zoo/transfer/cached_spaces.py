"""Spaces in the Hub's cache, which other programs use, too."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import OutputError, SmileError, SpaceNotFoundError
from smile_runtime.manifest import MANIFEST_NAME, read_manifest
from smile_runtime.space import pulled_modalities
from smile_zoo.catalogue import CatalogueEntry
from smile_zoo.hub import RepoCache, hub_cache
from smile_zoo.transfer.space_name import LocalSpace, parse_name

if TYPE_CHECKING:
    from huggingface_hub import CachedRevisionInfo, HFCacheInfo


@dataclass(frozen=True)
class CachedSpace:
    """A space in the cache.

    Attributes
    ----------
    repo, commit
        Hub repo and commit of the space.
    revisions
        Branches and tags that pointed to this commit when they were looked up.
    modalities
        Modalities whose encoders are in the cache.
    size
        Size on disk, in bytes.
    path
        Space directory.
    """

    repo: str
    commit: str
    revisions: list[str]
    modalities: list[str]
    size: int
    path: Path


def list_cached() -> list[CachedSpace]:
    """Return the spaces in the cache, sorted by repo and commit."""
    info = _scan()
    revisions = ((repo, revision) for repo in (info.repos if info else ()) for revision in repo.revisions)
    found = (_space(repo.repo_id, revision) for repo, revision in revisions if repo.repo_type == "model")
    spaces = [space for space in found if space is not None]
    return sorted(spaces, key=lambda space: (space.repo, space.commit))


def remove_cached(name: str) -> tuple[list[CachedSpace], int]:
    """Remove a space from the cache.

    Parameters
    ----------
    name
        Hub repo, ``repo@revision`` for one of its commits, or catalogue name.

    Returns
    -------
    list of CachedSpace, int
        The spaces that were removed, and the number of bytes that this freed.

    Raises
    ------
    SpaceNotFoundError
        If the space is not in the cache, or several of its commits match.
    OutputError
        If this user has no permission to remove the space.
    """
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        raise SpaceNotFoundError(
            f"{name} is not in the cache but at {space.path}; `smile-zoo cache list` shows what is"
        )
    revision = space.revision if "@" in name or "/" not in name else ""
    selected = [
        cached
        for cached in list_cached()
        if cached.repo == space.repo and (cached.commit.startswith(revision) or revision in cached.revisions)
    ]
    info = _scan()
    if not selected or info is None:
        raise SpaceNotFoundError(f"{name} is not in the cache {hub_cache()}; `smile-zoo cache list` shows what is")
    if revision and len(selected) > 1:
        commits = ", ".join(cached.commit[:10] for cached in selected)
        raise SpaceNotFoundError(f"{name} matches the commits {commits}; give more digits")
    strategy = info.delete_revisions(*(cached.commit for cached in selected))
    with RepoCache(hub_cache(), space.repo).locked():
        strategy.execute()
    # the client skips what it cannot remove
    if remaining := [cached.path for cached in selected if cached.path.exists()]:
        raise OutputError(f"{remaining[0]} could not be removed; remove it as a user with write access")
    return selected, strategy.expected_freed_size


def cached_path(name: str) -> Path:
    """Return the directory of a space on this machine, without downloading anything.

    Raises
    ------
    SpaceNotFoundError
        If the space is not on this machine.
    """
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        read_manifest(space.path)
        return space.path
    cache = RepoCache(hub_cache(), space.repo)
    commit = space.commit or cache.commit_of(space.revision)
    path = None if commit is None else cache.snapshot(commit)
    if path is None or not (path / MANIFEST_NAME).is_file():
        raise SpaceNotFoundError(f"{name} is not in the cache {hub_cache()}; download it with: smile-zoo pull {name}")
    return path


def cache_size() -> int:
    """Return the size of all spaces in the cache, in bytes."""
    return sum(space.size for space in list_cached())


def is_local(entry: CatalogueEntry) -> bool:
    """Return whether a space of the catalogue is packaged, or at least partly in the cache."""
    if entry.packaged is not None or entry.repo is None or entry.revision is None:
        return entry.packaged is not None
    return (RepoCache(hub_cache(), entry.repo).snapshot(entry.revision) / MANIFEST_NAME).is_file()


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
