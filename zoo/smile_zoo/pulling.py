"""Pulling: a space, by any of its names, as a verified directory on this machine."""

import hashlib
import logging
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from smile_runtime.errors import FormatVersionError, IntegrityError, SpaceError, UnknownModalityError
from smile_runtime.files import atomic_directory, require_free
from smile_runtime.hashes import FileHashes
from smile_runtime.manifest import MANIFEST_NAME, FileRecord, Manifest, parse_manifest, read_manifest
from smile_runtime.session import Device
from smile_runtime.space import Space, encoders_here, open_space, require_pinned
from smile_zoo.fetching import Progress, fetch_content, fetch_files, no_progress
from smile_zoo.hub import Commit, Hub, is_offline
from smile_zoo.hub_errors import offline_error
from smile_zoo.names import HubSpace, LocalSpace, parse_name
from smile_zoo.places import hash_memory
from smile_zoo.repo_cache import RepoCache

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PulledFile:
    """A file of a space: its size in bytes, and whether it is, or was, downloaded."""

    name: str
    size: int
    will_download: bool


@dataclass(frozen=True)
class Pulled:
    """A space on this machine.

    Attributes
    ----------
    path
        Its directory.
    revision
        Where it came from: ``org/name@commit``, ``packaged``, or ``local`` for a directory.
    manifest
        What it says of itself.
    manifest_sha256
        The sha256 of its manifest.
    files
        Those that were asked for, beside the manifest.
    """

    path: Path
    revision: str
    manifest: Manifest
    manifest_sha256: str
    files: tuple[PulledFile, ...] = ()


def pull(
    name: str | Path,
    *,
    modalities: Collection[str] | None = None,
    with_training: bool = False,
    update: bool = False,
    local_dir: Path | str | None = None,
    force: bool = False,
    dry_run: bool = False,
    cache_dir: Path | None = None,
    endpoint: str | None = None,
    token: str | bool | None = None,
    progress: Progress = no_progress,
) -> Pulled:
    """Bring a space to this machine, with every file compared with the sha256 that its manifest has for it.

    The manifest is compared with the catalogue, or, for a repo that is named itself, with the hash that the commit has
    for it. What is here already and right is not downloaded again; where all of it is, no request is made.

    Parameters
    ----------
    name
        A catalogue name, a Hub repo (``org/name``, ``org/name@revision``) or a directory (``./dir``). Which commit a
        branch or tag is gets looked up once, and stands from then on.
    modalities
        Whose encoders; None: all.
    with_training
        Whether to bring the torch weights, to train on.
    update
        Whether to look up again which commit a branch or tag is.
    local_dir
        A plain directory to copy the files to; None: they stay in the Hub's cache.
    force
        Whether ``local_dir`` may be replaced.
    dry_run
        Whether to download the manifest alone, and say what else would come.
    cache_dir, endpoint, token
        Of the Hub; None: ``HF_HUB_CACHE``, ``HF_ENDPOINT``, ``HF_TOKEN``.
    progress
        Told of bytes that came (less than none where a download starts anew), and of how many it will be.

    Returns
    -------
        Where it is, and what it is.

    Raises
    ------
    SpaceNotFoundError
        If nothing has that name.
    HubError
        If the Hub did not give it.
    IntegrityError
        If a file came wrong twice, or a directory holds a wrong one.
    SpaceError
        If its manifest cannot be read, or lists what may not be in a space.
    UnknownModalityError
        If it has no such encoder.
    OutputError
        If it cannot be written.
    """
    target = None if local_dir is None else Path(local_dir)
    if target is not None:
        require_free(target, force=force)
    space = parse_name(name)
    wanted = _Wanted(modalities, with_training)
    if isinstance(space, LocalSpace):
        pulled = _verified(_opened(space), wanted)
    else:
        download = _Download(space, Hub(endpoint=endpoint, token=token, cache_dir=cache_dir), update=update)
        pulled = download.files(wanted, dry_run=dry_run, progress=progress)
    return pulled if target is None or dry_run else _copied(pulled, target)


