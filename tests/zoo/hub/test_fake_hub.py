"""The fake Hub as the real client sees it: only what could let the tests of pulling and publishing pass wrongly."""

import hashlib
import http.client
import importlib
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from fake_hub import OWNER_TOKEN, FakeHub, Fault
from huggingface_hub import CommitOperationAdd, HfApi, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import get_session

pytestmark = pytest.mark.filterwarnings(
    "error",
    "ignore:Use 'content=:DeprecationWarning",  # from the client's own uploads to LFS
)

httpx = importlib.import_module(type(get_session()).__module__.partition(".")[0])  # httpx, or httpx2 since 2.0
ONNX = bytes(range(256)) * 40
CARD = b"---\nlicense: mit\nlibrary_name: smile-zoo\n---\n# Space\n"
FILES = {"README.md": CARD, "onnx/rna.onnx": ONNX}
DIGEST = hashlib.sha256(ONNX).hexdigest()
BEARER = {"Authorization": f"Bearer {OWNER_TOKEN}"}


@pytest.fixture(autouse=True)
def _client_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the client reads from the environment on import, and skip its waits between retries."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)


@pytest.fixture
def api(hub: FakeHub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=OWNER_TOKEN)


def fetch(api: HfApi, folder: Path) -> bytes:
    return Path(api.hf_hub_download("org/m", "onnx/rna.onnx", cache_dir=folder / "cache")).read_bytes()


def add(api: HfApi, name: str, data: bytes, **options):
    return api.create_commit("org/m", [CommitOperationAdd(name, data)], commit_message=f"add {name}", **options)


