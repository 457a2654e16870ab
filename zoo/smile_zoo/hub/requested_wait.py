"""The wait that the Hub asks for before the next request."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub.utils import httpx

MAX_RETRY_AFTER_SECONDS = 60.0
RETRIED_STATUS_CODES = {408, 429, 500, 502, 503, 504}


def retry_after(error: BaseException | None) -> float:
    """Return the wait that the Hub asks for in seconds; 0 if it asks for none."""
    response = getattr(error, "response", None)
    return 0.0 if response is None else _requested_wait(response)


def require_short_wait(response: "httpx.Response") -> None:
    """Raise the error of a response that asks for a longer wait than we are ready for."""
    from huggingface_hub.utils import hf_raise_for_status

    if response.status_code in RETRIED_STATUS_CODES and _requested_wait(response) > MAX_RETRY_AFTER_SECONDS:
        hf_raise_for_status(response)


def _requested_wait(response: "httpx.Response") -> float:
    from huggingface_hub.utils import parse_ratelimit_headers

    limit, text = parse_ratelimit_headers(response.headers), response.headers.get("Retry-After", "")
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    return float(text) if text.isascii() and text.isdigit() else 0.0
