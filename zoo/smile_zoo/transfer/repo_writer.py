"""Writing to a Hub repo: create it, commit to it, tag a commit; a lost response never leads to a second commit."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from smile_zoo.errors import PublishError
from smile_zoo.hub import DEFAULT_REVISION, Commit, Hub, is_commit, is_conflict, is_temporary
from smile_zoo.transfer.published_space import PublishedFile, RepoContent

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete


class RepoWriter:
    """A Hub repo, ``org/name``, that is written to."""

    def __init__(self, hub: Hub, repo: str) -> None:
        self._hub, self._repo = hub, repo

    def create(self, *, private: bool) -> Commit:
        """Create the repo, and return its first commit."""
        self._hub.call(self._repo, lambda: self._hub.api.create_repo(self._repo, private=private, exist_ok=True))
        return self._hub.commit(self._repo, DEFAULT_REVISION)

    def commit(
        self, changes: Sequence[PublishedFile], content: RepoContent, *, head: Commit, message: str, create_pr: bool
    ) -> tuple[str, str]:
        """Commit the changes on top of ``head``, and return the commit and its page, or that of the pull request.

        If the response is lost, the repo is checked for the commit before anything is retried.
        """
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import httpx

        before = self._branches(create_pr=create_pr)

        def attempt() -> tuple[str, str]:
            try:
                info = self._hub.api.create_commit(
                    self._repo,
                    _operations(changes, content),
                    commit_message=message,
                    parent_commit=head.oid,
                    create_pr=create_pr,
                )
            except (HfHubHTTPError, httpx.HTTPError) as error:
                if (is_temporary(error) or is_conflict(error)) and (landed := self._landed(content, before, create_pr)):
                    return landed
                raise
            except json.JSONDecodeError:  # the answer of something that is not a Hub
                raise
            except ValueError as error:
                raise PublishError(f"{self._hub.endpoint} rejects the card: {error}") from error
            except RuntimeError as error:  # the client wraps what went wrong during an upload
                raise error.__cause__ or error from None
            return _commit_page(info)

        return self._hub.call(self._repo, attempt, kind="upload")

    def _branches(self, *, create_pr: bool) -> dict[str, str]:
        """Return the commits of the refs that a commit can move: the branches, or the pull requests."""

        def look_up() -> dict[str, str]:
            refs = self._hub.api.list_repo_refs(self._repo, include_pull_requests=create_pr)
            moved = refs.pull_requests or [] if create_pr else refs.branches
            return msgspec.convert({ref.ref: ref.target_commit for ref in moved}, dict[str, str])

        return self._hub.call(self._repo, look_up)

    def _landed(self, content: RepoContent, before: dict[str, str], create_pr: bool) -> tuple[str, str] | None:
        """Find the commit whose response was lost."""
        for ref, oid in self._branches(create_pr=create_pr).items():
            if before.get(ref) != oid and content.is_in(self._hub.commit(self._repo, oid)):
                page = f"discussions/{ref.rpartition('/')[2]}" if create_pr else f"commit/{oid}"
                return oid, f"{self._hub.endpoint}/{self._repo}/{page}"
        return None

    def tagged_commit(self, tag: str) -> str | None:
        """Return the commit that a tag points to; None if there is no such tag."""

        def look_up() -> dict[str, str]:
            tags = self._hub.api.list_repo_refs(self._repo).tags
            return msgspec.convert({ref.name: ref.target_commit for ref in tags}, dict[str, str])

        return self._hub.call(self._repo, look_up).get(tag)

    def tag(self, tag: str, commit: str) -> None:
        """Tag a commit; the tag may exist already, from an attempt whose response was lost."""
        self._hub.call(
            f"{self._repo}, tag {tag}",
            lambda: self._hub.api.create_tag(self._repo, tag=tag, revision=commit, exist_ok=True),
        )
        self.require_free_tag(tag, self.tagged_commit(tag), commit)

    def require_free_tag(self, tag: str | None, tagged: str | None, commit: str | None) -> None:
        """Raise if a tag points to another commit than this one."""
        if tagged not in {None, commit}:
            raise PublishError(f"{self._repo} already has a tag {tag}, at {tagged[:7]}, and tags stay; choose another")


def _commit_page(info: "CommitInfo") -> tuple[str, str]:
    """Return the commit that the Hub made, and its page or that of the pull request."""
    if not is_commit(info.oid):
        raise PublishError(f"the Hub answered that the commit is {info.oid!a:.60}; look at the repo before you go on")
    return info.oid, msgspec.convert(info.pr_url or info.commit_url, str)


def _operations(
    changes: Sequence[PublishedFile], content: RepoContent
) -> "list[CommitOperationAdd | CommitOperationDelete]":
    """Return the changes as the client takes them, anew for each attempt because the client consumes them."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    return [
        CommitOperationDelete(file.name)
        if file.state == "removed"
        else CommitOperationAdd(file.name, content.files[file.name])
        for file in changes
    ]
