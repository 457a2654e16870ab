"""A running call of the Hub's client: canceled on demand, and ended by an answer that no Hub would give.

The client's session is shared with other users of the client, so whatever is checked here is only checked for the
requests of a call of ours, which is found through a context variable.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from smile_zoo.hub.requested_wait import require_short_wait
from smile_zoo.hub.settings import open_session

if TYPE_CHECKING:
    from huggingface_hub.utils import httpx

TIMEOUT_SECONDS = 20.0
"""Silence after which a request fails; the client's downloads have their own limit, HF_HUB_DOWNLOAD_TIMEOUT."""
MAX_SILENCE_SECONDS = 40.0
"""Silence over all requests of a call after which it makes no further one."""
MAX_ANSWER_SECONDS = 40.0
MAX_ANSWER_BYTES = 20_000_000
MAX_ERROR_BYTES = 1_000_000
MAX_COMPRESSION = 100
"""Factor by which the limits above are lower for a compressed body, which is not asked for."""
PACE_SECONDS = 20.0
MIN_PACE_BYTES = 10_000
"""Bytes that a download must bring in each period of ``PACE_SECONDS``; even a modem brings more."""
FIRST_ERROR_STATUS = 400

_ETAG_REGEX = re.compile(r'(W/)?"?[A-Za-z0-9][A-Za-z0-9_-]{0,127}"?')

WEB_PAGE = "the answer is a web page, not the Hub: a login page of the network?"

CallKind = Literal["answer", "download", "upload"]
"""What takes time: the answer of the Hub, a file of a commit, or the files that are sent."""


class Canceled(Exception):  # noqa: N818 (it is not an error)
    """Raised inside the client when its call has been canceled."""


class UnusableAnswer(Exception):  # noqa: N818 (it says what the answer is)
    """Raised inside the client when an answer is not that of a Hub, or must not be used; trying again is no use."""


