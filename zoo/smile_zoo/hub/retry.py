"""Retries of the Hub's client: which failures are temporary, and how long to wait."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from smile_zoo.hub.requested_wait import MAX_RETRY_AFTER_SECONDS, RETRIED_STATUS_CODES, retry_after
from smile_zoo.hub.running_call import RunningCall

if TYPE_CHECKING:
    from tenacity import RetryCallState

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
WARN_AFTER_SECONDS = 5.0

T = TypeVar("T")


def call_with_retries(action: Callable[[], T], call: RunningCall, *, attempts: int = MAX_ATTEMPTS) -> T:
    """Call the Hub's client, and retry after temporary failures.

    Parameters
    ----------
    action
        Called until it succeeds, with growing waits in between, or those that the Hub asks for.
    call
        Limits of the call, and the event that cancels it.
    attempts
        Maximum number of attempts, after which the last error is raised; fewer if the Hub stays silent.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_when_event_set

    def attempt() -> T:
        with call.running():
            return action()

    def is_worth_retrying(error: BaseException) -> bool:
        return is_temporary(error) and not call.is_silent()

    retrying = Retrying(
        stop=stop_after_attempt(attempts) | stop_when_event_set(call.canceled),
        wait=_wait_seconds,
        sleep=call.wait,
        retry=retry_if_exception(is_worth_retrying),
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
    if isinstance(
        error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled | httpx.ProxyError | RecursionError
    ):
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
