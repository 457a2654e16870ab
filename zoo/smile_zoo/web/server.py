"""A web server on this machine alone, for the files of a site."""

import html
import re
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from smile_zoo.web.site import Site

HOST = "127.0.0.1"
_INDEX = "index.html"
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
"""Types that a browser insists on; not those of the system, which may be wrong for scripts on Windows."""


class PageServer(ThreadingHTTPServer):
    """Serves a site at ``http://127.0.0.1``, which other machines cannot reach.

    Parameters
    ----------
    site
        Site to serve.
    port
        Port; 0 for a free one.

    Raises
    ------
    OSError
        If the port is taken or needs rights that this user lacks.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int = 0) -> None:
        self.files = site.files
        self.policy = _policy(site)
        super().__init__((HOST, port), _Handler)

    @property
    def hosts(self) -> set[str]:
        """Names of this machine in requests, in lower case; clients leave out the usual port."""
        suffixes = [f":{self.server_port}", *([""] if self.server_port == HTTP_PORT else [])]
        return {name + suffix for name in (HOST, "localhost") for suffix in suffixes}

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        """Send a file."""
        with suppress(ConnectionError):  # the tab was closed, or loaded again
            content = self._send_head()
            if content is not None:
                self.wfile.write(content)

    def do_HEAD(self) -> None:
        """Send the headers of a file."""
        self._send_head()

    def _send_head(self) -> bytes | None:
        """Send the headers of a file, and return its content; None if an error was sent instead."""
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)  # a name of another site that was pointed to this machine
            return None
        try:
            name = unquote(urlsplit(self.path).path).removeprefix("/") or _INDEX
        except ValueError:  # no address, such as http://[/
            self.send_error(HTTPStatus.BAD_REQUEST)
            return None
        content = self.server.files.get(name)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _content_type(name))
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        return content

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


def _policy(site: Site) -> str:
    """Return the page's own policy, which also forbids other pages to show it in a frame."""
    found = _POLICY.search(site.files[_INDEX].decode())
    assert found is not None, "the page states no Content-Security-Policy"
    return f"{html.unescape(found[1])}; frame-ancestors 'none'"


def _content_type(name: str) -> str:
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
