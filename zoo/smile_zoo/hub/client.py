"""The Hugging Face Hub through its own client, with time limits, retries and clear errors."""

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from smile_zoo.errors import OfflineError
from smile_zoo.hub.error_translation import translated_errors
from smile_zoo.hub.paths import hub_cache
from smile_zoo.hub.retry import MAX_ATTEMPTS, TIMEOUT_SECONDS, call_with_retries

if TYPE_CHECKING:
    from huggingface_hub import HfApi

logger = logging.getLogger(__name__)

LIBRARY_NAME = "smile-zoo"

T = TypeVar("T")


@dataclass(frozen=True)
class HubFile:
    """A file in a commit, with its size in bytes and the hash recorded by the Hub."""

    size: int
    algorithm: str
    """``sha256`` for large and binary files, otherwise ``git``: git's sha1 of the blob."""
    digest: str

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
            endpoint=self._endpoint,
            token=self.token,
            library_name=LIBRARY_NAME,
            library_version=metadata.version(LIBRARY_NAME),
        )

    @property
    def endpoint(self) -> str:
        """URL of the Hub."""
        return self.api.endpoint

    def call(self, subject: str, action: Callable[[], T], *, attempts: int = MAX_ATTEMPTS) -> T:
        """Call the Hub, and retry after temporary failures.

        Parameters
        ----------
        subject
            Repo with its revision, for error messages.
        action
            Called until it succeeds, with growing waits in between, or those that the Hub asks for.
        attempts
            Maximum number of attempts.

        Raises
        ------
        HubError
            If the call fails.
        OutputError
            If the response cannot be written.
        """
        from huggingface_hub import get_token

        has_token = bool(self.token or get_token())
        with translated_errors(subject, self.endpoint, self.cache_dir, has_token=has_token):
            return call_with_retries(action, self.canceled, attempts=attempts)

    def commit(self, repo: str, revision: str) -> Commit:
        """Look up the commit of a revision, and its files.

        Raises
        ------
        HubError
            If the repo or revision does not exist, or the Hub cannot be reached.
        """
        subject = f"{repo}@{revision}"
        info = self.call(
            subject, lambda: self.api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)
        )
        if info.id != repo:
            logger.warning("%s is now %s", repo, info.id)
        files = {}
        for file in info.siblings or []:
            algorithm, digest = ("sha256", file.lfs.sha256) if file.lfs else ("git", file.blob_id or "")
            files[file.rfilename] = HubFile(file.size or 0, algorithm, digest)
        assert info.sha is not None
        return Commit(info.sha, files)

    def check_connection(self) -> None:
        """Check that the Hub responds within five seconds.

        Raises
        ------
        HubError
            If the Hub does not respond.
        """
        from huggingface_hub.utils import get_session

        self.call("the Hub", lambda: get_session().head(self.endpoint, timeout=5), attempts=1)

    def search(self, text: str) -> list[SearchHit]:
        """Return the model repos with ``library_name: smile-zoo`` whose names contain a text.

        Raises
        ------
        HubError
            If the Hub cannot be reached.
        """
        require_online("a search of the Hub")
        self.check_connection()  # fails at once, where the client would retry for long
        models = self.call(
            f"the search at {self.endpoint}",
            lambda: list(self.api.list_models(filter=LIBRARY_NAME, search=text or None, full=True)),
            attempts=1,
        )
        return [
            SearchHit(
                model.id,
                model.downloads or 0,
                "" if model.last_modified is None else model.last_modified.isoformat(),
                [tag for tag in model.tags or [] if tag != LIBRARY_NAME],
            )
            for model in models
        ]

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
                endpoint=self._endpoint,
                token=self.token,
                tqdm_class=tqdm_class,
                library_name=LIBRARY_NAME,
                library_version=metadata.version(LIBRARY_NAME),
            ),
        )
        return Path(path)


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
