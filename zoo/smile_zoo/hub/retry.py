"""Retries of the Hub's client: time limits, waits, and cancellation."""

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

TIMEOUT_SECONDS = 20.0
"""Silence after which a call fails; the client's downloads have their own limit, HF_HUB_DOWNLOAD_TIMEOUT."""
MAX_ATTEMPTS = 5
MAX_RETRY_AFTER_SECONDS = 60.0
WARN_AFTER_SECONDS = 5.0
RETRIED_STATUS_CODES = {408, 429, 500, 502, 503, 504}

_canceled: ContextVar[threading.Event | None] = ContextVar("smile_zoo_canceled", default=None)
"""Cancellation event of the call that runs in this thread."""

T = TypeVar("T")


class Canceled(Exception):  # noqa: N818 (it is not an error)
    """Raised inside the client when its call has been canceled."""


def call_with_retries(action: Callable[[], T], canceled: threading.Event, *, attempts: int = MAX_ATTEMPTS) -> T:
    """Call the Hub's client, and retry after temporary failures.

    Parameters
    ----------
    action
        Called until it succeeds, with growing waits in between, or those that the Hub asks for.
    canceled
        Event that ends a running call at its next piece of data.
    attempts
        Maximum number of attempts, after which the last error is raised.
    """
    from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_after_attempt, stop_when_event_set

    def attempt() -> T:
        _prepare_session()
        token = _canceled.set(canceled)
        try:
            return action()
        finally:
            _canceled.reset(token)  # other code may use the same session

    retrying = Retrying(
        stop=stop_after_attempt(attempts) | stop_when_event_set(canceled),
        wait=_wait_seconds,
        sleep=sleep_using_event(canceled),
        retry=retry_if_exception(is_temporary),
        before_sleep=_log_wait,
        reraise=True,
    )
    return retrying(attempt)


def is_temporary(error: BaseException) -> bool:
    """Return whether a failed call is worth retrying."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx

    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        return status in RETRIED_STATUS_CODES and retry_after(error) <= MAX_RETRY_AFTER_SECONDS
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled | httpx.ProxyError):
        return False  # the client has already retried, or cannot try at all
    temporary = (
        httpx.NetworkError,
        httpx.TimeoutException,
        httpx.RemoteProtocolError,
        ConnectionError,
        TimeoutError,
        RuntimeError,  # from hf_xet, the client's other download method
    )
    return isinstance(error, temporary) or has_wrong_size(error)


def is_conflict(error: BaseException) -> bool:
    """Return whether the Hub rejected a change because the repo is not in the expected state."""
    from huggingface_hub import errors

    return isinstance(error, errors.HfHubHTTPError) and error.response.status_code in {409, 412}


def has_wrong_size(error: BaseException) -> bool:
    """Return whether a file arrived with the wrong size, which the client reports as a plain OSError."""
    return isinstance(error, OSError) and "Consistency check failed" in str(error)


def retry_after(error: BaseException | None) -> float:
    """Return the wait that the Hub asks for in seconds; 0 if it asks for none."""
    response = getattr(error, "response", None)
    return 0.0 if response is None else _requested_wait(response)


def _requested_wait(response: "httpx.Response") -> float:
    from huggingface_hub.utils import parse_ratelimit_headers

    limit, text = parse_ratelimit_headers(response.headers), response.headers.get("Retry-After", "")
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    return float(text) if text.isdigit() else 0.0


def _wait_seconds(state: "RetryCallState") -> float:
    from tenacity import wait_exponential, wait_random

    requested = retry_after(state.outcome.exception() if state.outcome else None)
    return requested or (wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5))(state)


def _log_wait(state: "RetryCallState") -> None:
    error = state.outcome.exception() if state.outcome else None
    silence = (state.seconds_since_start or 0) + state.upcoming_sleep
    logger.log(
        logging.WARNING if silence > WARN_AFTER_SECONDS else logging.INFO,
        "retrying in %.1f s: %s",
        state.upcoming_sleep,
        str(error).partition("\n")[0],
    )


def _prepare_session() -> None:
    """Give the client's session a time limit, if it has none, and let its calls be canceled.

    The session is shared with other users of the client, for whom only the time limit changes. The client recreates it
    at times, so this is done before each call.
    """
    from huggingface_hub.utils import get_session, httpx

    session = get_session()
    if session.timeout == httpx.Timeout(None):
        session.timeout = httpx.Timeout(TIMEOUT_SECONDS)
    hooks = session.event_hooks
    if _watch_response not in hooks["response"]:
        session.event_hooks = {
            "request": [*hooks["request"], _stop_if_canceled],
            "response": [*hooks["response"], _watch_response],
        }


def _stop_if_canceled(_request: "httpx.Request") -> None:
    canceled = _canceled.get()
    if canceled is not None and canceled.is_set():  # the client would retry for a minute otherwise
        raise Canceled


def _watch_response(response: "httpx.Response") -> None:
    from huggingface_hub.utils import hf_raise_for_status

    canceled = _canceled.get()
    if canceled is None:  # a request of other code
        return
    if response.status_code in RETRIED_STATUS_CODES and _requested_wait(response) > MAX_RETRY_AFTER_SECONDS:
        hf_raise_for_status(response)  # the client would sleep for as long as the Hub asks
    response.stream = _cancelable_stream_class()(response.stream, canceled)


@cache
def _cancelable_stream_class() -> type[Any]:
    """Return a stream class of the client's HTTP library, which is httpx or httpx2."""
    from huggingface_hub.utils import httpx

    class CancelableStream(httpx.SyncByteStream):
        """The body of a response, which ends when the call is canceled."""

        def __init__(self, stream: Any, canceled: threading.Event) -> None:  # noqa: ANN401 (the library's stream)
            self._stream, self._canceled = stream, canceled

        def __iter__(self) -> Iterator[bytes]:
            for chunk in self._stream:
                if self._canceled.is_set():
                    raise Canceled
                yield chunk

        def close(self) -> None:
            self._stream.close()

    return CancelableStream
