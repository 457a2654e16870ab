"""Downloading a space from the Hub into the cache."""

import hashlib
import logging
from pathlib import Path

from smile_runtime.errors import FormatVersionError, IntegrityError, OutputError, SpaceError
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, MAX_MANIFEST_BYTES, parse_manifest
from smile_runtime.space import FileHashes
from smile_zoo.errors import HubError
from smile_zoo.hub import (
    Commit,
    Hub,
    Progress,
    RepoCache,
    SeenManifests,
    fetch_content,
    fetch_files,
    hash_memory,
    is_offline,
    manifest_memory,
    offline_error,
    require_online,
)
from smile_zoo.transfer.pulled_space import FileSelection, PulledSpace
from smile_zoo.transfer.space_name import HubSpace

logger = logging.getLogger(__name__)


class SpaceDownload:
    """A space of the Hub, completed in the cache.

    Parameters
    ----------
    space
        Name of the space.
    hub
        Hub that the space is downloaded from.
    update
        Whether to look up again which commit a branch or tag points to.
    """

    def __init__(self, space: HubSpace, hub: Hub, *, update: bool) -> None:
        self._space, self._hub = space, hub
        self._cache = RepoCache(hub.cache_dir, space.repo)
        self._memory = SeenManifests(manifest_memory())
        self._update = update and space.commit is None

    def files(self, selection: FileSelection, *, dry_run: bool, progress: Progress) -> PulledSpace:
        """Download the selected files that are missing; no request is made if there are none."""
        if complete := self._complete(selection):
            return complete
        self._require_online()
        with self._cache.locked():
            if complete := self._complete(selection):  # another process has pulled it in the meantime
                return complete
            commit, space = self._look_up()
            files = selection.of(space.manifest)
            wrong = space.wrong_files(files)
            card = commit.files.get(CARD_NAME)
            missing = {*wrong} if (space.path / CARD_NAME).is_file() else {*wrong, CARD_NAME}
            if dry_run:
                return space.with_files(files, missing, card.size if card else None)
            fetch_files(self._hub, self._cache, commit.oid, wrong, space.hashes, progress)
            if card:  # comes last, so that it never delays the other files
                self._fetch_card(commit)
            return space.with_files(files, missing)

    def manifest(self) -> PulledSpace:
        """Download the manifest alone."""
        if cached := self._cached():
            return cached
        self._require_online()
        with self._cache.locked():
            return self._look_up()[1]

    def _require_online(self) -> None:
        if self._update:
            require_online(f"an update of {self._space}")
        if is_offline():
            raise offline_error(str(self._space))

    def _complete(self, selection: FileSelection) -> PulledSpace | None:
        """Return the space if its manifest and all selected files are in the cache and intact."""
        space = self._cached()
        if space is None:
            return None
        files = selection.of(space.manifest)
        return None if space.wrong_files(files) else space.with_files(files)

    def _cached(self) -> PulledSpace | None:
        """Return the space if its manifest is in the cache, intact, and need not be looked up again."""
        commit = self._space.commit or self._cache.commit_of(self._space.revision)
        if commit is None or self._update:
            return None
        self._cache.require_own(commit)
        path = self._cache.snapshot(commit) / MANIFEST_NAME
        if not path.is_file():
            return None
        content = _read(path)
        is_intact = self._cache.matches_blob_name(path, content) and self._is_known(commit, content)
        return self._space_of(commit, content) if is_intact else None

    def _look_up(self) -> tuple[Commit, PulledSpace]:
        """Look up the commit on the Hub, and download its manifest."""
        known = None if self._update else self._cache.commit_of(self._space.revision)
        commit = self._hub.commit(self._space.repo, known or self._space.revision)
        if self._space.commit is None:
            logger.warning("%s is commit %s", self._space, commit.oid)
        self._cache.require_own(commit.oid)
        self._cache.remove_leftovers()
        space = self._fetch_manifest(commit)
        if self._space.commit is None:
            self._cache.record(self._space.revision, commit.oid)
        return commit, space

    def _fetch_manifest(self, commit: Commit) -> PulledSpace:
        content = fetch_content(self._hub, self._cache, commit, MANIFEST_NAME)
        if self._is_catalogued(content):
            self._memory.record(self._space.repo, commit.oid, _sha256(content))
            return self._space_of(commit.oid, content)
        self._cache.evict(commit.oid, MANIFEST_NAME)
        raise IntegrityError(
            f"{self._space}: the sha256 of {MANIFEST_NAME} is {_sha256(content)[:12]}…, the catalogue says "
            f"{(self._space.manifest_sha256 or '')[:12]}…: this is not the space that was catalogued, so it was "
            "removed; do not use it, and inform the publisher, or update the catalogue: smile-zoo catalogue update"
        )

    def _fetch_card(self, commit: Commit) -> None:
        """Download the card; the space works without it, so a failure is only logged."""
        try:
            fetch_content(self._hub, self._cache, commit, CARD_NAME)
        except (HubError, IntegrityError, OutputError) as error:
            logger.warning("the card was not downloaded; the space works without it: %s", error)

    def _is_known(self, commit: str, content: bytes) -> bool:
        """Return whether a manifest is the one in the catalogue, and the one that was downloaded earlier, if any."""
        is_remembered = self._memory.agrees(self._space.repo, commit, _sha256(content))
        return is_remembered and self._is_catalogued(content)

    def _is_catalogued(self, content: bytes) -> bool:
        """Return whether a manifest is the one in the catalogue; true for a space that is not catalogued."""
        return self._space.manifest_sha256 in {None, _sha256(content)}

    def _space_of(self, commit: str, content: bytes) -> PulledSpace:
        """Return the space of a manifest; a manifest that cannot be parsed is removed, unless its format is newer."""
        path = self._cache.snapshot(commit)
        revision = f"{self._space.repo}@{commit}"
        try:
            manifest = parse_manifest(content, f"{revision} {MANIFEST_NAME}")
        except FormatVersionError:
            raise
        except SpaceError:
            self._cache.evict(commit, MANIFEST_NAME)
            raise
        return PulledSpace(path, revision, manifest, _sha256(content), FileHashes(path, hash_memory()))


def _read(path: Path) -> bytes:
    """Return a manifest in the cache, or so much of it that it is recognized as too large."""
    with path.open("rb") as file:
        return file.read(MAX_MANIFEST_BYTES + 1)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
