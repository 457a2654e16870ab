"""The Hugging Face Hub, through its own client: with time limits, patience, and errors that say what to do."""

import errno
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from smile_runtime.errors import OutputError
from smile_zoo.errors import AccessError, HubConnectionError, HubError, OfflineError, RepoNotFoundError
from smile_zoo.places import hub_cache

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.utils import httpx
    from tenacity import RetryCallState

logger = logging.getLogger(__name__)

LIBRARY = "smile-zoo"
_SECONDS = 60.0  # of silence, before a call is given up
_TRIES = 5
_LONGEST_WAIT = 60.0
_PASSING = {408, 429, 500, 502, 503, 504}

_cancelled: ContextVar[threading.Event | None] = ContextVar("smile_zoo_cancelled", default=None)
"""Of the call that runs in this thread."""

T = TypeVar("T")


class Cancelled(Exception):  # noqa: N818 (it is no error)
    """The body of a response is not wanted any more."""


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

    def call(self, what: str, action: Callable[[], T], *, tries: int = _TRIES) -> T:
        """Do something on the Hub, again where it failed for a reason that may pass.

        Parameters
        ----------
        what
            The repo, with its revision, that errors speak of.
        action
            Called until it succeeds, with longer and longer waits in between, or those that the Hub asks for.
        tries
            How often at most.

        Raises
        ------
        HubError
            If it did not succeed.
        OutputError
            If this machine cannot write what came.
        """
        from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_after_attempt, stop_when_event_set

        def attempt() -> T:
            _give_patience()
            _cancelled.set(self.cancelled)
            return action()

        retrying = Retrying(
            stop=stop_after_attempt(tries) | stop_when_event_set(self.cancelled),
            wait=_wait,
            sleep=sleep_using_event(self.cancelled),
            retry=retry_if_exception(may_pass),
            before_sleep=_say_that_it_waits,
            reraise=True,
        )
        with self._explained(what):
            return retrying(attempt)

    def commit(self, repo: str, revision: str) -> Commit:
        """Look up which commit a revision is, and what its files are.

        Raises
        ------
        HubError
            If there is no such repo or revision, or the Hub cannot be reached.
        """
        what = f"{repo}@{revision}"
        info = self.call(
            what, lambda: self.api.model_info(repo, revision=revision, files_metadata=True, timeout=_SECONDS)
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

        self.call("the Hub", lambda: get_session().head(self.endpoint, timeout=5), tries=1)

    def search(self, text: str, *, limit: int = 100) -> list[FoundRepo]:
        """Return the model repos with ``library_name: smile-zoo``, those with this text in their name.

        Raises
        ------
        HubError
            If the Hub cannot be reached.
        """
        models = self.call(
            f"the search at {self.endpoint}",
            lambda: list(self.api.list_models(filter=LIBRARY, search=text or None, full=True, limit=limit)),
            tries=1,  # the client tries for long
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

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn the client's errors into ours."""
        from huggingface_hub import errors
        from huggingface_hub.utils import httpx

        try:
            yield
        except errors.GatedRepoError as error:
            raise AccessError(
                f"{what} is gated: ask for access at {self.endpoint}/{what.split('@')[0]}, then set HF_TOKEN to a "
                "token of that account, or log in with: hf auth login"
            ) from error
        except errors.RevisionNotFoundError as error:
            raise RepoNotFoundError(
                f"{what}: the repo is there, this revision is not; give a branch, a tag or a 40-digit commit, or leave "
                "it out for main"
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise RepoNotFoundError(
                f"{what}: there is no such model repo at {self.endpoint}, or it is private and {self._who()} was not "
                "let in; check the name (smile-zoo search --hub), or set HF_TOKEN to a token that opens it"
            ) from error
        except errors.RemoteEntryNotFoundError as error:
            raise RepoNotFoundError(
                f"{what}: the repo has no such file at this commit; is it a SMILE space?"
            ) from error
        except errors.OfflineModeIsEnabled as error:
            raise offline_error(what) from error
        except errors.HfHubHTTPError as error:
            raise self._answered(what, error) from error
        except httpx.HTTPError as error:
            raise self._unreachable(what, error) from error
        except errors.LocalEntryNotFoundError as error:  # the client's word for: not reached, and nothing in the cache
            cause = error.__cause__ or error
            if isinstance(cause, errors.OfflineModeIsEnabled):
                raise offline_error(what) from error
            answered = isinstance(cause, errors.HfHubHTTPError)
            raise self._answered(what, cause) if answered else self._unreachable(what, cause) from error
        except errors.HFValidationError as error:
            raise RepoNotFoundError(f"{what} cannot be the name of a repo: {error}") from error
        except (ConnectionError, TimeoutError) as error:
            raise self._unreachable(what, error) from error
        except RuntimeError as error:  # of hf_xet, the client's other way to bring large files
            raise HubError(
                f"{what} did not come ({error}); try again, or set HF_HUB_DISABLE_XET=1 and try again"
            ) from error
        except OSError as error:
            if _is_cut_short(error):
                raise HubError(f"{what} came with the wrong size {_TRIES} times: {error}; try again later") from error
            raise _not_written(self.cache_dir, error) from error

    def _answered(self, what: str, error: Any) -> HubError:  # noqa: ANN401 (HfHubHTTPError, of a lazy import)
        status = error.response.status_code
        if status == 401:
            return AccessError(f"{what}: {self.endpoint} does not know the token; set HF_TOKEN, or: hf auth login")
        if status == 403:
            return AccessError(
                f"{what}: {self._who()} may not do this; a token with write access is needed to publish, one that "
                f"was let in to read a gated repo ({error.server_message or 'the Hub gives no reason'})"
            )
        if status == 429:
            return HubError(
                f"{what}: {self.endpoint} asks for fewer requests; try again in {_retry_after(error):.0f} s"
            )
        if is_conflict(error):
            return HubError(f"{what} changed while this was under way; look at what is there now, and try again")
        reason = error.server_message or error.response.reason_phrase
        return HubError(f"{what}: {self.endpoint} answered {status} ({reason}); try again later")

    def _unreachable(self, what: str, error: BaseException) -> HubConnectionError:
        return HubConnectionError(
            f"{what}: {self.endpoint} was not reached ({error or type(error).__name__}); check the network, the proxy "
            "(HTTPS_PROXY, NO_PROXY) and HF_ENDPOINT, and try again: what has come already is kept"
        )

    def _who(self) -> str:
        from huggingface_hub import get_token

        return "this token" if self.token or get_token() else "somebody without a token"


def git_sha1(content: bytes) -> str:
    """Return the sha1 that git has for a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def offline_error(what: str) -> OfflineError:
    """Return the error of something that would need the network while it is switched off."""
    return OfflineError(
        f"{what} is not whole on this machine and HF_HUB_OFFLINE is set; pull it with the network on, or bring it as a "
        "bundle: smile-zoo bundle there, smile-zoo pull FILE.tar here"
    )


def is_offline() -> bool:
    """Return whether the network is switched off (``HF_HUB_OFFLINE``)."""
    from huggingface_hub.constants import is_offline_mode

    return is_offline_mode()


def _give_patience() -> None:
    """Give the client's session a time limit, if it has none, and let a download go on after a reset.

    The client goes on where a connection was cut, but not where it was reset; to its download the one looks like the
    other from here on. Its session is shared and made anew at times, so this is done before each call.
    """
    from huggingface_hub.utils import get_session, httpx

    session = get_session()
    if session.timeout == httpx.Timeout(None):
        session.timeout = httpx.Timeout(_SECONDS)
    if _watch_body not in session.event_hooks["response"]:
        session.event_hooks = {
            **session.event_hooks,
            "response": [*session.event_hooks["response"], _watch_body],
        }


def _watch_body(response: "httpx.Response") -> None:
    """Let the body of a response be cancelled, and a reset look like a cut."""
    response.stream = _body_class()(response.stream)


@cache
def _body_class() -> type[Any]:
    """Return the class of a response's body, which is of httpx or httpx2, as the client is."""
    from huggingface_hub.utils import httpx

    class Body(httpx.SyncByteStream):
        def __init__(self, stream: Any) -> None:  # noqa: ANN401 (what the response had)
            self._stream, self._cancelled = stream, _cancelled.get()

        def __iter__(self) -> Iterator[bytes]:
            try:
                for chunk in self._stream:
                    if self._cancelled is not None and self._cancelled.is_set():
                        raise Cancelled
                    yield chunk
            except httpx.ReadError as error:
                raise httpx.RemoteProtocolError(str(error) or "the connection was reset") from error

        def close(self) -> None:
            self._stream.close()

    return Body


def may_pass(error: BaseException) -> bool:
    """Return whether trying again is worth it."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code in _PASSING and _retry_after(error) <= _LONGEST_WAIT
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled | httpx.ProxyError):
        return False  # the client has tried for long; or there is nothing to try
    passing = (
        httpx.NetworkError,
        httpx.TimeoutException,
        httpx.RemoteProtocolError,
        ConnectionError,
        TimeoutError,
        RuntimeError,
    )
    return isinstance(error, passing) or _is_cut_short(error)


def is_conflict(error: BaseException) -> bool:
    """Return whether the Hub refused because what it has is not what was expected."""
    from huggingface_hub import errors

    return isinstance(error, errors.HfHubHTTPError) and error.response.status_code in {409, 412}


def _is_cut_short(error: BaseException) -> bool:
    return isinstance(error, OSError) and "Consistency check failed" in str(error)


def _retry_after(error: BaseException | None) -> float:
    """Return the seconds that the Hub asks to wait; 0 where it does not."""
    response = getattr(error, "response", None)
    text = "" if response is None else response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _wait(state: "RetryCallState") -> float:
    from tenacity import wait_exponential_jitter

    asked = _retry_after(state.outcome.exception() if state.outcome else None)
    return asked or wait_exponential_jitter(initial=0.5, max=8, jitter=0.5)(state)


def _say_that_it_waits(state: "RetryCallState") -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.info("trying again in %.1f s: %s", state.upcoming_sleep, str(error).partition("\n")[0])


def _not_written(place: Path, error: OSError) -> OutputError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    advice = (
        "make room, or set HF_HUB_CACHE to a larger place" if full else "set HF_HUB_CACHE to a place you can write to"
    )
    return OutputError(f"cannot write to {place}: {error.strerror or error}; {advice}. What has come already is kept")
