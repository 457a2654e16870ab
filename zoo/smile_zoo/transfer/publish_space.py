"""Publishing: a space directory as one commit of a Hub repo."""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smile_runtime.cards import render_card
from smile_runtime.errors import SpaceError
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, Manifest, encode_manifest, parse_manifest, read_manifest
from smile_zoo.catalogue import CatalogueEntry, entry_of
from smile_zoo.errors import PublishError, RepoNotFoundError
from smile_zoo.hub import (
    DEFAULT_REVISION,
    Commit,
    Hub,
    RepoCache,
    fetch_content,
    is_conflict,
    is_repo,
    is_revision,
    may_pass,
    require_online,
)
from smile_zoo.transfer.card import merge_card, require_complete
from smile_zoo.transfer.publish_checks import require_publishable

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

logger = logging.getLogger(__name__)

State = Literal["new", "changed", "same", "removed"]


@dataclass(frozen=True)
class PublishedFile:
    """A file of the repo: its size in bytes, and what publishing does to it."""

    name: str
    size: int
    state: State


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes
    ----------
    repo
        The Hub repo.
    commit
        The commit; None for a dry run that would make one.
    url
        Its page, or that of the pull request; None likewise.
    files
        All files, and which of them are new.
    entry
        What the catalogue would say; None likewise.
    """

    repo: str
    commit: str | None
    url: str | None
    files: tuple[PublishedFile, ...]
    entry: CatalogueEntry | None

    @property
    def changes(self) -> list[PublishedFile]:
        """The files that differ from what the repo had."""
        return [file for file in self.files if file.state != "same"]


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
    show: Callable[[Published], None] = lambda _published: None,
) -> Published:
    """Put a space directory on the Hub, as one commit.

    The card is made anew from the manifest, with the repo in its examples; text of its author is kept, as it is on the
    Hub, or for the first time in the directory. What is on the Hub
    already is not sent again.

    Parameters
    ----------
    folder_path
        The space directory.
    repo_id
        Where it goes: ``org/name``; made if it is not there.
    private
        Whether a repo that is made is private.
    tag
        A tag for the commit.
    create_pr
        Whether to open a pull request, in place of a commit on the main branch.
    commit_message
        Of the commit.
    dry_run
        Whether to check and compare only.
    endpoint, token
        Of the Hub; None: ``HF_ENDPOINT``, ``HF_TOKEN``.
    show
        Told what will go, before it goes.

    Returns
    -------
        What went, and the entry for the catalogue.

    Raises
    ------
    PublishError
        If the directory is not fit to be published.
    IntegrityError, SpaceError
        If its files are not what its manifest says.
    HubError
        If the Hub does not take it, or the repo changed meanwhile.
    """
    path = Path(folder_path)
    if not is_repo(repo_id):
        raise PublishError(f"{repo_id!r} is no name of a Hub repo; give org/name")
    if tag is not None and not is_revision(tag):
        raise PublishError(f"{tag!r} is no name of a tag; give letters, digits, `.`, `-` and `_`, as in v1.0")
    if tag is not None and create_pr:
        raise PublishError("a pull request is not tagged; publish without --tag, and tag once it is merged")
    require_online(f"publishing to {repo_id}")
    manifest = read_manifest(path)
    require_publishable(path, manifest, repo_id)
    publication = _Publication(path, manifest, repo_id, Hub(endpoint=endpoint, token=token))
    how = _How(private, tag, create_pr, commit_message or f"Publish {manifest.name}")
    return publication.run(how, dry_run=dry_run, show=show)


@dataclass(frozen=True)
class _How:
    private: bool
    tag: str | None
    create_pr: bool
    message: str


@dataclass(frozen=True)
class _Content:
    """The files that a repo is to have: where each is, or what it holds."""

    files: dict[str, Path | bytes]

    def read(self, name: str) -> bytes:
        source = self.files[name]
        return source if isinstance(source, bytes) else source.read_bytes()

    def is_in(self, commit: Commit) -> bool:
        """Return whether a commit has all of it."""
        return all(name in commit.files and commit.files[name].fits(self.read(name)) for name in self.files)

    def compared(self, head: Commit | None, previous: Collection[str]) -> Iterator[PublishedFile]:
        """Compare with a commit, and with the names that its manifest listed."""
        for name in sorted(self.files):
            content, there = self.read(name), None if head is None else head.files.get(name)
            state: State = "new" if there is None else "same" if there.fits(content) else "changed"
            yield PublishedFile(name, len(content), state)
        for name in sorted(set(previous) - set(self.files)):
            yield PublishedFile(name, 0, "removed")


class _Publication:
    """One space on its way to one repo."""

    def __init__(self, path: Path, manifest: Manifest, repo: str, hub: Hub) -> None:
        self._path, self._manifest, self._repo, self._hub = path, manifest, repo, hub
        self._cache = RepoCache(hub.cache_dir, repo)

    def run(self, how: _How, *, dry_run: bool, show: Callable[[Published], None]) -> Published:
        """Compare, show, commit, tag."""
        head = self._head()
        content = self._content(head)
        plan = Published(self._repo, None, None, tuple(content.compared(head, self._previous(head))), None)
        tagged = None if head is None or how.tag is None else self._tags().get(how.tag)
        self._require_same(how.tag, tagged, None if head is None or plan.changes else head.oid)
        show(plan)
        if dry_run:
            return plan
        head = head or self._create(private=how.private)
        commit, url = head.oid, f"{self._hub.endpoint}/{self._repo}"
        if plan.changes:
            commit, url = self._commit(plan.changes, content, head, how)
        if how.tag is not None and tagged is None:
            self._tag(how.tag, commit)
        sha256 = hashlib.sha256(content.read(MANIFEST_NAME)).hexdigest()
        return replace(plan, commit=commit, url=url, entry=self._entry(sha256, commit))

    def _entry(self, sha256: str, commit: str) -> CatalogueEntry:
        return entry_of(self._manifest, sha256, repo=self._repo, revision=commit)

    def _head(self) -> Commit | None:
        """Look up the main branch; None for a repo that is not there, or is not shown to this user."""
        try:
            return self._hub.commit(self._repo, DEFAULT_REVISION)
        except RepoNotFoundError:
            return None

    def _content(self, head: Commit | None) -> _Content:
        """Return the files of the directory, with the card merged into the one on the Hub."""
        generated = render_card(self._manifest, repo=self._repo)
        card = local = merge_card(_text((self._path / CARD_NAME).read_bytes(), self._path), generated)
        if head is not None and CARD_NAME in head.files:
            card = merge_card(_text(self._fetch(head, CARD_NAME), self._repo), generated)
        if local not in {card, generated}:
            logger.warning("the card on the Hub has text of its own, which stays; that in %s is not sent", self._path)
        require_complete(card)
        files: dict[str, Path | bytes] = {name: self._path / name for name in self._manifest.files}
        return _Content({**files, CARD_NAME: card.encode(), MANIFEST_NAME: encode_manifest(self._manifest)})

    def _previous(self, head: Commit | None) -> set[str]:
        """Return the files of the space that the repo has; those that nobody lists are not ours to remove."""
        if head is None or MANIFEST_NAME not in head.files:
            return set()
        try:
            return set(parse_manifest(self._fetch(head, MANIFEST_NAME), self._repo).files) & set(head.files)
        except SpaceError:
            return set()

    def _fetch(self, head: Commit, name: str) -> bytes:
        with self._cache.locked():
            return fetch_content(self._hub, self._cache, head, name)

    def _create(self, *, private: bool) -> Commit:
        self._hub.call(self._repo, lambda: self._hub.api.create_repo(self._repo, private=private, exist_ok=True))
        return self._hub.commit(self._repo, DEFAULT_REVISION)

    def _commit(self, changes: Sequence[PublishedFile], content: _Content, head: Commit, how: _How) -> tuple[str, str]:
        """Make the commit, and return it with its page; where the answer is lost, look before trying again."""
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import httpx

        before = self._branches(create_pr=how.create_pr)

        def attempt() -> tuple[str, str]:
            try:
                info = self._hub.api.create_commit(
                    self._repo,
                    _operations(changes, content),
                    commit_message=how.message,
                    parent_commit=head.oid,
                    create_pr=how.create_pr,
                )
            except (HfHubHTTPError, httpx.HTTPError) as error:
                if (may_pass(error) or is_conflict(error)) and (landed := self._landed(content, before, how)):
                    return landed
                raise
            except ValueError as error:
                raise PublishError(f"{self._hub.endpoint} does not take the card: {error}") from error
            except RuntimeError as error:  # of an upload, around what went wrong
                raise error.__cause__ or error from None
            return info.oid, info.pr_url or info.commit_url

        return self._hub.call(self._repo, attempt)

    def _branches(self, *, create_pr: bool) -> dict[str, str]:
        """Return the commits of the branches that a commit would move, or of the pull requests."""
        refs = self._hub.call(
            self._repo, lambda: self._hub.api.list_repo_refs(self._repo, include_pull_requests=create_pr)
        )
        return {ref.ref: ref.target_commit for ref in (refs.pull_requests or [] if create_pr else refs.branches)}

    def _landed(self, content: _Content, before: dict[str, str], how: _How) -> tuple[str, str] | None:
        """Find the commit whose answer was lost."""
        for ref, oid in self._branches(create_pr=how.create_pr).items():
            if before.get(ref) != oid and content.is_in(self._hub.commit(self._repo, oid)):
                page = f"discussions/{ref.rpartition('/')[2]}" if how.create_pr else f"commit/{oid}"
                return oid, f"{self._hub.endpoint}/{self._repo}/{page}"
        return None

    def _tags(self) -> dict[str, str]:
        refs = self._hub.call(self._repo, lambda: self._hub.api.list_repo_refs(self._repo))
        return {ref.name: ref.target_commit for ref in refs.tags}

    def _tag(self, tag: str, commit: str) -> None:
        """Set the tag; one that a lost answer set is there already."""
        self._hub.call(
            f"{self._repo}, tag {tag}",
            lambda: self._hub.api.create_tag(self._repo, tag=tag, revision=commit, exist_ok=True),
        )
        self._require_same(tag, self._tags().get(tag), commit)

    def _require_same(self, tag: str | None, tagged: str | None, commit: str | None) -> None:
        """Refuse a tag that is at another commit."""
        if tagged not in {None, commit}:
            raise PublishError(f"{self._repo} has a tag {tag} already, at {tagged[:7]}; tags stay: choose another")


def _text(card: bytes, place: object) -> str:
    try:
        return card.decode()
    except UnicodeDecodeError as error:
        raise PublishError(f"{CARD_NAME} of {place} is not UTF-8 ({error.reason}); save it as such") from error


def _operations(
    changes: Sequence[PublishedFile], content: _Content
) -> "list[CommitOperationAdd | CommitOperationDelete]":
    """Return what the client is to do; it uses the objects up, so they are made for each attempt."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    return [
        CommitOperationDelete(file.name)
        if file.state == "removed"
        else CommitOperationAdd(file.name, content.files[file.name])
        for file in changes
    ]
