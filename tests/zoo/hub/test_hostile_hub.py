"""A Hub that is broken or hostile, or something else that answers in its place."""

import json
import os
import time
import zlib

import pytest
from fake_hub import ORG, OWNER_TOKEN, Response

import smile_zoo
from smile_runtime import IntegrityError, OutputError, SpaceError
from smile_runtime.manifest import MAX_MANIFEST_BYTES
from smile_zoo.errors import HubConnectionError, HubError
from smile_zoo.hub import Hub, RepoCache, download
from smile_zoo.hub.running_call import WEB_PAGE

COMMIT = "b" * 40
PAGE = b"<!DOCTYPE html><title>Log in</title>"


@pytest.fixture
def client(hub, machine):
    return Hub(endpoint=hub.endpoint, token=False, cache_dir=machine.cache)


def answer_with(hub, body, status=200, **headers):
    """Answer every request so."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    hub.answer = lambda _request: Response(status, body, sent)


def change_json(hub, path, change):
    """Change the JSON of the answers for a path."""
    answer = hub.answer

    def changed(request):
        response = answer(request)
        if not request.path.startswith(path):
            return response
        return Response(response.status, json.dumps(change(json.loads(response.body))).encode(), response.headers)

    hub.answer = changed


CALLS = {
    "model_info": lambda client: client.commit("org/pbmc", "main"),
    "search": lambda client: client.search("pbmc"),
    "download": lambda client: client.download("org/pbmc", COMMIT, "config.json"),
    "doctor": lambda client: client.check_connection(),
}


@pytest.mark.parametrize("call", CALLS)
def test_login_page_of_a_network_is_named(hub, client, call):
    answer_with(hub, PAGE, Content_Type="text/html; charset=utf-8")
    with pytest.raises(HubError, match=r"the answer is a web page, not the Hub: a login page of the network\? Check"):
        CALLS[call](client)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (204, b""),
        (200, b'{"id": "org/p'),
        (200, b"\xff\xfe\x00"),
        (200, b"{}"),
        (200, b"3"),
        (200, b"null"),
        (200, b"[" * 100_000),
        (404, b"[1]"),
        (404, b'{"errors": [1]}'),
    ],
)
def test_answer_of_another_shape_is_an_error_of_one_line(hub, client, call, status, body):
    answer_with(hub, body, status)
    with pytest.raises(HubError) as caught:
        CALLS[call](client)
    assert "\n" not in str(caught.value)
    assert hub.endpoint in str(caught.value)


def test_page_without_a_type_is_recognized(hub, client):
    answer_with(hub, PAGE)
    with pytest.raises(HubError, match="the answer is a web page, not the Hub"):
        client.commit("org/pbmc", "main")


def test_publishing_to_a_login_page(hub, machine, pbmc):
    answer = hub.answer

    def log_in(request):
        return Response(200, PAGE, {"Content-Type": "text/html"}) if request.method == "POST" else answer(request)

    hub.answer = log_in
    with pytest.raises(HubError, match="the answer is a web page, not the Hub"):
        smile_zoo.publish(pbmc.path, f"{ORG}/new", endpoint=hub.endpoint, token=OWNER_TOKEN)


@pytest.mark.parametrize("oid", ["/tmp/outside", "../../outside", "B" * 40, "b" * 39, 7, None, ["b"]])
def test_only_forty_digits_are_a_commit(hub, client, machine, pbmc, commit, oid, tmp_path):
    outside = tmp_path / "outside/config.json"
    outside.parent.mkdir()
    outside.write_text("mine")
    change_json(hub, "/api/models/org/pbmc", lambda info: {**info, "sha": str(outside.parent) if oid == 7 else oid})
    with pytest.raises(HubError, match=r"not 40 hexadecimal digits|not that of a Hub"):
        machine.pull_in_process(pbmc)
    assert outside.read_text() == "mine"


def test_commit_that_is_not_the_one_asked_for(hub, client, commit):
    change_json(hub, "/api/models/org/pbmc", lambda info: {**info, "sha": COMMIT})
    with pytest.raises(HubError, match=f"answered with commit {COMMIT}; do not use this Hub"):
        client.commit("org/pbmc", commit)


def test_snapshot_of_no_commit_is_no_path(machine):
    for name in ("/tmp/x", "..", "", "main"):
        with pytest.raises(HubError, match="is not a commit of org/pbmc"):
            RepoCache(machine.cache, "org/pbmc").snapshot(name)


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"X-Repo-Commit": "../../../outside", "ETag": '"x"'}, "the answer is about commit '../../../outside', not"),
        ({"X-Repo-Commit": "a" * 40, "ETag": '"x"'}, "the answer is about commit 'aaaa"),
        ({"X-Repo-Commit": COMMIT, "ETag": '"../../outside"'}, "names its content '\"../../outside\"'"),
        ({"X-Repo-Commit": COMMIT, "X-Linked-Etag": "/tmp/outside", "ETag": '"x"'}, "names its content '/tmp/outside'"),
        ({"ETag": '"x"'}, "the answer lacks the headers of a file of a Hub"),
    ],
)
def test_headers_become_no_paths(hub, client, machine, headers, text):
    answer_with(hub, b"", **headers)
    with pytest.raises(HubError) as caught:
        client.download("org/pbmc", COMMIT, "config.json")
    assert text in str(caught.value)
    assert not list(machine.folder.rglob("outside*"))


@pytest.mark.parametrize("field", ["id", "siblings", "size", "blobId", "rfilename", "lfs"])
@pytest.mark.parametrize("value", [None, 3, "x", [], {"a": 1}, [3], -1])
def test_field_of_another_type(hub, client, commit, field, value):
    def change(info):
        if field in info:
            return {**info, field: value}
        return {**info, "siblings": [{**file, field: value} for file in info["siblings"]]}

    change_json(hub, "/api/models/org/pbmc", change)
    try:
        found = client.commit("org/pbmc", "main")
    except HubError:
        return
    assert found.oid == commit
    assert all(isinstance(name, str) and file.size >= 0 for name, file in found.files.items())


def test_large_manifest_is_refused_before_its_download(hub, machine, pbmc, commit):
    def grow(info):
        return {**info, "siblings": [{**file, "size": MAX_MANIFEST_BYTES + 1} for file in info["siblings"]]}

    change_json(hub, "/api/models/org/pbmc", grow)
    hub.clear_log()
    with pytest.raises(IntegrityError, match=r"config\.json has 20,000,001 bytes, and at most 20,000,000 are read"):
        machine.pull_in_process(pbmc)
    assert machine.gets("config.json") == []


def test_large_manifest_on_disk_is_refused(pbmc):
    with (pbmc.path / "config.json").open("ab") as file:
        file.truncate(MAX_MANIFEST_BYTES + 1)
    with pytest.raises(SpaceError, match="has more than 20,000,000 bytes, which no manifest needs"):
        smile_zoo.pull(pbmc.path)


def test_more_bytes_than_announced(hub, client, machine, monkeypatch):
    sent = bytes(5_000_000)
    answer_with(hub, sent, X_Repo_Commit=COMMIT, ETag='"x"', X_Linked_Size="7")
    counter = download._ByteCounter(0, download.no_progress)
    with pytest.raises(HubError, match="more bytes arrived than the 7 that were announced"):
        client.download("org/pbmc", COMMIT, "config.json", tqdm_class=counter.bar_class(7))
    assert machine.leftovers() == []


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_endless_answer_is_not_read(hub, client, monkeypatch, encoding):
    monkeypatch.setattr("smile_zoo.hub.running_call.MAX_ANSWER_BYTES", 1_000_000)
    body = b"[" + b"1," * 600_000
    if encoding == "gzip":
        compressor = zlib.compressobj(wbits=31)
        body = compressor.compress(bytes(20_000_000)) + compressor.flush()
    answer_with(hub, body, Content_Encoding=encoding)
    with pytest.raises(HubError, match="the answer is longer than"):
        client.commit("org/pbmc", "main")


class Drip(bytes):
    """A body that comes as a byte every tenth of a second."""

    def __len__(self):
        return 100_000_000

    def __getitem__(self, part):
        if part.stop is None:
            return self
        time.sleep(0.1)
        return b"{"


def test_dripping_answer_ends(hub, client, monkeypatch):
    monkeypatch.setattr("smile_zoo.hub.running_call.MAX_ANSWER_SECONDS", 0.5)
    answer_with(hub, Drip())
    with pytest.raises(HubError, match="the answer was not complete after"):
        client.commit("org/pbmc", "main")


def test_dripping_download_ends(hub, client, machine, monkeypatch):
    monkeypatch.setattr("smile_zoo.hub.running_call.PACE_SECONDS", 0.5)
    answer_with(hub, Drip(), X_Repo_Commit=COMMIT, ETag='"x"')
    with pytest.raises(HubError, match=r"only \d+ bytes came in"):
        client.download("org/pbmc", COMMIT, "map.png")
    assert machine.leftovers() == []


def test_list_without_an_end(hub, client, commit, monkeypatch):
    monkeypatch.setattr("smile_zoo.hub.running_call.MAX_ANSWER_SECONDS", 0.5)
    answer_with(hub, b"[]", Link=f'<{hub.endpoint}/api/models?again>; rel="next"')
    with pytest.raises(HubError, match="the answer was not complete after"):
        client.search("x")


def test_silence_over_several_requests_ends(hub, client, monkeypatch):
    monkeypatch.setattr("smile_zoo.hub.client.TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr("smile_zoo.hub.running_call.MAX_SILENCE_SECONDS", 0.3)
    hub.delay = 30
    started = time.monotonic()
    with pytest.raises(HubError):
        client.commit("org/pbmc", "main")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("target", ["?again", "file:///etc/passwd", "http://[::1", "http://127.0.0.2:9/x"])
@pytest.mark.parametrize("call", ["model_info", "download"])
def test_redirects_lead_nowhere(hub, client, call, target, monkeypatch):
    monkeypatch.setattr("smile_zoo.hub.retry._wait_seconds", lambda _state: 0.0)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # waits of the Hub's client
    answer_with(hub, b"moved", 302, Location=target, X_Repo_Commit=COMMIT, ETag='"x"')
    with pytest.raises((HubError, HubConnectionError)):
        CALLS[call](client)


def test_error_text_of_the_hub_is_one_short_line(hub, client):
    answer_with(hub, json.dumps({"error": "a\nb\x1b[31m" + "c" * 5000}).encode(), 404)
    with pytest.raises(HubError) as caught:
        client.commit("org/pbmc", "main")
    assert "answered 404 (a b" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_error_that_is_a_page_to_log_in(hub, client):
    answer_with(hub, PAGE, 511, Content_Type="text/html")
    with pytest.raises(HubError) as caught:
        client.commit("org/pbmc", "main")
    assert WEB_PAGE in str(caught.value)


# The cache


def test_exchanged_manifest_in_the_cache_is_noticed(hub, machine, pbmc, commit):
    machine.pull_in_process(pbmc)
    planted = machine.snapshot(commit) / "config.json"
    planted.unlink()  # instead of the link, a file: the cache of a system without links looks so
    planted.write_bytes(pbmc.changed(change=lambda manifest: manifest.update(title="planted"))["config.json"])
    assert "is not complete on this machine" in machine.refused("show", "org/pbmc", HF_HUB_OFFLINE="1")
    assert machine.pull_in_process(pbmc) == []
    assert planted.read_bytes() == pbmc.files["config.json"]


def test_link_out_of_the_cache_is_refused(hub, machine, pbmc, commit, tmp_path):
    machine.pull_in_process(pbmc)
    for folder in (machine.snapshot(commit), machine.snapshot(commit).parent, machine.cache / "models--org--pbmc"):
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OutputError, match=f"{folder} is a link out of the cache"):
            machine.pull_in_process(pbmc)
        folder.unlink()
        (tmp_path / "elsewhere").rename(folder)
    assert machine.pull_in_process(pbmc) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_folder_of_another_user_is_refused(hub, machine, pbmc, commit, monkeypatch):
    machine.pull_in_process(pbmc)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert machine.pull_in_process(pbmc) == []  # an administrator filled the cache
    os.chown(machine.cache / "models--org--pbmc", 34567, -1)
    with pytest.raises(OutputError, match="belongs to another user"):
        machine.pull_in_process(pbmc)