@dataclass
class RunningCall:
    """A call of the client, with all its requests.

    Attributes
    ----------
    canceled
        Event that ends the call at its next piece of data.
    kind
        What the call waits for.
    commit
        Commit whose file is downloaded; None for other calls.
    started, last_heard
        Times at which the call began, and at which the Hub last sent something, in seconds of the monotonic clock.
    """

    canceled: threading.Event
    kind: CallKind = "answer"
    commit: str | None = None
    started: float = field(default_factory=time.monotonic)
    last_heard: float = field(default_factory=time.monotonic)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Apply the checks of this call to the requests of this thread."""
        _prepare_session()
        token = _running.set(self)
        self.started = time.monotonic()
        try:
            yield
        finally:
            _running.reset(token)  # other code may use the same session

    def wait(self, seconds: float) -> None:
        """Wait for a time that does not count as silence; return early if the call is canceled."""
        self.canceled.wait(seconds)
        self.last_heard += seconds

    def is_silent(self) -> bool:
        """Return whether the Hub has sent nothing for so long that another request is no use."""
        return time.monotonic() - self.last_heard > MAX_SILENCE_SECONDS

    def require_time(self) -> None:
        """Raise if the call has been canceled, or lasts longer than any Hub needs."""
        if self.canceled.is_set():  # the client would retry for a minute otherwise
            raise Canceled
        if self.is_silent():
            raise UnusableAnswer(f"nothing was answered for {MAX_SILENCE_SECONDS:.0f} s")
        if self.kind == "answer" and time.monotonic() - self.started > MAX_ANSWER_SECONDS:
            raise UnusableAnswer(f"the answer was not complete after {MAX_ANSWER_SECONDS:.0f} s")

    def max_bytes(self, response: "httpx.Response") -> float:
        """Return the size that the body of a response may have; the size of a file is checked where it is written."""
        is_error = response.status_code >= FIRST_ERROR_STATUS
        if self.kind == "download" and not is_error:
            return float("inf")
        limit = MAX_ERROR_BYTES if is_error else MAX_ANSWER_BYTES
        is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
        return limit if is_plain else limit / MAX_COMPRESSION


_running: ContextVar[RunningCall | None] = ContextVar("smile_zoo_running_call", default=None)


def _prepare_session() -> None:
    """Give the client's session a time limit, if it has none, and watch its calls.

    For other users of the client, only the time limit changes. The client recreates its session at times, so this is
    done before each call.
    """
    from huggingface_hub.utils import httpx

    session = open_session()
    if session.timeout == httpx.Timeout(None):
        session.timeout = httpx.Timeout(TIMEOUT_SECONDS)
    hooks = session.event_hooks
    if _watch_response not in hooks["response"]:
        session.event_hooks = {
            "request": [*hooks["request"], _watch_request],
            "response": [*hooks["response"], _watch_response],
        }


def _watch_request(request: "httpx.Request") -> None:
    call = _running.get()
    if call is None:  # a request of other code
        return
    call.require_time()
    limits = request.extensions.get("timeout", {})
    capped = {name: min(seconds or TIMEOUT_SECONDS, TIMEOUT_SECONDS) for name, seconds in limits.items()}
    request.extensions = {**request.extensions, "timeout": capped}
    if call.kind != "download":
        request.headers["Accept-Encoding"] = "identity"


def _watch_response(response: "httpx.Response") -> None:
    call = _running.get()
    if call is None:
        return
    call.last_heard = time.monotonic()
    require_short_wait(response)  # the client would sleep for as long as the Hub asks
    _require_hub(response, call)
    response.stream = _watched_stream_class()(response.stream, call, call.max_bytes(response))


def _require_hub(response: "httpx.Response", call: RunningCall) -> None:
    """Raise if a response is a web page, or the headers that the client makes paths of are not those of a Hub."""
    is_page = "html" in response.headers.get("Content-Type", "").lower()
    if response.is_success and is_page and response.request.method in {"GET", "HEAD"}:
        raise UnusableAnswer(WEB_PAGE)
    commit = response.headers.get("X-Repo-Commit")
    if call.commit is not None and commit not in {None, call.commit}:
        raise UnusableAnswer(f"the answer is about commit {ascii(commit)[:60]}, not {call.commit}")
    if response.request.method != "HEAD" or commit is None or response.is_error:
        return
    etag = response.headers.get("X-Linked-Etag") or response.headers.get("ETag") or ""
    if _ETAG_REGEX.fullmatch(etag) is None:
        raise UnusableAnswer(f"the answer names its content {ascii(etag)[:60]}, which is no ETag of a Hub")


@cache
def _watched_stream_class() -> type[Any]:
    """Return a stream class of the client's HTTP library, which is httpx or httpx2."""
    from huggingface_hub.utils import httpx

    class WatchedStream(httpx.SyncByteStream):
        """The body of a response, which ends when the call is canceled, and when it is too large or too slow."""

        def __init__(self, stream: Any, call: RunningCall, max_bytes: float) -> None:  # noqa: ANN401 (the library's)
            self._stream, self._call, self._max_bytes = stream, call, max_bytes

        def __iter__(self) -> Iterator[bytes]:
            size, paced_size, paced_since = 0, 0, time.monotonic()
            for chunk in self._stream:
                self._call.last_heard = now = time.monotonic()
                self._call.require_time()
                size += len(chunk)
                if size > self._max_bytes:
                    raise UnusableAnswer(f"the answer is longer than {self._max_bytes:,.0f} bytes")
                if now - paced_since > PACE_SECONDS:
                    if size - paced_size < MIN_PACE_BYTES:
                        raise UnusableAnswer(f"only {size - paced_size:,} bytes came in {now - paced_since:.0f} s")
                    paced_size, paced_since = size, now
                yield chunk

        def close(self) -> None:
            self._stream.close()

    return WatchedStream
