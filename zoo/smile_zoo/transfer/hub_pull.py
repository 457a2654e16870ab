"""A space of the Hub on its way into the cache."""

import hashlib
import logging

from smile_runtime.errors import FormatVersionError, IntegrityError, OutputError, SpaceError
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, FileRecord, parse_manifest
from smile_runtime.space import FileHashes, require_pinned
from smile_zoo.errors import HubError
from smile_zoo.hub import (
    Commit,
    Hub,
    Progress,
    RepoCache,
    fetch_content,
    fetch_files,
    hash_memory,
    is_offline,
    offline_error,
    require_online,
)
from smile_zoo.transfer.names import HubSpace
from smile_zoo.transfer.pulled_space import FileSelection, PulledSpace

logger = logging.getLogger(__name__)


class Download:
    """A space of the Hub, and what of it is in the cache.

    Parameters
    ----------
    space
        Which.
    hub
        Where it comes from.
    update
        Whether to look up again which commit a branch or tag is.
    """

    def __init__(self, space: HubSpace, hub: Hub, *, update: bool) -> None:
        self._space, self._hub = space, hub
        self._cache = RepoCache(hub.cache_dir, space.repo)
        self._update = update and space.commit is None

    def files(self, wanted: FileSelection, *, dry_run: bool, progress: Progress) -> PulledSpace:
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
            wrong = {name: record for name, record in files.items() if not _is_right(pulled, name, record, hashes)}
            card = commit.files.get(CARD_NAME)
            missing = [*wrong, CARD_NAME] if pulled.card_size is None else [*wrong]
            if dry_run:
                return pulled.with_files(files, missing, card.size if card else None)
            fetch_files(self._hub, self._cache, commit.oid, wrong, hashes, progress)
            if card:
                self._fetch_card(commit)
            return pulled.with_files(files, missing, pulled.card_size)

    def manifest(self) -> PulledSpace:
        """Bring the manifest alone."""
        known = self._known()
        if known is not None:
            return known
        self._require_online()
        with self._cache.locked():
            return self._look_up()[1]

    def _fetch_card(self, commit: Commit) -> None:
        """Download the card; the space works without it, so a failure is only logged."""
        try:
            fetch_content(self._hub, self._cache, commit, CARD_NAME)
        except (HubError, IntegrityError, OutputError) as error:
            logger.warning("the space is complete, but its card was not downloaded: %s", error)

    def _require_online(self) -> None:
        if self._update:
            require_online(f"an update of {self._space}")
        if is_offline():
            raise offline_error(str(self._space))

    def _known(self) -> PulledSpace | None:
        """Return the manifest that is here, if it is right; None if not, or if it is to be looked up again."""
        commit = self._space.commit or self._cache.commit_of(self._space.revision)
        return None if commit is None or self._update else self._read(commit)

    def _whole(self, wanted: FileSelection) -> PulledSpace | None:
        """Return what is here, if it is all that is asked for and right."""
        known = self._known()
        if known is None:
            return None
        hashes, files = FileHashes(known.path, hash_memory()), wanted.of(known.manifest)
        whole = all(_is_right(known, name, record, hashes) for name, record in files.items())
        hashes.save()
        return known.with_files(files, (), known.card_size) if whole else None

    def _hashes(self, commit: str) -> FileHashes:
        return FileHashes(self._cache.snapshot(commit), hash_memory())

    def _look_up(self) -> tuple[Commit, PulledSpace]:
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

    def _fetch_manifest(self, commit: Commit) -> PulledSpace:
        content = fetch_content(self._hub, self._cache, commit, MANIFEST_NAME)
        if self._is_catalogued(content):
            return self._pulled(commit.oid, content)
        self._cache.evict(commit.oid, MANIFEST_NAME)
        raise IntegrityError(
            f"{self._space}: the sha256 of {MANIFEST_NAME} is {_sha256(content)[:12]}…, the catalogue says "
            f"{(self._space.manifest_sha256 or '')[:12]}…: this is not the space that was catalogued, so it was "
            "removed; do not use it, and tell the publisher, or take a newer catalogue: smile-zoo catalogue update"
        )

    def _read(self, commit: str) -> PulledSpace | None:
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

    def _pulled(self, commit: str, content: bytes) -> PulledSpace:
        path = self._cache.snapshot(commit)
        revision = f"{self._space.repo}@{commit}"
        try:
            manifest = parse_manifest(content, f"{revision} {MANIFEST_NAME}")
        except FormatVersionError:
            raise
        except SpaceError:
            self._cache.evict(commit, MANIFEST_NAME)
            raise
        return PulledSpace(path, revision, manifest, _sha256(content))


def _is_right(pulled: PulledSpace, name: str, record: FileRecord, hashes: FileHashes) -> bool:
    try:
        require_pinned(pulled.path, name, record, hashes)
    except IntegrityError:
        return False
    return True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
