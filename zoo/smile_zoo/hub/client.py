"""The Hugging Face Hub, through its own client: with time limits, patience, and errors that say what to do."""

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
from smile_zoo.hub.error_translation import explained
from smile_zoo.hub.paths import hub_cache
from smile_zoo.hub.retry import MAX_ATTEMPTS, TIMEOUT_SECONDS, call_with_retries

if TYPE_CHECKING:
    from huggingface_hub import HfApi

logger = logging.getLogger(__name__)

LIBRARY = "smile-zoo"

T = TypeVar("T")


@dataclass(frozen=True)
class HubFile:
    """A file in a commit: its size in bytes, and the hash that the Hub has for it."""

    size: int
    algorithm: str
    """``sha256`` of large and binary files, else ``git``: the sha1 that git has for it."""
    digest: str

    def fits(self, content: bytes) -> bool:
        """Return whether this is the content of the file."""
        found = hashlib.sha256(content).hexdigest() if self.algorithm == "sha256" else git_sha1(content)
        return found == self.digest


@dataclass(frozen=True)
class Commit:
    """A commit of a repo, and its files."""

    oid: str
    files: dict[str, HubFile]


@dataclass(frozen=True)
class FoundRepo:
    """A repo that a search found: its name, downloads of the last month, when it was changed (ISO 8601), its tags."""

    repo: str
    downloads: int
    last_modified: str
    tags: list[str]


class Hub:
    """A Hub as one user sees it.

    Parameters
    ----------
    endpoint
        Its address; None: ``HF_ENDPOINT``, or huggingface.co.
    token
        Of a user; None: ``HF_TOKEN``, or who is logged in.
    cache_dir
        Folder that repos are kept in; None: ``HF_HUB_CACHE``.

    Attributes
    ----------
    cancelled
        Once it is set, whatever is under way in any thread ends at the next piece of data.
    """

    def __init__(
        self, *, endpoint: str | None = None, token: str | bool | None = None, cache_dir: Path | None = None
    ) -> None:
        self._endpoint, self.token = endpoint, token
        self.cache_dir = hub_cache() if cache_dir is None else cache_dir
        self.cancelled = threading.Event()

    @cached_property
    def api(self) -> "HfApi":
        """The client."""
        from huggingface_hub import HfApi

        return HfApi(
            endpoint=self._endpoint,
            token=self.token,
            library_name=LIBRARY,
            library_version=metadata.version(LIBRARY),
        )

    @property
    def endpoint(self) -> str:
        """Its address."""
        return self.api.endpoint

    def call(self, what: str, action: Callable[[], T], *, attempts: int = MAX_ATTEMPTS) -> T:
        """Do something on the Hub, again where it failed for a reason that may pass.

        Parameters
        ----------
        what
            The repo, with its revision, that errors speak of.
        action
            Called until it succeeds, with longer and longer waits in between, or those that the Hub asks for.
        attempts
            Maximum number of attempts.

        Raises
        ------
        HubError
            If it did not succeed.
        OutputError
            If this machine cannot write what came.
        """
        from huggingface_hub import get_token

        has_token = bool(self.token or get_token())
        with explained(what, self.endpoint, self.cache_dir, has_token=has_token):
            return call_with_retries(action, self.cancelled, attempts=attempts)

    def commit(self, repo: str, revision: str) -> Commit:
        """Look up which commit a revision is, and what its files are.

        Raises
        ------
        HubError
            If there is no such repo or revision, or the Hub cannot be reached.
        """
        what = f"{repo}@{revision}"
        info = self.call(
            what, lambda: self.api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)
        )
        if info.id != repo:
            logger.warning("%s is now %s", repo, info.id)
        files = {}
        for file in info.siblings or []:
            algorithm, digest = ("sha256", file.lfs.sha256) if file.lfs else ("git", file.blob_id or "")
            files[file.rfilename] = HubFile(file.size or 0, algorithm, digest)
        assert info.sha is not None
        return Commit(info.sha, files)

    def answers(self) -> None:
        """See whether there is a Hub, for which it has five seconds.

        Raises
        ------
        HubError
            If there is none.
        """
        from huggingface_hub.utils import get_session

        self.call("the Hub", lambda: get_session().head(self.endpoint, timeout=5), attempts=1)

    def search(self, text: str) -> list[FoundRepo]:
        """Return all model repos with ``library_name: smile-zoo``, those with this text in their name.

        Raises
        ------
        HubError
            If the Hub cannot be reached.
        """
        require_online("a search of the Hub")
        self.answers()  # at once; the client tries for long
        models = self.call(
            f"the search at {self.endpoint}",
            lambda: list(self.api.list_models(filter=LIBRARY, search=text or None, full=True)),
            attempts=1,
        )
        return [
            FoundRepo(
                model.id,
                model.downloads or 0,
                "" if model.last_modified is None else model.last_modified.isoformat(),
                [tag for tag in model.tags or [] if tag != LIBRARY],
            )
            for model in models
        ]

    def download(self, repo: str, commit: str, name: str, *, tqdm_class: type[Any] | None = None) -> Path:
        """Bring one file of a commit into the cache, unless it is there; what it holds is for the caller to check.

        Raises
        ------
        HubError
            If the Hub did not give it.
        OutputError
            If it cannot be written.
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
                library_name=LIBRARY,
                library_version=metadata.version(LIBRARY),
            ),
        )
        return Path(path)


def git_sha1(content: bytes) -> str:
    """Return the sha1 that git has for a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_offline() -> bool:
    """Return whether the network is switched off (``HF_HUB_OFFLINE``)."""
    from huggingface_hub.constants import is_offline_mode

    return is_offline_mode()


def require_online(what: str) -> None:
    """Refuse to do what is of no use without the network.

    Raises
    ------
    OfflineError
        If the network is switched off.
    """
    if is_offline():
        raise OfflineError(f"{what} needs the network, and HF_HUB_OFFLINE is set; unset it")
