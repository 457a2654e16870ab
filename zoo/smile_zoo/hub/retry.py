"""Patience with the network: time limits, downloads that go on where they broke off, and what is tried again."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from huggingface_hub.utils import httpx
    from tenacity import RetryCallState

logger = logging.getLogger(__name__)

SECONDS = 20.0
"""Of silence, before a call is given up; the client's downloads have their own limit, HF_HUB_DOWNLOAD_TIMEOUT."""
TRIES = 5

_LONGEST_WAIT = 60.0
_SECONDS_IN_SILENCE = 5.0
_PASSING = {408, 429, 500, 502, 503, 504}
_REOPENINGS = 2  # without a byte in between
_OURS = "smile_zoo_goes_on"  # marks a request of ours, which continues another

_cancelled: ContextVar[threading.Event | None] = ContextVar("smile_zoo_cancelled", default=None)
"""Of the call that runs in this thread."""

T = TypeVar("T")


class Cancelled(Exception):  # noqa: N818 (it is no error)
    """What is under way is not wanted any more."""


def persist(action: Callable[[], T], cancelled: threading.Event, *, tries: int = TRIES) -> T:
    """Call something of the Hub's client, again where it failed for a reason that may pass.

    Parameters
    ----------
    action
        Called until it succeeds, with longer and longer waits in between, or those that the Hub asks for.
    cancelled
        Once it is set, whatever is under way ends at the next piece of data.
    tries
        How often at most; then its last error is raised.
    """
    from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_after_attempt, stop_when_event_set

    def attempt() -> T:
        _prepare_session()
        ours = _cancelled.set(cancelled)
        try:
            return action()
        finally:
            _cancelled.reset(ours)  # the session is not ours alone

    retrying = Retrying(
        stop=stop_after_attempt(tries) | stop_when_event_set(cancelled),
        wait=_wait,
        sleep=sleep_using_event(cancelled),
        retry=retry_if_exception(may_pass),
        before_sleep=_say_that_it_waits,
        reraise=True,
    )
    return retrying(attempt)


def may_pass(error: BaseException) -> bool:
    """Return whether trying again is worth it."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code in _PASSING and retry_after(error) <= _LONGEST_WAIT
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
    return isinstance(error, passing) or is_cut_short(error)


def is_conflict(error: BaseException) -> bool:
    """Return whether the Hub refused because what it has is not what was expected."""
    from huggingface_hub import errors

    return isinstance(error, errors.HfHubHTTPError) and error.response.status_code in {409, 412}


def is_cut_short(error: BaseException) -> bool:
    """Return whether a file came with the wrong size, for which the client has no error of its own."""
    return isinstance(error, OSError) and "Consistency check failed" in str(error)


def retry_after(error: BaseException | None) -> float:
    """Return the seconds that the Hub asks to wait; 0 where it does not."""
    response = getattr(error, "response", None)
    return 0.0 if response is None else _asked(response)


def _asked(response: "httpx.Response") -> float:
    from huggingface_hub.utils import parse_ratelimit_headers

    limit, text = parse_ratelimit_headers(response.headers), response.headers.get("Retry-After", "")
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    return float(text) if text.isdigit() else 0.0


def _wait(state: "RetryCallState") -> float:
    from tenacity import wait_exponential, wait_random

    asked = retry_after(state.outcome.exception() if state.outcome else None)
    return asked or (wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5))(state)


def _say_that_it_waits(state: "RetryCallState") -> None:
    error = state.outcome.exception() if state.outcome else None
    silence = (state.seconds_since_start or 0) + state.upcoming_sleep
    logger.log(
        logging.WARNING if silence > _SECONDS_IN_SILENCE else logging.INFO,
        "trying again in %.1f s: %s",
        state.upcoming_sleep,
        str(error).partition("\n")[0],
    )


def _prepare_session() -> None:
    """Give the client's session a time limit, if it has none, and downloads that go on where they broke off.

    It is shared with whoever uses the client, who sees nothing of this but the time limit, and it is made anew at
    times; so this is done before each call.
    """
    from huggingface_hub.utils import get_session, httpx

    session = get_session()
    if session.timeout == httpx.Timeout(None):
        session.timeout = httpx.Timeout(SECONDS)
    hooks = session.event_hooks
    if _watch not in hooks["response"]:
        session.event_hooks = {
            "request": [*hooks["request"], _require_wanted],
            "response": [*hooks["response"], _watch],
        }


def _require_wanted(_request: "httpx.Request") -> None:
    cancelled = _cancelled.get()
    if cancelled is not None and cancelled.is_set():  # the client tries again and again for a minute otherwise
        raise Cancelled


def _watch(response: "httpx.Response") -> None:
    from huggingface_hub.utils import hf_raise_for_status

    cancelled = _cancelled.get()
    if cancelled is None:  # somebody else's
        return
    if response.status_code in _PASSING and _asked(response) > _LONGEST_WAIT:
        hf_raise_for_status(response)  # the client would sleep for as long as it is asked to
    if _OURS not in response.request.extensions:
        response.stream = _body_class()(response, cancelled)


@cache
def _body_class() -> type[Any]:
    """Return the class of a response's body, which is of httpx or httpx2, as the client is."""
    from huggingface_hub.utils import get_session, httpx

    class Body(httpx.SyncByteStream):
        """The body of a response: ends when it is cancelled, and goes on where the connection broke.

        The client itself goes on from the last 10 MB, after a cut alone; after a reset it begins again.
        """

        def __init__(self, response: httpx.Response, cancelled: threading.Event) -> None:
            self._stream: Any = response.stream
            self._request = response.request
            whole = response.request.method == "GET" and response.status_code == httpx.codes.OK
            self._can_go_on = whole and "Content-Encoding" not in response.headers
            self._cancelled = cancelled

        def __iter__(self) -> Iterator[bytes]:
            received = failures = 0
            while True:
                try:
                    for chunk in self._stream:
                        if self._cancelled.is_set():
                            raise Cancelled
                        received, failures = received + len(chunk), 0
                        yield chunk
                except (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError) as error:
                    failures += 1
                    if not self._goes_on(received, failures):
                        raise httpx.ReadError(str(error) or type(error).__name__) from error
                    logger.info("going on from byte %d of %s: %s", received, self._request.url, error)
                else:
                    return

        def _goes_on(self, received: int, failures: int) -> bool:
            """Ask for the rest; some servers do not give it."""
            self.close()
            if not self._can_go_on or received == 0 or failures > _REOPENINGS:
                return False
            self._cancelled.wait(0.2 * 4 ** (failures - 1))
            headers = httpx.Headers(self._request.headers)
            headers["Range"] = f"bytes={received}-"
            extensions = {**self._request.extensions, _OURS: True}
            session = get_session()
            request = session.build_request("GET", self._request.url, headers=headers, extensions=extensions)
            try:
                response = session.send(request, stream=True)
            except httpx.TransportError:
                return self._goes_on(received, failures + 1)
            self._stream = response.stream
            return response.status_code == httpx.codes.PARTIAL_CONTENT

        def close(self) -> None:
            self._stream.close()

    return Body
