"""The Hugging Face Hub through its own client, with time limits, retries and clear errors."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from smile_runtime.manifest import file_name_problem
from smile_zoo.errors import HubError, OfflineError
from smile_zoo.hub.error_translation import translated_errors
from smile_zoo.hub.paths import hub_cache
from smile_zoo.hub.repo_id import is_commit
from smile_zoo.hub.retry import MAX_ATTEMPTS, call_with_retries
from smile_zoo.hub.running_call import TIMEOUT_SECONDS, CallKind, RunningCall, UnusableAnswer
from smile_zoo.hub.settings import checked_endpoint, checked_token, open_session

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

logger = logging.getLogger(__name__)

LIBRARY_NAME = "smile-zoo"
MAX_HITS = 1000

T = TypeVar("T")


@dataclass(frozen=True)
class HubFile:
    """A file in a commit, with its size in bytes and the hash recorded by the Hub."""

    size: Annotated[int, msgspec.Meta(ge=0)]
    algorithm: Literal["sha256", "git"]
    """``sha256`` for large and binary files, otherwise ``git``: git's sha1 of the blob."""
    digest: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})\Z")]

    def matches(self, content: bytes) -> bool:
        """Return whether content matches the hash of the file."""
        digest = hashlib.sha256(content).hexdigest() if self.algorithm == "sha256" else git_sha1(content)
        return digest == self.digest


@dataclass(frozen=True)
class Commit:
    """A commit of a repo with its files."""

    oid: str
    files: dict[str, HubFile]


@dataclass(frozen=True)
class SearchHit:
    """A repo found by a search: name, downloads in the last month, last change (ISO 8601), and tags."""

    repo: str
    downloads: int
    last_modified: str
    tags: list[str]


class Hub:
    """A Hub as seen by one user.

    Parameters
    ----------
    endpoint
        URL of the Hub; None for ``HF_ENDPOINT`` or huggingface.co.
    token
        Access token; None for ``HF_TOKEN`` or the logged-in user's.
    cache_dir
        Cache folder for repos; None for ``HF_HUB_CACHE``.

    Attributes
    ----------
    canceled
        Event that ends every running call, in any thread, at its next piece of data.
    """

    def __init__(
        self, *, endpoint: str | None = None, token: str | bool | None = None, cache_dir: Path | None = None
    ) -> None:
        self._endpoint, self.token = endpoint, token
        self.cache_dir = hub_cache() if cache_dir is None else cache_dir
        self.canceled = threading.Event()

    @cached_property
    def api(self) -> "HfApi":
        """The Hub's own client."""
        from huggingface_hub import HfApi

        return HfApi(
            endpoint=self.endpoint,
            token=self.token,
            library_name=LIBRARY_NAME,
            library_version=metadata.version(LIBRARY_NAME),
        )

    @cached_property
    def endpoint(self) -> str:
        """URL of the Hub."""
        return checked_endpoint(self._endpoint)

    def require_usable(self) -> None:
        """Validate the settings of the Hub, without a request.

        Raises
        ------
        HubError
            If address, token, proxies or certificates cannot be used.
        DependencyError
            If a proxy needs a package that is not installed.
        """
        assert self.endpoint
        checked_token(self.token)
        open_session()

    def call(
        self,
        subject: str,
        action: Callable[[], T],
        *,
        attempts: int = MAX_ATTEMPTS,
        kind: CallKind = "answer",
        commit: str | None = None,
    ) -> T:
        """Call the Hub, and retry after temporary failures.

        Parameters
        ----------
        subject
            Repo with its revision, for error messages.
        action
            Called until it succeeds, with growing waits in between, or those that the Hub asks for.
        attempts
            Maximum number of attempts.
        kind
            What the call waits for.
        commit
            Commit whose file is downloaded.

        Raises
        ------
        HubError
            If the call fails, or something other than a Hub answers.
        OutputError
            If the response cannot be written.
        """
        has_token = checked_token(self.token) is not None
        call = RunningCall(self.canceled, kind, commit)
        with translated_errors(subject, self.endpoint, self.cache_dir, has_token=has_token):
            return call_with_retries(action, call, attempts=attempts)

    def commit(self, repo: str, revision: str) -> Commit:
        """Look up the commit of a revision, and its files.

        Raises
        ------
        HubError
            If the repo or revision does not exist, or the Hub cannot be reached.
        """
        name, commit = self.call(
            f"{repo}@{revision}",
            lambda: _commit_of(
                self.api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)
            ),
        )
        if name != repo:
            logger.warning("%s is now %s", repo, name)
        if is_commit(revision) and commit.oid != revision:
            raise HubError(f"{repo}@{revision}: {self.endpoint} answered with commit {commit.oid}; do not use this Hub")
        return commit

    def check_connection(self) -> None:
        """Check that the Hub responds within five seconds, and that it is one.

        Raises
        ------
        HubError
            If the Hub does not respond.
        """
        from huggingface_hub.utils import get_session, hf_raise_for_status

        def look() -> None:
            response = get_session().get(f"{self.endpoint}/api/models", params={"limit": 1}, timeout=5)
            hf_raise_for_status(response)
            msgspec.convert(response.json(), list[dict[str, Any]])

        self.call("the Hub", look, attempts=1)

    def search(self, text: str) -> list[SearchHit]:
        """Return the model repos with ``library_name: smile-zoo`` and all words of a text, at most `MAX_HITS`.

        One word must occur in the name, as the Hub searches; the others in name or tags.

        Raises
        ------
        HubError
            If the Hub cannot be reached.
        """
        words = text.lower().split()
        require_online("a search of the Hub")
        self.check_connection()  # fails at once, where the client would retry for long

        def find() -> list[SearchHit]:
            models = self.api.list_models(filter=LIBRARY_NAME, search=max(words, key=len, default=None), full=True)
            hits = (_search_hit(model) for model in models)
            return list(islice((hit for hit in hits if _has_words(hit, words)), MAX_HITS))

        return self.call(f"the search at {self.endpoint}", find, attempts=1)

    def download(self, repo: str, commit: str, name: str, *, tqdm_class: type[Any] | None = None) -> Path:
        """Download one file of a commit into the cache, unless it is there; the caller must verify its content.

        Raises
        ------
        HubError
            If the download fails.
        OutputError
            If the file cannot be written.
        """
        from huggingface_hub import hf_hub_download

        path = self.call(
            f"{repo}@{commit[:7]} {name}",
            lambda: hf_hub_download(
                repo,
                name,
                revision=commit,
                cache_dir=self.cache_dir,
                endpoint=self.endpoint,
                token=self.token,
                tqdm_class=tqdm_class,
                library_name=LIBRARY_NAME,
                library_version=metadata.version(LIBRARY_NAME),
            ),
            kind="download",
            commit=commit,
        )
        return Path(path)


