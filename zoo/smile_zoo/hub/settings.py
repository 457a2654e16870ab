"""The user's settings for the Hub, validated before they are used: address, access token, proxies."""

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from smile_runtime.errors import DependencyError
from smile_zoo.errors import AccessError, HubConnectionError, HubError

if TYPE_CHECKING:
    from huggingface_hub.utils import httpx

DEFAULT_ENDPOINT = "https://huggingface.co"
_PROXY_VARIABLES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def checked_endpoint(named: str | None) -> str:
    """Return the address of the Hub without a slash at its end: the given one, ``HF_ENDPOINT``, or huggingface.co.

    Raises
    ------
    HubError
        If it is not a plain http or https address. The message holds no password.
    """
    endpoint = named or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
    if problem := _endpoint_problem(endpoint):
        raise HubError(f"the address of the Hub {problem}; set HF_ENDPOINT to one such as {DEFAULT_ENDPOINT}")
    return endpoint.rstrip("/")


def _endpoint_problem(endpoint: str) -> str:
    if not _is_visible_ascii(endpoint):
        return "contains a space, a control character or a letter that is not ASCII"
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"is not a URL ({error})" if "@" not in endpoint else "is not a URL"
    if "@" in endpoint:
        return "contains a user name or password, which would show in messages; a token belongs into HF_TOKEN"
    if parts.scheme not in {"http", "https"} or not host:
        return f"is {endpoint.partition('?')[0]!r}, which does not begin with https://HOST"
    return "has a query or a fragment (? or #)" if parts.query or parts.fragment else ""


def checked_token(token: str | bool | None) -> str | None:
    """Return the access token that the client would send; None if there is none.

    Raises
    ------
    AccessError
        If it cannot be read, or cannot be sent. The message does not hold it.
    """
    from huggingface_hub import get_token

    try:
        found = token if isinstance(token, str) else None if token is False else get_token()
    except (OSError, ValueError) as error:
        raise AccessError(
            f"the access token cannot be read ({type(error).__name__}); log in again with: hf auth login"
        ) from None
    if found and not _is_visible_ascii(found):
        raise AccessError(
            "the access token contains a space, a line break or a letter that is not ASCII, which no token has; set "
            "HF_TOKEN to it again, or log in with: hf auth login"
        )
    return found or None


def open_session() -> "httpx.Client":
    """Return the client's session, which takes its proxies and certificates from the environment.

    Raises
    ------
    DependencyError
        If a proxy needs a package that is not installed.
    HubConnectionError
        If a proxy or the certificates cannot be used.
    """
    from huggingface_hub.utils import get_session, httpx

    try:
        _require_ports()
        return get_session()
    except ImportError as error:
        raise DependencyError(
            f"the SOCKS proxy in {_set_variables(_PROXY_VARIABLES)} needs the package socksio; install it with: "
            f"pip install '{httpx.__name__}[socks]', or unset the proxy"
        ) from error
    except (ValueError, httpx.InvalidURL):
        raise HubConnectionError(
            f"the proxy in {_set_variables(_PROXY_VARIABLES)} is not an address such as http://HOST:PORT; correct or "
            "unset it"
        ) from None  # the cause may hold a password
    except OSError as error:
        raise HubConnectionError(
            f"the certificates in {_set_variables(_CERTIFICATE_VARIABLES)} cannot be loaded "
            f"({error.strerror or error}); correct or unset it"
        ) from error


def _require_ports() -> None:
    """Raise ValueError if the port of a proxy is none, which the client would notice only as it connects."""
    for name in _PROXY_VARIABLES[:-1]:
        for value in (os.environ.get(name, ""), os.environ.get(name.lower(), "")):
            _ = urlsplit(value if "://" in value else f"//{value}").port


def _set_variables(names: tuple[str, ...]) -> str:
    """Return which of some environment variables are set, for an error."""
    found = [each for name in names for each in (name, name.lower()) if os.environ.get(each)]
    return " or ".join(found) or " or ".join(names)


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
