"""The server: files with their headers, on this machine alone."""

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from smile_zoo.transfer import PulledSpace
from smile_zoo.web import PageServer, Site, make_site


@pytest.fixture
def site(pbmc: PulledSpace) -> Site:
    return make_site([pbmc])


@pytest.fixture
def server(site: Site) -> Iterator[PageServer]:
    with PageServer(site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def answer(
    server: PageServer, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def test_the_page_comes_with_its_policy(server: PageServer, site: Site) -> None:
    response, content = answer(server, "/?from=a-link")
    assert (response.status, content) == (200, site.files["index.html"])
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert policy.endswith("; frame-ancestors 'none'")


def test_files_of_spaces_are_served(server: PageServer, pbmc: PulledSpace) -> None:
    _, listed = answer(server, "/spaces.json")
    folder = json.loads(listed)["spaces"][0]["folder"]
    response, content = answer(server, f"/{folder}/config.json")
    assert content == (pbmc.path / "config.json").read_bytes()
    assert response.headers["Content-Type"] == "application/json"
    (script,) = (name for name in server.files if name.startswith("assets/index"))
    response, content = answer(server, f"/{script}", "HEAD")
    assert (response.headers["Content-Type"], content) == ("text/javascript; charset=utf-8", b"")


@pytest.mark.parametrize(
    "path", ["/nothing", "/../pyproject.toml", "/%2e%2e/pyproject.toml", "/single.html", "//etc/passwd"]
)
def test_nothing_else_is_served(server: PageServer, path: str) -> None:
    assert answer(server, path)[0].status == 404


def test_a_foreign_name_of_this_machine_is_refused(server: PageServer) -> None:
    assert answer(server, "/", Host="example.org")[0].status == 421
    assert answer(server, "/", Host=f"localhost:{server.server_port}")[0].status == 200


def test_only_this_machine_is_served(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_names_of_this_machine_are_those_that_clients_send(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(server, "/", Host=f"LOCALHOST:{server.server_port}")[0].status == 200
    assert answer(server, "/", Host="127.0.0.1")[0].status == 421
    monkeypatch.setattr("smile_zoo.web.server.HTTP_PORT", server.server_port)
    assert answer(server, "/", Host="127.0.0.1")[0].status == 200


def test_bad_addresses_and_closed_tabs_print_nothing(server: PageServer, capfd: pytest.CaptureFixture[str]) -> None:
    host = f"Host: 127.0.0.1:{server.server_port}"
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(f"GET http://[/ HTTP/1.0\r\n{host}\r\n\r\n".encode())
        assert b" 400 " in client.recv(100)
    largest = max(server.files, key=lambda name: len(server.files[name]))
    with socket.create_connection(("127.0.0.1", server.server_port)) as tab:
        tab.sendall(f"GET /{largest} HTTP/1.0\r\n{host}\r\n\r\n".encode())
        tab.recv(100)
        tab.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset when closed
    assert answer(server, "/")[0].status == 200
    assert capfd.readouterr().err == ""
