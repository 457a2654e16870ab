"""The Hub to test against, asked by the real client: what it answers, and what the client makes of its faults."""

import hashlib
import http.client
import importlib
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fake_hub import OWNER_TOKEN, Fault, Hub
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    get_hf_file_metadata,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

pytestmark = pytest.mark.filterwarnings(
    "error",
    "ignore:Use 'content=:DeprecationWarning",  # the client's own way of uploading to LFS
)

httpx = importlib.import_module(type(get_session()).__module__.partition(".")[0])  # httpx, or httpx2 since 2.0
ONNX = bytes(range(256)) * 40
CARD = b"---\nlicense: mit\nlibrary_name: smile-zoo\ntags:\n- single-cell\n- rna\n---\n# Space\n"
FILES = {"README.md": CARD, "onnx/rna.onnx": ONNX, "features/rna.tsv": b"gene\nCD3E\n"}


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the client that are read from the environment when it is imported."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited before each of its retries."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=OWNER_TOKEN)


@pytest.fixture
def stranger(hub: Hub) -> HfApi:
    """A user who may write, but not here."""
    hub.add_user("alice", token="hf_alice")
    return HfApi(endpoint=hub.endpoint, token="hf_alice")


@pytest.fixture
def anonymous(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "folder"


def fetch(api: HfApi, cache: Path, name: str = "onnx/rna.onnx", repo: str = "org/m", revision: str = "main") -> bytes:
    return Path(api.hf_hub_download(repo, name, revision=revision, cache_dir=cache / "cache")).read_bytes()


def add(api: HfApi, name: str, data: bytes, **options):
    return api.create_commit("org/m", [CommitOperationAdd(name, data)], commit_message=f"add {name}", **options)


def ask(hub: Hub, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """One request without the client."""
    connection = http.client.HTTPConnection("localhost", hub.port, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    try:
        return response, response.read()
    finally:
        connection.close()


def lines(hub: Hub, method: str, part: str = "") -> list[tuple[int, int]]:
    """Status and bytes of the requests in the log."""
    return [(line.status, line.sent) for line in hub.requests if line.method == method and part in line.path]


# Uploads


def test_a_folder_goes_up_in_one_commit(hub: Hub, api: HfApi, folder: Path) -> None:
    assert api.create_repo("org/m").repo_id == "org/m"
    before = hub.head("org/m")
    info = api.upload_folder(repo_id="org/m", folder_path=folder, parent_commit=before, commit_message="a space")
    assert info.repo_url.repo_id == "org/m"
    assert hub.commits("org/m") == [info.oid, before]
    assert hub.files("org/m") == {**FILES, ".gitattributes": hub.files("org/m")[".gitattributes"]}
    assert [commit.title for commit in api.list_repo_commits("org/m")] == ["a space", "initial commit"]


def test_binaries_go_to_the_download_host_and_without_the_token(hub: Hub, api: HfApi, folder: Path) -> None:
    api.create_repo("org/m")
    api.upload_folder(repo_id="org/m", folder_path=folder)
    (upload,) = [line for line in hub.requests if line.method == "PUT"]
    assert upload.path == f"/upload/org/m/{hashlib.sha256(ONNX).hexdigest()}"
    assert upload.host == f"localhost:{hub.port}"
    assert "authorization" not in upload.headers
    assert {line.host for line in hub.requests if line.method == "POST"} == {f"127.0.0.1:{hub.port}"}


def test_large_text_is_a_binary_and_an_empty_binary_is_none(hub: Hub, api: HfApi) -> None:
    hub.create("org/m", {"big.tsv": b"x" * 1_000_001, "small.tsv": b"x" * 1_000_000, "empty.onnx": b""})
    files = {file.path: file.lfs for file in api.list_repo_tree("org/m")}
    assert files["big.tsv"].size == 1_000_001
    assert files["small.tsv"] is files["empty.onnx"] is None


def test_what_has_not_changed_makes_no_commit(hub: Hub, api: HfApi, folder: Path) -> None:
    before = hub.create("org/m", FILES)
    assert api.upload_folder(repo_id="org/m", folder_path=folder).oid == before
    assert lines(hub, "PUT") == lines(hub, "POST", "/commit/") == []


def test_a_stale_parent_is_refused(hub: Hub, api: HfApi) -> None:
    old = hub.create("org/m", FILES)
    new = hub.commit("org/m", {"notes.txt": b"newer"})
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as caught:
        add(api, "a.txt", b"a", parent_commit=old)
    assert caught.value.response.status_code == 412
    assert hub.head("org/m") == new
    assert add(api, "a.txt", b"a", parent_commit=new).oid == hub.head("org/m")


def test_files_and_folders_are_deleted(hub: Hub, api: HfApi) -> None:
    hub.create("org/m", {**FILES, "onnx/adt.onnx": b"adt", "onnxed.txt": b"stays"})
    gone = [CommitOperationDelete("onnx/"), CommitOperationDelete("features/rna.tsv")]
    api.create_commit("org/m", gone, commit_message="less")
    assert set(hub.files("org/m")) == {"README.md", "onnxed.txt"}
    hub.commit("org/m", FILES)
    for missing in (CommitOperationDelete("other.txt"), CommitOperationDelete("onnx", is_folder=False)):
        with pytest.raises(EntryNotFoundError):
            api.create_commit("org/m", [missing], commit_message="none")


def test_a_pull_request_leaves_main_alone(hub: Hub, api: HfApi, stranger: HfApi) -> None:
    before = hub.create("org/m", FILES)
    info = add(stranger, "b.onnx", b"b", create_pr=True)
    assert (info.pr_num, info.pr_revision) == (1, "refs/pr/1")
    assert info.pr_url == f"{hub.endpoint}/org/m/discussions/1"
    assert hub.head("org/m") == before
    assert hub.files("org/m", "refs/pr/1") == {**FILES, "b.onnx": b"b"}
    hub.commit("org/m", {"newer.txt": b"newer"})
    assert add(api, "c.txt", b"c", create_pr=True, parent_commit=before).pr_num == 2
    assert hub.files("org/m", "refs/pr/2") == {**FILES, "c.txt": b"c"}
    refs = api.list_repo_refs("org/m", include_pull_requests=True)
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1", "refs/pr/2"]


def test_a_card_can_be_found_wrong(hub: Hub, api: HfApi, folder: Path) -> None:
    hub.create("org/m")
    hub.yaml_errors = ['"license" must be a string']
    with pytest.raises(ValueError, match='"license" must be a string'):
        api.upload_folder(repo_id="org/m", folder_path=folder)
    assert hub.files("org/m") == {}


def test_content_must_have_its_announced_hash(hub: Hub) -> None:
    hub.create("org/m")
    path = f"/upload/org/m/{hashlib.sha256(b'abcde').hexdigest()}"
    assert ask(hub, "PUT", path, b"other")[0].status == 400
    assert ask(hub, "PUT", path, b"abcde", Authorization=f"Bearer {OWNER_TOKEN}")[0].status == 400
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", hub.port)) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_an_upload_is_verified(hub: Hub) -> None:
    hub.create("org/m")
    wanted = b'{"oid": "%s", "size": 5}' % (b"0" * 64)
    assert (
        ask(hub, "POST", "/org/m.git/info/lfs/verify", wanted, Authorization=f"Bearer {OWNER_TOKEN}")[0].status == 404
    )


# Downloads


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_down_as_it_is(hub: Hub, api: HfApi, tmp_path: Path, name: str) -> None:
    hub.create("org/m", FILES)
    assert fetch(api, tmp_path, name) == FILES[name]


def test_binaries_come_from_the_download_host_and_without_the_token(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    fetch(api, tmp_path)
    head, body = hub.requests
    assert (head.method, head.path, head.status) == ("HEAD", "/org/m/resolve/main/onnx/rna.onnx", 302)
    assert head.headers["authorization"] == f"Bearer {OWNER_TOKEN}"
    digest = hashlib.sha256(ONNX).hexdigest()
    assert (body.method, body.path, body.status) == ("GET", f"/cdn/org/m/{digest}/onnx/rna.onnx", 200)
    assert (body.host, body.sent) == (f"localhost:{hub.port}", len(ONNX))
    assert "authorization" not in body.headers
    assert ask(hub, "GET", body.path, Authorization=f"Bearer {OWNER_TOKEN}")[0].status == 400


def test_a_snapshot_of_a_commit_a_branch_and_a_tag(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    first = hub.create("org/m", {"a.onnx": b"first", "folder/b.txt": b"b"})
    hub.tag("org/m", "v1")
    hub.commit("org/m", {"a.onnx": b"second", "folder/b.txt": None})
    for revision, files in ((first, 2), ("v1", 2), ("main", 1)):
        folder = Path(
            snapshot_download("org/m", revision=revision, endpoint=hub.endpoint, token=False, cache_dir=tmp_path)
        )
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert found == hub.files("org/m", revision)
        assert len(found) == files


def test_hashes_are_those_of_git_and_lfs(hub: Hub, api: HfApi) -> None:
    commit = hub.create("org/m", {"hello.txt": b"hello\n", "a.onnx": ONNX})
    digest = hashlib.sha256(ONNX).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 10240\n".encode()
    blob = hashlib.sha1(b"blob 130\0" + pointer).hexdigest()
    hello = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    large, small = sorted(api.list_repo_tree("org/m"), key=lambda file: file.path)
    assert (small.blob_id, small.size, small.lfs) == (hello, 6, None)
    assert (large.blob_id, large.size, large.lfs.sha256, large.lfs.pointer_size) == (blob, 10240, digest, 130)
    large, small = api.model_info("org/m", files_metadata=True).siblings
    assert (small.blob_id, small.size, small.lfs) == (hello, 6, None)
    assert (large.blob_id, large.size, large.lfs.sha256, large.lfs.pointer_size) == (blob, 10240, digest, 130)
    for name, etag, size in (("hello.txt", hello, 6), ("a.onnx", digest, 10240)):
        url = hf_hub_url("org/m", name, endpoint=hub.endpoint)
        found = get_hf_file_metadata(url, token=False, endpoint=hub.endpoint)
        assert (found.etag, found.size, found.commit_hash) == (etag, size, commit)


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"cde", "bytes 2-4/10"),
        ("bytes=7-", 206, b"hij", "bytes 7-9/10"),
        ("bytes=-2", 206, b"ij", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"ij", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("lines=1-2", 200, b"abcdefghij", None),
        ("bytes=-", 200, b"abcdefghij", None),
    ],
)
def test_a_range_of_a_file(hub: Hub, wanted: str, status: int, body: bytes, content_range: str | None) -> None:
    hub.create("org/m", {"a.txt": b"abcdefghij"})
    response, found = ask(hub, "GET", "/org/m/resolve/main/a.txt", Range=wanted)
    assert (response.status, found, response.headers["Content-Range"]) == (status, body, content_range)


# The tree, and refs


def test_the_tree_in_pages(hub: Hub, api: HfApi) -> None:
    hub.create("org/m", {"a/b/c.txt": b"c", "a/d.txt": b"d", "e.txt": b"e"})
    hub.page_size = 2

    def tree(**options) -> list[str]:
        return [item.path for item in api.list_repo_tree("org/m", **options)]

    assert tree() == ["a", "e.txt"]
    assert tree(path_in_repo="a") == ["a/b", "a/d.txt"]
    assert len(hub.requests) == 2
    assert tree(recursive=True) == ["a", "a/b", "a/b/c.txt", "a/d.txt", "e.txt"]
    assert len(hub.requests) == 5
    with pytest.raises(EntryNotFoundError):
        tree(path_in_repo="other")


def test_some_paths(hub: Hub, api: HfApi) -> None:
    hub.create("org/m", FILES)
    found = api.get_paths_info("org/m", ["onnx/rna.onnx", "onnx", "other"])
    assert [item.path for item in found] == ["onnx", "onnx/rna.onnx"]
    assert found[1].lfs.size == len(ONNX)


def test_tags(hub: Hub, api: HfApi) -> None:
    first = hub.create("org/m", FILES)
    second = hub.commit("org/m", {"b.txt": b"b"})
    api.create_tag("org/m", tag="v1", revision=first)
    api.create_tag("org/m", tag="v2")
    assert {tag.name: tag.target_commit for tag in api.list_repo_refs("org/m").tags} == {"v1": first, "v2": second}
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_tag("org/m", tag="v1")
    assert caught.value.response.status_code == 409
    api.delete_tag("org/m", tag="v1")
    assert hub.refs("org/m") == {"refs/heads/main": second, "refs/tags/v2": second}
    with pytest.raises(RevisionNotFoundError):
        api.delete_tag("org/m", tag="v1")


def test_branches(hub: Hub, api: HfApi) -> None:
    before = hub.create("org/m", FILES)
    api.create_branch("org/m", branch="dev/next")
    after = add(api, "b.txt", b"b", revision="dev/next").oid
    assert hub.refs("org/m") == {"refs/heads/main": before, "refs/heads/dev/next": after}
    assert hub.commits("org/m", "dev/next") == [after, before]
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_branch("org/m", branch="dev/next")
    assert caught.value.response.status_code == 409
    with pytest.raises(HfHubHTTPError, match="default branch"):
        api.delete_branch("org/m", branch="main")
    api.delete_branch("org/m", branch="dev/next")
    assert hub.refs("org/m") == {"refs/heads/main": before}
    with pytest.raises(RevisionNotFoundError):
        add(api, "b.txt", b"b", revision="dev/next")


def test_commits_in_pages(hub: Hub, api: HfApi) -> None:
    hub.create("org/m")
    for number in range(4):
        hub.commit("org/m", {"a.txt": b"%d" % number}, title=f"commit {number}")
    hub.page_size = 2
    commits = api.list_repo_commits("org/m")
    assert [commit.title for commit in commits] == ["commit 3", "commit 2", "commit 1", "commit 0", "initial commit"]
    assert [commit.commit_id for commit in commits] == hub.commits("org/m")
    assert commits[0].created_at > commits[1].created_at
    assert len(hub.requests) == 3


# Repositories, and who may do what


def test_a_repository_is_made_once_and_deleted(hub: Hub, api: HfApi) -> None:
    api.create_repo("org/m", private=True)
    assert api.model_info("org/m").private
    assert api.create_repo("org/m", exist_ok=True).repo_id == "org/m"
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_repo("org/m")
    assert caught.value.response.status_code == 409
    assert api.create_repo("mine").repo_id == "owner/mine"
    api.delete_repo("org/m")
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("org/m")


def test_who_am_i(hub: Hub, api: HfApi) -> None:
    hub.add_user("reader", token="hf_reader", orgs=["org", "lab"], role="read")
    assert api.whoami()["auth"]["accessToken"]["role"] == "write"
    found = api.whoami(token="hf_reader")
    assert (found["name"], [org["name"] for org in found["orgs"]]) == ("reader", ["org", "lab"])
    assert found["auth"]["accessToken"]["role"] == "read"


def test_an_unknown_token(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    for call in (api.whoami, lambda token: api.model_info("org/m", token=token)):
        with pytest.raises(HfHubHTTPError, match=r"(?i)invalid") as caught:
            call(token="hf_other")
        assert caught.value.response.status_code == 401
        assert not isinstance(caught.value, RepositoryNotFoundError)


@pytest.mark.parametrize(("name", "role"), [("reader", "read"), ("visitor", "write")])
def test_only_a_writer_of_the_organization_writes(hub: Hub, name: str, role: str) -> None:
    hub.create("org/m", FILES)
    hub.add_user(name, token="hf_it", orgs=["org"] if role == "read" else [], role=role)
    api = HfApi(endpoint=hub.endpoint, token="hf_it")
    for call in (
        lambda: add(api, "b.txt", b"b"),
        lambda: api.create_tag("org/m", tag="v1"),
        lambda: api.create_repo("org/n"),
        lambda: api.delete_repo("org/m"),
    ):
        with pytest.raises(HfHubHTTPError, match="rights to write") as caught:
            call()
        assert caught.value.response.status_code == 403
    assert hub.files("org/m") == FILES
    assert list(hub.refs("org/m")) == ["refs/heads/main"]


def test_a_private_repository(hub: Hub, api: HfApi, stranger: HfApi, anonymous: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES, private=True)
    assert fetch(api, tmp_path) == ONNX
    for other, status in ((stranger, 404), (anonymous, 401)):
        with pytest.raises(RepositoryNotFoundError) as caught:
            other.model_info("org/m")
        assert caught.value.response.status_code == status
        with pytest.raises(RepositoryNotFoundError):
            fetch(other, tmp_path / "other")
        assert list(other.list_models()) == []
    assert [model.id for model in api.list_models()] == ["org/m"]


def test_a_gated_repository(hub: Hub, api: HfApi, stranger: HfApi, anonymous: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES, gated=True)
    assert fetch(api, tmp_path / "owner") == ONNX
    assert anonymous.model_info("org/m").gated == "manual"
    for other, status in ((stranger, 403), (anonymous, 401)):
        with pytest.raises(GatedRepoError, match="Access to model org/m is restricted") as caught:
            fetch(other, tmp_path)
        assert caught.value.response.status_code == status
    hub.accept("org/m", "alice")
    assert fetch(stranger, tmp_path) == ONNX


def test_what_is_missing(hub: Hub, api: HfApi, anonymous: HfApi, tmp_path: Path) -> None:
    commit = hub.create("org/m", FILES)
    for other, status in ((api, 404), (anonymous, 401)):
        with pytest.raises(RepositoryNotFoundError) as caught:
            other.model_info("org/other")
        assert caught.value.response.status_code == status
    assert api.model_info("org/m", revision=commit[:7]).sha == commit
    for revision in ("v9", commit[:6]):
        with pytest.raises(RevisionNotFoundError):
            fetch(api, tmp_path, revision=revision)
    with pytest.raises(EntryNotFoundError) as caught:
        fetch(api, tmp_path, "other.onnx")
    assert caught.value.response.headers["X-Repo-Commit"] == commit
    assert ask(hub, "GET", "/api/other")[0].status == 404


def test_a_renamed_repository(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.rename("org/m", "org/new")
    assert api.model_info("org/m").id == "org/new"
    assert lines(hub, "GET", "/api/models/org/m")[0][0] == 307
    assert fetch(api, tmp_path) == ONNX
    assert add(api, "b.txt", b"b").oid == hub.head("org/new")
    assert ask(hub, "GET", f"/cdn/org/m/{hashlib.sha256(ONNX).hexdigest()}/onnx/rna.onnx")[1] == ONNX
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("org/m")
    hub.rename("org/new", "org/m")
    assert api.model_info("org/m").id == api.model_info("org/new").id == "org/m"
    hub.create("org/new", {"a.txt": b"a"})
    assert api.model_info("org/new").id == "org/new"


# The list of models


def test_models_by_filter_search_and_author(hub: Hub, api: HfApi) -> None:
    hub.create("org/blood", {"README.md": CARD})
    hub.create("org/brain", {"README.md": b"# no front matter"}, tags=["rna"], library_name="smile-zoo")
    hub.create("lab/Blood", {"README.md": b"---\ntags: [rna, 'atac']\n---\n"})

    def found(**options) -> list[str]:
        return [model.id for model in api.list_models(**options)]

    assert found() == ["org/blood", "org/brain", "lab/Blood"]
    assert found(filter="smile-zoo") == ["org/blood", "org/brain"]
    assert found(filter=["smile-zoo", "single-cell"]) == ["org/blood"]
    assert found(filter=["rna", "atac"]) == ["lab/Blood"]
    assert found(filter="license:mit") == ["org/blood"]
    assert found(search="blood") == ["org/blood", "lab/Blood"]
    assert found(author="org", search="blood") == ["org/blood"]


def test_models_in_pages(hub: Hub, api: HfApi) -> None:
    names = [f"org/m{number}" for number in range(5)]
    for name in names:
        hub.create(name, {"README.md": CARD})
    hub.page_size = 2
    assert [model.id for model in api.list_models(filter=["smile-zoo", "rna"])] == names
    assert [line.query.get("cursor") for line in hub.requests] == [None, ["2"], ["4"]]
    assert [model.id for model in api.list_models(limit=3)] == names[:3]
    assert len(hub.requests) == 5


def test_models_tell_what_was_asked_for(hub: Hub, api: HfApi) -> None:
    commit = hub.create("org/m", FILES)
    (basic,) = api.list_models()
    assert (basic.sha, basic.siblings, basic.card_data, basic.library_name) == (None, None, None, "smile-zoo")
    (full,) = api.list_models(full=True, cardData=True)
    assert (full.sha, len(full.siblings), full.card_data.license) == (commit, 3, "mit")
    (expanded,) = api.list_models(expand=["sha", "gated"])
    assert (expanded.sha, expanded.gated, expanded.tags) == (commit, False, None)
    assert api.model_info("org/m").card_data.tags == ["single-cell", "rna"]


# Faults


def test_a_failing_head_is_tried_again_where_the_cache_has_nothing(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("status", method="HEAD", path=r"onnx/rna\.onnx$", times=2))
    assert fetch(api, tmp_path) == ONNX
    assert [status for status, _ in lines(hub, "HEAD")] == [503, 503, 302]


def test_a_failing_head_is_given_up(hub: Hub, api: HfApi, tmp_path: Path, sleeps: list[float]) -> None:
    hub.create("org/m", FILES)
    fault = hub.fault(Fault("status", method="HEAD", times=None))
    with pytest.raises(LocalEntryNotFoundError):
        fetch(api, tmp_path)
    assert fault.hits == 7
    assert sleeps == [1, 2, 4, 8, 8]


def test_a_failing_head_is_covered_by_the_cache(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", {"a.onnx": b"old"})
    fetch(api, tmp_path, "a.onnx")
    hub.commit("org/m", {"a.onnx": b"new"})
    hub.fault(Fault("status", method="HEAD", status=500))
    assert fetch(api, tmp_path, "a.onnx") == b"old"
    assert fetch(api, tmp_path, "a.onnx") == b"new"


def test_a_failing_get_is_not_tried_again(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("status", path="onnx/rna.onnx", status=502))
    with pytest.raises(HfHubHTTPError, match="fault 502"):
        fetch(api, tmp_path)
    assert [status for status, _ in lines(hub, "GET")] == [502]


def test_a_busy_hub_is_asked_again_when_it_says(hub: Hub, api: HfApi, tmp_path: Path, sleeps: list[float]) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("status", path="onnx/rna.onnx", status=429, headers={"Retry-After": "7"}, times=2))
    assert fetch(api, tmp_path) == ONNX
    assert [status for status, _ in lines(hub, "GET")] == [429, 429, 200]
    assert sleeps == [8.0, 8.0]  # the client adds a second


@pytest.mark.parametrize("name", ["onnx/rna.onnx", "features/rna.tsv"])
def test_a_cut_is_resumed(hub: Hub, api: HfApi, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2)
    hub.create("org/m", FILES)
    hub.fault(Fault("cut", path=name, after=4))
    assert fetch(api, tmp_path, name) == FILES[name]
    size = len(FILES[name])
    assert lines(hub, "GET") == [(200, 4), (206, size - 4)]
    assert [line.headers.get("range") for line in hub.requests if line.method == "GET"] == [None, "bytes=4-"]


def test_a_cut_within_the_clients_first_chunk_starts_again(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("cut", path="onnx/rna.onnx", after=1000))
    assert fetch(api, tmp_path) == ONNX
    assert lines(hub, "GET") == [(200, 1000), (200, len(ONNX))]


def test_a_client_that_is_cut_off_for_good_gives_up(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    fault = hub.fault(Fault("cut", path="onnx/rna.onnx", times=None))
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(api, tmp_path)
    assert fault.hits == 6


def test_a_reset_is_not_resumed(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("reset", path="onnx/rna.onnx", after=1000))
    with pytest.raises(httpx.ReadError) as caught:
        fetch(api, tmp_path)
    assert not isinstance(caught.value, OSError)
    assert lines(hub, "GET") == [(200, 1000)]


def test_a_stall_is_left_after_the_clients_timeout(
    hub: Hub, api: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.create("org/m", FILES)
    fault = hub.fault(Fault("stall", path="onnx/rna.onnx", after=10))
    started = time.monotonic()
    assert fetch(api, tmp_path) == ONNX
    assert 0.2 < time.monotonic() - started < 20  # the stall would last 30 s
    assert fault.hits == 1


def test_a_stall_ends(hub: Hub) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("stall", after=10, seconds=0.1))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(hub, "GET", "/org/m/resolve/main/README.md")
    assert caught.value.partial == CARD[:10]


@pytest.mark.parametrize("name", ["onnx/rna.onnx", "features/rna.tsv"])
@pytest.mark.parametrize(("kind", "change"), [("short", -1), ("long", 1)])
def test_a_wrong_size_is_noticed(hub: Hub, api: HfApi, tmp_path: Path, kind: str, change: int, name: str) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault(kind, path=name))
    size = len(FILES[name])
    with pytest.raises(OSError, match=f"should be of size {size} but has size {size + change}"):
        fetch(api, tmp_path, name)
    assert lines(hub, "GET") == [(200, size + change)]
    assert fetch(api, tmp_path, name) == FILES[name]


@pytest.mark.parametrize("name", ["onnx/rna.onnx", "features/rna.tsv"])
def test_wrong_bytes_are_taken_and_kept(hub: Hub, api: HfApi, tmp_path: Path, name: str) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("wrong", path=name))
    for _ in range(2):
        found = fetch(api, tmp_path, name)
        assert [a == b for a, b in zip(found, FILES[name], strict=True)].count(False) == 1
    assert len(lines(hub, "GET")) == 1


def test_a_commit_whose_answer_is_lost_has_landed(hub: Hub, api: HfApi) -> None:
    before = hub.create("org/m", FILES)
    hub.fault(Fault("lost", method="POST", path="/commit/main"))
    with pytest.raises(httpx.RemoteProtocolError):
        add(api, "b.txt", b"b")
    assert hub.commits("org/m")[1:] == [before]
    assert hub.files("org/m") == {**FILES, "b.txt": b"b"}
    assert lines(hub, "POST", "/commit/") == [(0, 0)]


def test_an_upload_whose_answer_is_lost_is_repeated(hub: Hub, api: HfApi) -> None:
    hub.create("org/m", FILES)
    hub.fault(Fault("lost", method="PUT"))
    add(api, "b.onnx", b"b")
    assert [status for status, _ in lines(hub, "PUT")] == [0, 200]


def test_a_fault_hits_only_what_it_is_for(hub: Hub) -> None:
    hub.create("org/m", FILES)
    late = hub.fault(Fault("status", path="README", skip=1, times=2))
    other = hub.fault(Fault("wrong", method="PUT", times=None))
    every = hub.fault(Fault("status", method="", path="other", status=418, times=None))
    found = [ask(hub, "GET", "/org/m/resolve/main/README.md")[0].status for _ in range(4)]
    assert found == [200, 503, 503, 200]
    assert [ask(hub, method, "/other")[0].status for method in ("GET", "HEAD", "PUT")] == [418] * 3
    assert (late.hits, other.hits, every.hits) == (2, 0, 3)


def test_a_body_fault_needs_a_body(hub: Hub, api: HfApi) -> None:
    hub.create("org/m", FILES)
    fault = hub.fault(Fault("cut", method=""))
    assert ask(hub, "GET", "/org/m/resolve/main/onnx/rna.onnx")[0].status == 302
    assert ask(hub, "GET", "/api/models/org/m")[0].status == 200
    assert fault.hits == 0


def test_each_answer_can_be_late(hub: Hub, api: HfApi) -> None:
    hub.delay = 0.1
    started = time.monotonic()
    api.whoami()
    api.whoami()
    assert time.monotonic() - started >= 0.2


# The log, and the end


def test_the_log(hub: Hub, api: HfApi) -> None:
    api.whoami()
    hub.clear_log()
    _, body = ask(hub, "GET", "/api/models?search=a%20b&filter=x&filter=y", X_Test="Value")
    ask(hub, "HEAD", "/org/m%20n/resolve/main/a")
    first, second = hub.requests
    assert (first.method, first.path, first.query) == ("GET", "/api/models", {"search": ["a b"], "filter": ["x", "y"]})
    assert (first.status, first.sent, first.host) == (200, len(body), f"localhost:{hub.port}")
    assert first.headers["x-test"] == "Value"
    assert (second.method, second.path, second.status, second.sent) == ("HEAD", "/org/m n/resolve/main/a", 401, 0)


def test_closing_does_not_wait_for_clients(capfd: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()
    with Hub() as hub:
        hub.create("org/m", FILES)
        hub.fault(Fault("stall", after=10))
        HfApi(endpoint=hub.endpoint, token=OWNER_TOKEN).whoami()  # the client keeps its connection
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


def test_a_client_that_hangs_up_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    with Hub() as hub:
        hub.create("org/m", {"a.onnx": b"x" * 20_000_000})
        path = f"/cdn/org/m/{hashlib.sha256(b'x' * 20_000_000).hexdigest()}/a.onnx"
        token = f"Host: x\r\nAuthorization: Bearer {OWNER_TOKEN}\r\n"
        requests = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n",
            f"POST /api/models/org/m/commit/main HTTP/1.1\r\n{token}Content-Length: 9\r\n\r\n{{}}",
            f"POST /api/models/org/m/commit/main HTTP/1.1\r\n{token}Transfer-Encoding: chunked\r\n\r\n9\r\n{{}}",
            f"POST /api/models/org/m/commit/main HTTP/1.1\r\n{token}Transfer-Encoding: chunked\r\n\r\n",
        )
        for request in requests:
            for lingers in (0, 1):  # it closes with FIN, and with RST
                with socket.create_connection(("127.0.0.1", hub.port)) as connection:
                    connection.sendall(request.encode())
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", lingers, 0))
        assert ask(hub, "GET", "/api/models")[0].status == 200
    assert hub.errors == []
    assert len(hub.commits("org/m")) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("where", ["repos", "delay"])  # what a route uses, and what comes before any route
def test_a_bug_of_the_hub_does_not_pass(where: str) -> None:
    def broken() -> None:
        with Hub() as hub:
            setattr(hub, where, "broken")
            with suppress(http.client.RemoteDisconnected):
                assert ask(hub, "GET", "/api/models")[0].status == 500

    with pytest.raises(AssertionError, match=r"(?s)the hub has a bug.*(AttributeError|TypeError)"):
        broken()


def test_a_process_that_forgets_to_close_ends_in_silence() -> None:
    code = """
import http.client, fake_hub
hub = fake_hub.Hub()
connection = http.client.HTTPConnection("127.0.0.1", hub.port)
connection.request("GET", "/api/models")
assert connection.getresponse().read() == b"[]"
connection.close()
{end}
"""
    for end in ("", "hub.close()"):
        done = subprocess.run(
            [sys.executable, "-W", "error", *(["-X", "dev"] if end else []), "-c", code.format(end=end)],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