def pull_manifest(name: str | Path) -> Pulled:
    """Bring the manifest of a space to this machine, and nothing else; the errors are those of `pull`."""
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        return _opened(space)
    return _Download(space, Hub(), update=False).manifest()


def load(
    name: str | Path,
    *,
    device: Device = "auto",
    modalities: Collection[str] | None = None,
    cache_dir: Path | None = None,
    endpoint: str | None = None,
    token: str | bool | None = None,
    progress: Progress = no_progress,
) -> Space:
    """Pull a space and open it.

    Parameters
    ----------
    name, modalities, cache_dir, endpoint, token, progress
        As in `pull`.
    device
        Where its encoders run: ``auto``, ``cpu`` or ``cuda``.

    Returns
    -------
        The space, to `smile_runtime.project` into.

    Raises
    ------
    SmileError
        As `pull` and `smile_runtime.open_space`.
    """
    pulled = pull(name, modalities=modalities, cache_dir=cache_dir, endpoint=endpoint, token=token, progress=progress)
    return open_space(pulled.path, device=device, revision=pulled.revision, hash_memory=hash_memory())


@dataclass(frozen=True)
class _Wanted:
    """Which files of a space are asked for."""

    modalities: Collection[str] | None
    with_training: bool

    def of(self, manifest: Manifest) -> dict[str, FileRecord]:
        if unknown := [name for name in self.modalities or () if name not in manifest.encoders]:
            raise UnknownModalityError(
                f"the space {manifest.name} has no {unknown[0]!r} encoder; it has: {', '.join(manifest.encoders)}"
            )
        return manifest.select(self.modalities, with_training=self.with_training)


