"""Publishing a space directory as one commit of a Hub repo."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from smile_runtime.cards import render_card
from smile_runtime.errors import SpaceError
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, Manifest, encode_manifest, parse_manifest, read_manifest
from smile_zoo.catalogue import entry_from_manifest
from smile_zoo.errors import PublishError, RepoNotFoundError
from smile_zoo.hub import (
    DEFAULT_REVISION,
    Commit,
    Hub,
    RepoCache,
    fetch_content,
    is_repo,
    is_revision,
    name_problem,
    require_online,
)
from smile_zoo.transfer.card_merge import merge_card, require_complete
from smile_zoo.transfer.publish_checks import require_publishable
from smile_zoo.transfer.published_space import PublishedSpace, RepoContent
from smile_zoo.transfer.repo_writer import RepoWriter
from smile_zoo.transfer.space_name import require_directory

logger = logging.getLogger(__name__)


def publish(
    folder_path: Path | str,
    repo_id: str,
    *,
    private: bool = False,
    tag: str | None = None,
    create_pr: bool = False,
    commit_message: str | None = None,
    dry_run: bool = False,
    endpoint: str | None = None,
    token: str | bool | None = None,
    show: Callable[[PublishedSpace], None] = lambda _plan: None,
) -> PublishedSpace:
    """Publish a space directory on the Hub, as one commit.

    The card is generated from the manifest, with the repo in its examples. The author's own text in the card on the Hub
    is kept; if there is none yet, that of the card in the directory. Files that are on the Hub already are not uploaded
    again.

    Parameters
    ----------
    folder_path
        Space directory.
    repo_id
        Hub repo, ``org/name``; created if it does not exist.
    private
        Whether a repo that is created is private.
    tag
        Tag for the commit.
    create_pr
        Whether to open a pull request instead of committing to the main branch.
    commit_message
        Commit message; None for ``Publish NAME``.
    dry_run
        Whether to check and compare only.
    endpoint, token
        Address and access token of the Hub; None for ``HF_ENDPOINT``, ``HF_TOKEN``.
    show
        Called with the plan before anything is uploaded.

    Returns
    -------
        The commit, the files, and the entry for the catalogue.

    Raises
    ------
    PublishError
        If the directory is not fit to be published.
    IntegrityError, SpaceError
        If the files differ from the manifest, or the manifest or a card cannot be read.
    HubError
        If the Hub rejects the upload, or the repo has changed in the meantime.
    """
    path = Path(folder_path)
    if not is_repo(repo_id):
        problem = f": {found}" if (found := name_problem(repo_id)) else ""
        raise PublishError(f"{repo_id!r} is not the name of a Hub repo{problem}; give org/name")
    if tag is not None and not is_revision(tag):
        raise PublishError(f"{tag!r} is not a tag name; use letters, digits, `.`, `-` and `_`, as in v1.0")
    if tag is not None and create_pr:
        raise PublishError("a pull request cannot be tagged; publish it without a tag, and tag once it is merged")
    require_online(f"publishing to {repo_id}")
    hub = Hub(endpoint=endpoint, token=token)
    hub.require_usable()
    require_directory(path)
    manifest = read_manifest(path)
    require_publishable(path, manifest, repo_id)
    publication, writer = _Publication(path, manifest, repo_id, hub), RepoWriter(hub, repo_id)
    head = publication.head()
    content = publication.content(head)
    plan = PublishedSpace(repo_id, None, None, content.compare(head, publication.previous_files(head)), None)
    tagged = None if head is None or tag is None else writer.tagged_commit(tag)
    writer.require_free_tag(tag, tagged, None if head is None or plan.changes else head.oid)
    show(plan)
    if dry_run:
        return plan
    head = head or writer.create(private=private)
    commit, url = head.oid, f"{hub.endpoint}/{repo_id}"
    if plan.changes:
        message = commit_message or f"Publish {manifest.name}"
        commit, url = writer.commit(plan.changes, content, head=head, message=message, create_pr=create_pr)
    if tag is not None and tagged is None:
        writer.tag(tag, commit)
    manifest_sha256 = hashlib.sha256(content.read(MANIFEST_NAME)).hexdigest()
    entry = entry_from_manifest(manifest, manifest_sha256, repo=repo_id, revision=commit)
    return replace(plan, commit=commit, url=url, entry=entry)


class _Publication:
    """A space directory beside the Hub repo that it is published to."""

    def __init__(self, path: Path, manifest: Manifest, repo: str, hub: Hub) -> None:
        self._path, self._manifest, self._repo, self._hub = path, manifest, repo, hub
        self._cache = RepoCache(hub.cache_dir, repo)

    def head(self) -> Commit | None:
        """Look up the main branch; None if the repo does not exist, or this user may not see it."""
        try:
            return self._hub.commit(self._repo, DEFAULT_REVISION)
        except RepoNotFoundError:
            return None

    def content(self, head: Commit | None) -> RepoContent:
        """Return the files to publish; the author's text in the card is taken from the Hub if there is a card."""
        generated = render_card(self._manifest, repo=self._repo)
        card = local = merge_card(_decode((self._path / CARD_NAME).read_bytes(), self._path), generated)
        if head is not None and CARD_NAME in head.files:
            card = merge_card(_decode(self._fetch(head, CARD_NAME), self._repo), generated)
        if local not in {card, generated}:
            logger.warning("the card on the Hub keeps its own text; that of the card in %s is not sent", self._path)
        require_complete(card)
        files: dict[str, Path | bytes] = {name: self._path / name for name in self._manifest.files}
        return RepoContent({**files, CARD_NAME: card.encode(), MANIFEST_NAME: encode_manifest(self._manifest)})

    def previous_files(self, head: Commit | None) -> set[str]:
        """Return the files that the manifest on the Hub lists and the repo has; no other files may be removed."""
        if head is None or MANIFEST_NAME not in head.files:
            return set()
        try:
            return set(parse_manifest(self._fetch(head, MANIFEST_NAME), self._repo).files) & set(head.files)
        except SpaceError:
            return set()

    def _fetch(self, head: Commit, name: str) -> bytes:
        with self._cache.locked():
            return fetch_content(self._hub, self._cache, head, name)


def _decode(card: bytes, origin: object) -> str:
    try:
        return card.decode()
    except UnicodeDecodeError as error:
        raise PublishError(f"{CARD_NAME} of {origin} is not UTF-8 ({error.reason}); save it as UTF-8") from error
