"""The fake Hub: an HTTP server on loopback with its contents, faults and request log.

The API is at ``http://127.0.0.1:PORT``; LFS files come from ``http://localhost:PORT``, because the client treats a
redirect to the API's host as part of the API.
"""

import http.server
import socket
import socketserver
import struct
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from fake_hub.faults import BODY_FAULTS, Fault, damaged, ranged
from fake_hub.routes import ROUTES, HubError, MovedError, Route, writer
from fake_hub.store import ORG, OWNER, OWNER_TOKEN, Call, Repo, Request, Response, User, blob


class Hub:
    """The server and its store. It serves inside ``with``, and leaving that fails if the server has failed."""

    def __init__(self):
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.errors: list[str] = []  # tracebacks of routes
        self.yaml_errors: list[str] = []  # what validate-yaml finds wrong with every card
        self.delay = 0.0  # seconds before each answer
        self.page_size = 100
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}
        self.users: dict[str, User] = {}
        self.add_user(OWNER, token=OWNER_TOKEN, orgs=[ORG])
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
            raise AssertionError("the hub has a bug:\n" + "\n".join(self.errors))

    def close(self) -> None:
        """Stop, waking stalled requests and closing every connection."""
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

    def take_fault(self, kinds: Iterable[str], method: str, path: str) -> Fault | None:
        with self.lock:
            return next((fault for fault in self.faults if fault.kind in kinds and fault.take(method, path)), None)

    def add_user(self, name: str, *, token: str, orgs: Iterable[str] = (), role: str = "write") -> None:
        with self.lock:
            self.users[token] = User(name, tuple(orgs), role)

    def create(
        self,
        repo: str,
        files: dict[str, bytes] | None = None,
        *,
        private: bool = False,
        gated: str | bool = False,
        tags: Iterable[str] = (),
        library_name: str | None = None,
    ) -> str:
        """Make a repository with these files and no others, and return its commit."""
        with self.lock:
            assert repo not in self.repos, f"{repo} exists"
            gated = "manual" if gated is True else gated
            self.repos[repo] = Repo(repo, private, gated, tuple(tags), library_name)
            self.moved.pop(repo, None)
            return self.commit(repo, files or {}, title="initial commit")

    def commit(self, repo: str, files: dict[str, bytes | None], title: str = "commit", author: str = OWNER) -> str:
        """Commit to main; None deletes a file."""
        with self.lock:
            found = self.repos[repo]
            parent = found.find("main")
            kept = {path: file for path, file in parent.files.items() if path not in files} if parent else {}
            given = {path: blob(path, data) for path, data in files.items() if data is not None}
            commit = found.add(kept | given, parent, author, title)
            found.refs["refs/heads/main"] = commit.oid
            return commit.oid

    def tag(self, repo: str, name: str, commit: str | None = None) -> None:
        with self.lock:
            self.repos[repo].refs[f"refs/tags/{name}"] = commit or self.head(repo)

    def rename(self, old: str, new: str) -> None:
        with self.lock:
            self.repos[new] = self.repos.pop(old)
            self.repos[new].id = new
            self.moved[old] = new
            self.moved.pop(new, None)

    def accept(self, repo: str, user: str) -> None:
        """Let a user read the files of a gated repository."""
        with self.lock:
            self.repos[repo].accepted.add(user)

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        with self.lock:
            commit = self.repos[repo].find(revision)
            assert commit is not None, f"{repo} has no revision {revision}"
            return {path: file.data for path, file in sorted(commit.files.items())}

    def head(self, repo: str) -> str:
        with self.lock:
            return self.repos[repo].main.oid

    def commits(self, repo: str, revision: str = "main") -> list[str]:
        """List the commit hashes, newest first."""
        with self.lock:
            return [commit.oid for commit in self.repos[repo].history(self.repos[repo].find(revision))]

    def refs(self, repo: str) -> dict[str, str]:
        """Map full ref names, such as ``refs/tags/v1``, to commit hashes."""
        with self.lock:
            return dict(self.repos[repo].refs)

    def answer(self, call: Call) -> Response:
        """Find the route of a call and follow it."""
        for method, pattern, function in ROUTES:
            match = pattern.fullmatch(call.path)
            if match and method == call.method.replace("HEAD", "GET"):
                call.args = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                with self.lock:
                    return self.follow(function, call)
        return HubError(404, f"Cannot {call.method} {call.path}").response

    def follow(self, function: Route, call: Call) -> Response:
        try:
            call.user = self.sign_in(call)
            with open("/tmp/routes.txt","a") as f: f.write(function.__name__+"\n")
            return function(self, call)
        except HubError as error:
            return error.response
        except MovedError as moved:
            target = call.target.replace(call.args["repo"], str(moved), 1)
            return Response(307, b"Temporary Redirect", {"Location": target})
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer and the test its traceback
            self.errors.append(traceback.format_exc())
            return HubError(500, traceback.format_exc().splitlines()[-1]).response

    def sign_in(self, call: Call) -> User | None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme and token not in self.users:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.users.get(token)

    def repo(self, call: Call, need: Literal["read", "propose", "write"] = "read") -> Repo:
        """Return the repository of a call if its user may do this with it."""
        name, user = call.args["repo"], call.user
        if name in self.moved:
            raise MovedError(self.moved[name])
        repo = self.repos.get(name)
        if repo is None or (repo.private and not (user and user.owns(name))):
            known = (404, "Repository not found") if user else (401, "Invalid username or password.")
            raise HubError(*known, "RepoNotFound")
        if need != "read":
            writer(user, name if need == "write" else None)
        return repo


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One thread per connection; knows its connections, to close those that clients keep open."""

    request_queue_size = 128

    def __init__(self, hub: Hub):
        self.hub = hub
        self.open: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: socket.socket, client_address: object) -> None:
        target, args = self.process_request_thread, (request, client_address)
        self.open[request] = threading.Thread(target=target, args=args, daemon=True)
        self.open[request].start()

    def shutdown_request(self, request: socket.socket) -> None:
        self.open.pop(request, None)
        # Two integers for the option: it lingers, for no time, so that close() sends RST; no FIN may go before it.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that hangs up is no bug
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
    """One connection: reads requests, logs them, lets the hub answer, and spoils what the faults ask for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle_request(self) -> None:
        hub = self.server.hub
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(address.query)
        record = Request(self.command, unquote(address.path), query, headers, headers.get("host", ""))
        with hub.lock:
            hub.requests.append(record)
        call = Call(self.command, self.path, address.path, query, headers, self.read_body(headers))
        if hub.delay:
            hub.closing.wait(hub.delay)
        if fault := hub.take_fault(["status"], record.method, record.path):
            response = HubError(fault.status, f"fault {fault.status}").response
            response.headers |= fault.headers
            return self.send(record, response)
        response = hub.answer(call)
        if hub.take_fault(["lost"], record.method, record.path):
            self.close_connection = True
            return None
        return self.send_spoiled(record, response, headers.get("range", ""))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815 - names that http.server looks up

    def read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.read(int(headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            chunks.append(self.read(size + 2)[:-2])
        self.read(2)
        return b"".join(chunks)

    def read(self, size: int) -> bytes:
        """Read so many bytes of a body; a client that goes away before the last of them has asked for nothing."""
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError
        return data

    def send_spoiled(self, record: Request, response: Response, wanted: str) -> None:
        """Send an answer; a file in the range that is wanted, and with what a fault does to it."""
        if not response.is_file:
            return self.send(record, response)
        fault = self.server.hub.take_fault(BODY_FAULTS, record.method, record.path)
        if fault is None:
            return self.send(record, ranged(response, wanted))
        response = ranged(damaged(response, fault.kind), wanted)
        if fault.kind in ("short", "long", "wrong"):
            return self.send(record, response)
        self.close_connection = True
        self.send(record, response, fault.after)
        if fault.kind == "stall":
            self.server.hub.closing.wait(fault.seconds)
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None

    def send(self, record: Request, response: Response, only: int | None = None) -> None:
        """Send an answer, or its head and the first bytes of its body."""
        record.status = response.status
        self.send_response_only(response.status)
        for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        body = b"" if self.command == "HEAD" else response.body[:only]
        for start in range(0, len(body), 1 << 16):
            chunk = body[start : start + (1 << 16)]
            record.sent += len(chunk)  # before it is sent: the client may look at the log once it has the last byte
            self.wfile.write(chunk)

    def log_message(self, *_: object) -> None:
        """Keep stderr quiet."""