class _Download:
    """A space of the Hub on its way into the cache."""

    def __init__(self, space: HubSpace, hub: Hub, *, update: bool) -> None:
        self._space, self._hub = space, hub
        self._cache = RepoCache(hub.cache_dir, space.repo)
        self._update = update and space.commit is None

    def files(self, wanted: _Wanted, *, dry_run: bool, progress: Progress) -> Pulled:
        """Bring what is missing."""
        if whole := self._whole(wanted):
            return whole
        self._require_online()
        with self._cache.locked():
            if whole := self._whole(wanted):  # another process has pulled it meanwhile
                return whole
            commit, pulled = self._look_up()
            hashes = self._hashes(commit.oid)
            files = wanted.of(pulled.manifest)
            wrong = {name: record for name, record in files.items() if not self._is_right(pulled, name, record, hashes)}
            if not dry_run:
                fetch_files(self._hub, self._cache, commit.oid, wrong, hashes, progress)
            return _with_files(pulled, files, wrong)

    def manifest(self) -> Pulled:
        """Bring the manifest alone."""
        known = self._known()
        if known is not None:
            return known
        self._require_online()
        with self._cache.locked():
            return self._look_up()[1]

    def _require_online(self) -> None:
        if is_offline():
            raise offline_error(str(self._space))

    def _known(self) -> Pulled | None:
        """Return the manifest that is here, if it is right; None if not, or if it is to be looked up again."""
        commit = self._space.commit or self._cache.commit_of(self._space.revision)
        return None if commit is None or self._update else self._read(commit)

    def _whole(self, wanted: _Wanted) -> Pulled | None:
        """Return what is here, if it is all that is asked for and right."""
        known = self._known()
        if known is None:
            return None
        hashes, files = FileHashes(known.path, hash_memory()), wanted.of(known.manifest)
        whole = all(self._is_right(known, name, record, hashes) for name, record in files.items())
        hashes.save()
        return _with_files(known, files, ()) if whole else None

    def _hashes(self, commit: str) -> FileHashes:
        return FileHashes(self._cache.snapshot(commit), hash_memory())

    def _is_right(self, pulled: Pulled, name: str, record: FileRecord, hashes: FileHashes) -> bool:
        try:
            require_pinned(pulled.path, name, record, hashes)
        except IntegrityError:
            return False
        return True

    def _look_up(self) -> tuple[Commit, Pulled]:
        """Find out which commit it is, and bring its manifest."""
        known = None if self._update else self._cache.commit_of(self._space.revision)
        commit = self._hub.commit(self._space.repo, known or self._space.revision)
        if self._space.commit is None:
            logger.warning("%s is commit %s", self._space, commit.oid)
        self._cache.sweep()
        pulled = self._fetch_manifest(commit)
        if self._space.commit is None:
            self._cache.record(self._space.revision, commit.oid)
        return commit, pulled

    def _fetch_manifest(self, commit: Commit) -> Pulled:
        content = fetch_content(self._hub, self._cache, commit, MANIFEST_NAME)
        if self._is_catalogued(content):
            return self._pulled(commit.oid, content)
        self._cache.evict(commit.oid, MANIFEST_NAME)
        raise IntegrityError(
            f"{self._space}: the sha256 of {MANIFEST_NAME} is {_sha256(content)[:12]}…, the catalogue says "
            f"{(self._space.manifest_sha256 or '')[:12]}…: this is not the space that was catalogued, so it was "
            "removed; do not use it, and tell the publisher, or take a newer catalogue: smile-zoo catalogue update"
        )

    def _read(self, commit: str) -> Pulled | None:
        """Return the manifest of a commit that is here, if it is right."""
        path = self._cache.snapshot(commit) / MANIFEST_NAME
        if not path.is_file():
            return None
        content = path.read_bytes()
        right = self._cache.is_as_named(path, content) and self._is_catalogued(content)
        return self._pulled(commit, content) if right else None

    def _is_catalogued(self, content: bytes) -> bool:
        """Return whether a manifest is the catalogue's, or the catalogue does not speak of it."""
        return self._space.manifest_sha256 in {None, _sha256(content)}

    def _pulled(self, commit: str, content: bytes) -> Pulled:
        path = self._cache.snapshot(commit)
        revision = f"{self._space.repo}@{commit}"
        try:
            manifest = parse_manifest(content, f"{revision} {MANIFEST_NAME}")
        except FormatVersionError:
            raise
        except SpaceError:
            self._cache.evict(commit, MANIFEST_NAME)
            raise
        return Pulled(path, revision, manifest, _sha256(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _with_files(pulled: Pulled, files: Mapping[str, FileRecord], missing: Collection[str]) -> Pulled:
    return replace(
        pulled, files=tuple(PulledFile(name, record.size, name in missing) for name, record in files.items())
    )


def _opened(space: LocalSpace) -> Pulled:
    manifest = read_manifest(space.path)
    sha256 = FileHashes(space.path).sha256(MANIFEST_NAME)
    return Pulled(space.path, "packaged" if space.packaged else "local", manifest, sha256)


def _verified(pulled: Pulled, wanted: _Wanted) -> Pulled:
    """Check the files of a directory; of a space of several modalities, it may hold some."""
    if wanted.modalities is None:
        wanted = replace(wanted, modalities=encoders_here(pulled.path, pulled.manifest) or None)
    hashes, files = FileHashes(pulled.path, hash_memory()), wanted.of(pulled.manifest)
    for name, record in files.items():
        require_pinned(pulled.path, name, record, hashes)
    hashes.save()
    return _with_files(pulled, files, ())


def _copied(pulled: Pulled, target: Path) -> Pulled:
    """Copy a space to a plain directory."""
    with atomic_directory(target) as partial:
        for name in (MANIFEST_NAME, *(file.name for file in pulled.files)):
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(pulled.path / name, partial / name)
        copies = FileHashes(partial)
        for file in pulled.files:
            require_pinned(partial, file.name, pulled.manifest.files[file.name], copies)
    return replace(pulled, path=target)