def _commit_of(info: "ModelInfo") -> tuple[str, Commit]:
    """Return the name of a repo and its commit, without files that no system can hold safely; nobody asks for those.

    Raise ValueError or UnusableAnswer if a field is of another kind.
    """
    if not is_commit(info.sha):
        raise UnusableAnswer(f"the answer names the commit {ascii(info.sha)[:60]}, not 40 hexadecimal digits")
    files = {msgspec.convert(file.rfilename, str): _hub_file(file) for file in info.siblings or []}
    safe = {name: file for name, file in files.items() if not file_name_problem(name)}
    return msgspec.convert(info.id, str), Commit(info.sha or "", safe)


def _hub_file(file: "RepoSibling") -> HubFile:
    algorithm, digest = ("sha256", file.lfs.sha256) if file.lfs else ("git", file.blob_id)
    return msgspec.convert({"size": file.size, "algorithm": algorithm, "digest": digest}, HubFile)


def _search_hit(model: "ModelInfo") -> SearchHit:
    changed = model.last_modified
    tags = [tag for tag in msgspec.convert(model.tags or [], list[str]) if tag != LIBRARY_NAME]
    hit = {"repo": model.id, "downloads": model.downloads or 0, "tags": tags}
    return msgspec.convert({**hit, "last_modified": "" if changed is None else changed.isoformat()}, SearchHit)


def _has_words(hit: SearchHit, words: Iterable[str]) -> bool:
    text = " ".join((hit.repo, *hit.tags)).lower()
    return all(word in text for word in words)


def git_sha1(content: bytes) -> str:
    """Return git's sha1 of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_offline() -> bool:
    """Return whether ``HF_HUB_OFFLINE`` disables the network."""
    from huggingface_hub.constants import is_offline_mode

    return is_offline_mode()


def require_online(subject: str) -> None:
    """Raise if the network is disabled.

    Raises
    ------
    OfflineError
        If ``HF_HUB_OFFLINE`` is set.
    """
    if is_offline():
        raise OfflineError(f"{subject} needs the network, and HF_HUB_OFFLINE is set; unset it")