def ask(hub: FakeHub, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
    """Send one request without the client, and return the status."""
    connection = http.client.HTTPConnection("localhost", hub.port, timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def lines(hub: FakeHub, method: str, part: str = "") -> list[tuple[int, int]]:
    """Return status and sent bytes of the requests in the log."""
    return [(line.status, line.sent) for line in hub.requests if line.method == method and part in line.path]


def test_lfs_files_bypass_the_api_and_its_token(hub: FakeHub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m")
    add(api, "onnx/rna.onnx", ONNX)
    assert fetch(api, tmp_path) == hub.files("org/m")["onnx/rna.onnx"] == ONNX
    (upload,) = (line for line in hub.requests if line.method == "PUT")
    head, download = hub.requests[-2:]
    assert (upload.path, download.path) == (f"/upload/org/m/{DIGEST}", f"/cdn/org/m/{DIGEST}/onnx/rna.onnx")
    assert upload.headers["host"] == download.headers["host"] == f"localhost:{hub.port}"
    assert "authorization" not in {*upload.headers, *download.headers}
    assert (head.status, head.headers["host"]) == (302, f"127.0.0.1:{hub.port}")
    assert head.headers["authorization"] == f"Bearer {OWNER_TOKEN}"
    for line in (upload, download):
        assert ask(hub, line.method, line.path, headers=BEARER) == 400


def test_lfs_upload_is_checked(hub: FakeHub) -> None:
    hub.create("org/m")
    verify = b'{"oid": "%s", "size": %d}' % (DIGEST.encode(), len(ONNX))
    assert ask(hub, "PUT", f"/upload/org/m/{DIGEST}", b"other") == 400
    assert ask(hub, "POST", "/org/m.git/info/lfs/verify", verify, BEARER) == 404
    assert ask(hub, "PUT", f"/upload/org/m/{DIGEST}", ONNX) == 200
    assert ask(hub, "POST", "/org/m.git/info/lfs/verify", verify, BEARER) == 200


def test_commit_on_an_outdated_parent_is_rejected(hub: FakeHub, api: HfApi) -> None:
    old = hub.create("org/m", FILES)
    new = hub.commit("org/m", {"notes.txt": b"newer"})
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as caught:
        add(api, "a.txt", b"a", parent_commit=old)
    assert caught.value.response.status_code == 412
    assert hub.head("org/m") == new
    assert add(api, "a.txt", b"a", parent_commit=new).oid == hub.head("org/m")


def test_hashes_are_those_of_git_and_lfs(hub: FakeHub, api: HfApi) -> None:
    commit = hub.create("org/m", {"hello.txt": b"hello\n", "a.onnx": ONNX})
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 10240\n".encode()
    blob = hashlib.sha1(b"blob 130\0" + pointer).hexdigest()
    hello = "ce013625030ba8dba906f756967f9e9ca394464a"  # from git hash-object
    tree = sorted(api.list_repo_tree("org/m", recursive=True), key=lambda file: file.path)
    for large, small in (tree, api.model_info("org/m", files_metadata=True).siblings):
        assert (small.blob_id, small.size, small.lfs) == (hello, 6, None)
        assert (large.blob_id, large.size, large.lfs.sha256, large.lfs.size) == (blob, 10240, DIGEST, 10240)
    for name, etag, size in (("hello.txt", hello, 6), ("a.onnx", DIGEST, 10240)):
        url = hf_hub_url("org/m", name, endpoint=hub.endpoint)
        metadata = get_hf_file_metadata(url, token=False, endpoint=hub.endpoint)
        assert (metadata.etag, metadata.size, metadata.commit_hash) == (etag, size, commit)


def test_cut_download_can_be_resumed(hub: FakeHub, api: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2)
    hub.create("org/m", FILES)
    hub.fault(Fault("cut", path="onnx/rna.onnx", after=4))
    assert fetch(api, tmp_path) == ONNX
    assert lines(hub, "GET") == [(200, 4), (206, len(ONNX) - 4)]
    assert [line.headers.get("range") for line in hub.requests if line.method == "GET"] == [None, "bytes=4-"]


def test_reset_is_not_a_cut(hub: FakeHub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("reset", path="onnx/rna.onnx", after=1000))
    with pytest.raises(httpx.ReadError):
        fetch(api, tmp_path)
    assert lines(hub, "GET") == [(200, 1000)]


@pytest.mark.parametrize(("kind", "change"), [("short", -1), ("long", 1)])
def test_changed_size_is_noticed_by_the_client(
    hub: FakeHub, api: HfApi, tmp_path: Path, kind: str, change: int
) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault(kind, path="onnx/rna.onnx"))
    size = len(ONNX)
    with pytest.raises(OSError, match=f"should be of size {size} but has size {size + change}"):
        fetch(api, tmp_path)
    assert lines(hub, "GET") == [(200, size + change)]


def test_changed_byte_is_not_noticed_by_the_client(hub: FakeHub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("wrong", path="onnx/rna.onnx"))
    for _ in range(2):
        assert [a == b for a, b in zip(fetch(api, tmp_path), ONNX, strict=True)].count(False) == 1
    assert len(lines(hub, "GET")) == 1


def test_commit_whose_response_is_lost_took_effect(hub: FakeHub, api: HfApi) -> None:
    before = hub.create("org/m", FILES)
    hub.fault(Fault("lost", method="POST", path="/commit/main"))
    with pytest.raises(httpx.RemoteProtocolError):
        add(api, "b.txt", b"b")
    assert hub.commits("org/m")[1:] == [before]
    assert hub.files("org/m") == {**FILES, "b.txt": b"b"}
    assert lines(hub, "POST", "/commit/") == [(0, 0)]


def test_fault_hits_only_matching_requests(hub: FakeHub) -> None:
    hub.create("org/m", FILES)
    late = hub.fault(Fault("status", path="README", skip=1, times=2))
    other = hub.fault(Fault("wrong", method="PUT", times=None))
    cut = hub.fault(Fault("cut", path="org/m$|rna"))
    assert [ask(hub, "GET", "/org/m/resolve/main/README.md") for _ in range(4)] == [200, 503, 503, 200]
    assert ask(hub, "HEAD", "/org/m/resolve/main/README.md") == 200
    assert ask(hub, "GET", "/org/m/resolve/main/onnx/rna.onnx") == 302  # a redirect and an answer of the API: no files
    assert ask(hub, "GET", "/api/models/org/m") == 200
    assert (late.hits, other.hits, cut.hits) == (2, 0, 0)


def test_closing_does_not_wait_for_clients(capfd: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()
    with FakeHub() as hub:
        hub.create("org/m", FILES)
        hub.fault(Fault("stall", after=10))
        HfApi(endpoint=hub.endpoint).model_info("org/m")  # the client keeps its connection
        idle, stalled = (socket.create_connection(("127.0.0.1", hub.port)) for _ in range(2))
        stalled.sendall(b"GET /org/m/resolve/main/README.md HTTP/1.1\r\nHost: x\r\n\r\n")
        while CARD[:10] not in stalled.recv(1000):
            pass
        started = time.monotonic()
    assert time.monotonic() - started < 20  # the stall would last 30 s
    assert threading.active_count() == threads
    assert idle.recv(1) == stalled.recv(1) == b""
    idle.close()
    stalled.close()
    assert capfd.readouterr().err == ""


def test_client_that_hangs_up_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    large = b"x" * 20_000_000
    with FakeHub() as hub:
        hub.create("org/m", {"a.onnx": large})
        token = f"Authorization: Bearer {OWNER_TOKEN}"
        requests = (
            f"GET /cdn/org/m/{hashlib.sha256(large).hexdigest()}/a.onnx HTTP/1.1\r\nHost: x\r\n\r\n",
            f"POST /api/models/org/m/commit/main HTTP/1.1\r\nHost: x\r\n{token}\r\nContent-Length: 9\r\n\r\n{{}}",
        )
        for request in requests:
            for lingers in (0, 1):  # closes with FIN, then with RST
                with socket.create_connection(("127.0.0.1", hub.port)) as connection:
                    connection.sendall(request.encode())
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", lingers, 0))
        assert ask(hub, "GET", "/api/models") == 200
    assert hub.errors == []
    assert len(hub.commits("org/m")) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("attribute", ["repos", "delay"])  # used inside a route, and before any route
def test_error_of_the_server_fails_the_test(attribute: str) -> None:
    def broken() -> None:
        with FakeHub() as hub:
            setattr(hub, attribute, "broken")
            with suppress(http.client.RemoteDisconnected):
                assert ask(hub, "GET", "/api/models") == 500

    with pytest.raises(AssertionError, match=r"(?s)the fake Hub failed.*(AttributeError|TypeError)"):
        broken()
