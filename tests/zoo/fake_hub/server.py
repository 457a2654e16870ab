"""The fake Hub: an HTTP server on loopback with its store, faults and request log.

The API is at ``http://127.0.0.1:PORT``; LFS files come from ``http://localhost:PORT``, because the client treats a
redirect to the API's host as part of the API.
"""

import http.server
import re
import socket
import socketserver
import struct
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Self

from fake_hub.faults import CONTENT_FAULTS, ENDING_FAULTS, Fault
from fake_hub.routes import ErrorResponse, Request, Response, respond
from fake_hub.store import Store

CHUNK_BYTES = 1 << 16
STALL_SECONDS = 30
LINGER_FOR_NO_TIME = struct.pack("ii", 1, 0)  # makes close() send RST instead of FIN


class FakeHub(Store):
    """A Hub that serves while it is open; closing it raises if the server itself failed."""

    def __init__(self):
        super().__init__()
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.errors: list[str] = []  # tracebacks of the server
        self.delay = 0.0  # seconds before each response
        self.closing = threading.Event()
        self.server = Server(self)
        self.port: int = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.cdn = f"http://localhost:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()
        if kind is None and self.errors:
            raise AssertionError("the fake Hub failed:\n" + "\n".join(self.errors))

    def close(self) -> None:
        """Stop, end stalled responses and close every connection."""
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.close()

    def clear_log(self) -> None:
        with self.lock:
            self.requests.clear()

    def fault(self, fault: Fault) -> Fault:
        with self.lock:
            self.faults.append(fault)
        return fault

    def take_fault(self, kinds: Iterable[str], request: Request) -> Fault | None:
        with self.lock:
            faults = (fault for fault in self.faults if fault.kind in kinds)
            return next((fault for fault in faults if fault.take(request.method, request.path)), None)

    def answer(self, request: Request) -> Response:
        with self.lock:
            try:
                return respond(self, request)
            except Exception:  # noqa: BLE001 (the client gets a response, and the test the traceback)
                self.errors.append(traceback.format_exc())
                return ErrorResponse(500, traceback.format_exc().splitlines()[-1]).response


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves each connection in a thread, and closes connections that clients keep open."""

    request_queue_size = 128

    def __init__(self, hub: FakeHub):
        self.hub = hub
        self.open: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: socket.socket, client_address: object) -> None:
        target, args = self.process_request_thread, (request, client_address)
        self.open[request] = threading.Thread(target=target, args=args, daemon=True)
        self.open[request].start()

    def shutdown_request(self, request: socket.socket) -> None:
        self.open.pop(request, None)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == LINGER_FOR_NO_TIME:
            self.close_request(request)  # a shutdown would send FIN before the RST
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):  # clients may hang up
            self.hub.errors.append(traceback.format_exc())

    def close(self) -> None:
        connections = list(self.open.items())
        for connection, _ in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in connections:
            thread.join(timeout=5)
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads and logs the requests of one connection, and applies faults to the responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle_request(self) -> None:
        hub = self.server.hub
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        with hub.lock:
            hub.requests.append(request)
        request.body = self.read_body(int(request.headers.get("content-length", 0)))
        if hub.delay:
            hub.closing.wait(hub.delay)
        if fault := hub.take_fault(["status"], request):
            response = ErrorResponse(fault.status, f"fault {fault.status}", **fault.headers).response
            return self.send(request, response)
        response = hub.answer(request)
        if hub.take_fault(["lost"], request):
            self.close_connection = True
            return None
        return self.send_file(request, response) if response.is_file else self.send(request, response)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815 (names that http.server looks up)

    def read_body(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:  # the client hung up, so nothing was requested
            raise ConnectionResetError
        return data

    def send_file(self, request: Request, response: Response) -> None:
        """Send the requested range of a file, with at most one fault."""
        hub = self.server.hub
        fault = hub.take_fault((*ENDING_FAULTS, *CONTENT_FAULTS), request)
        content = fault.change(response.body) if fault else response.body
        response = ranged(replace(response, body=content), request.headers.get("range", ""))
        if fault is None or fault.kind in CONTENT_FAULTS:
            return self.send(request, response)
        self.close_connection = True
        self.send(request, response, fault.after)
        if fault.kind == "stall":
            hub.closing.wait(STALL_SECONDS)
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_FOR_NO_TIME)
        return None

    def send(self, request: Request, response: Response, n_bytes: int | None = None) -> None:
        """Send a response; with ``n_bytes``, only the beginning of its body."""
        request.status = response.status
        self.send_response_only(response.status)
        for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        body = b"" if self.command == "HEAD" else response.body[:n_bytes]
        for start in range(0, len(body), CHUNK_BYTES):
            chunk = body[start : start + CHUNK_BYTES]
            request.sent += len(chunk)  # counted first, because a test may read the log once the client has all bytes
            self.wfile.write(chunk)

    def log_message(self, *_: object) -> None:
        """Keep stderr quiet."""


def ranged(response: Response, header: str) -> Response:
    """Return the rest of a file after the first bytes, if the Range header asks for it."""
    match = re.fullmatch(r"bytes=(\d+)-", header)
    if match is None:
        return response
    start, size = int(match[1]), len(response.body)
    headers = {**response.headers, "Content-Range": f"bytes {start}-{size - 1}/{size}"}
    return replace(response, status=206, body=response.body[start:], headers=headers)
