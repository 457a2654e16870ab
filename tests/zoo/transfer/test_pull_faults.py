"""Pulls with wrong contents on the Hub and with faults on this machine, and the pulls after them."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_hub import Fault

from smile_runtime import OutputError, SpaceError
from smile_runtime.manifest import FORMAT_VERSION
from smile_zoo.hub.repo_cache import RepoCache

GRAPH = "onnx/rna.onnx"
CARD = "README.md"
MAX_SECONDS = 20  # enough on a busy machine, yet shorter than any wait that must not happen


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never became true"
        time.sleep(0.01)


# Wrong contents on the Hub


def test_manifest_that_differs_from_the_catalogue_is_rejected(hub, machine, pbmc, commit, catalogue):
    catalogue({"name": "mine", "repo": "org/pbmc", "revision": commit, "manifest_sha256": "0" * 64})
    stderr = machine.refused("pull", "mine")
    assert (
        f"org/pbmc@{commit}: the sha256 of config.json is {pbmc.sha256[:12]}…, the catalogue says 000000000000…"
        in stderr
    )
    assert (
        "it was removed; do not use it, and inform the publisher, or update the catalogue: smile-zoo catalogue"
        in stderr
    )
    assert not (machine.snapshot(commit) / "config.json").exists()
    assert {request.path.rpartition("/")[2] for request in machine.requests} == {commit, "config.json"}
    catalogue({"name": "mine", "repo": "org/pbmc", "revision": commit, "manifest_sha256": pbmc.sha256})
    assert machine.pull_in_process(pbmc, "mine") == pbmc.pulled_names


def test_cached_manifest_that_differs_from_the_catalogue_is_rejected(hub, machine, pbmc, commit, catalogue):
    machine.pull_in_process(pbmc)
    catalogue({"name": "mine", "repo": "org/pbmc", "revision": commit, "manifest_sha256": "0" * 64})
    assert "this is not the space that was catalogued" in machine.refused("pull", "mine")
    assert "this is not the space that was catalogued" in machine.refused("show", "mine")


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/tmp/evil.json", "onnx/../../evil.json", "weights.pt", "onnx/rna.onnx.data", "C:evil.json"],
)
def test_manifest_that_lists_a_forbidden_file_is_rejected(hub, machine, pbmc, name):
    content = b"evil"
    commit = hub.create("org/pbmc", {**pbmc.changed({name: content}), "evil.json": content})
    before = sorted(machine.folder.parent.rglob("evil*"))
    with pytest.raises(SpaceError, match="do not use this space") as caught:
        machine.pull_in_process(pbmc)
    assert f"org/pbmc@{commit} config.json lists {name!r}, but a space contains only" in str(caught.value)
    assert not (machine.snapshot(commit) / "config.json").exists()
    assert sorted(machine.folder.parent.rglob("evil*")) == before
    assert all(request.path.endswith(("main", "config.json")) for request in machine.requests)
    assert machine.damage() == []


@pytest.mark.parametrize(
    ("content", "text"), [(b"{}", "has format '', not 'smile-space'"), (b"not json", "is not a smile-zoo manifest")]
)
def test_invalid_manifest_is_rejected(hub, machine, pbmc, content, text):
    commit = hub.create("org/pbmc", {**pbmc.files, "config.json": content})
    stderr = machine.refused("pull", "org/pbmc")
    assert f"org/pbmc@{commit} config.json {text}" in stderr
    assert not (machine.snapshot(commit) / "config.json").exists()
    hub.commit("org/pbmc", {"config.json": pbmc.files["config.json"]})
    assert machine.pull_in_process(pbmc, f"org/pbmc@{hub.head('org/pbmc')}") == pbmc.pulled_names


def test_manifest_of_a_newer_format_is_rejected(hub, machine, pbmc):
    hub.create("org/pbmc", pbmc.changed(change=lambda manifest: manifest.update(format_version=99)))
    stderr = machine.refused("pull", "org/pbmc")
    reads = f"this release reads version {FORMAT_VERSION}; upgrade with: pip install -U smile-zoo"
    assert f"has format version 99, {reads}" in stderr


def test_file_that_differs_from_the_manifest_is_rejected(hub, machine, pbmc):
    commit = hub.create("org/pbmc", {**pbmc.files, "map.png": b"some other picture"})
    stderr = machine.refused("pull", "org/pbmc")
    assert f"org/pbmc@{commit[:7]}: map.png arrived twice and differs from the manifest, so it was removed" in stderr
    assert f"map.png has 18 bytes, but the manifest says {len(pbmc.files['map.png']):,}" in stderr
    assert not (machine.snapshot(commit) / "map.png").exists()
    assert machine.damage() == []


def test_file_missing_from_the_repo_ends_the_pull(hub, machine, pbmc):
    commit = hub.create("org/pbmc", {name: content for name, content in pbmc.files.items() if name != GRAPH})
    stderr = machine.refused("pull", "org/pbmc")
    assert f"org/pbmc@{commit[:7]} {GRAPH}: the repo has no such file at this commit; is it a SMILE space?" in stderr
    assert machine.damage() == []


def protobuf(number, value):
    """Encode one field of a protobuf message; numbers and lengths must be below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    content = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(content)]) + content


def graph_with_external_data(location):
    """Return an ONNX graph that outputs two numbers from another file; field numbers as in onnx.proto."""
    external_data = protobuf(13, protobuf(1, "location") + protobuf(2, location))
    weights = protobuf(1, 2) + protobuf(2, 1) + protobuf(8, "w") + external_data + protobuf(14, 1)
    kind = protobuf(1, protobuf(1, 1) + protobuf(2, protobuf(1, protobuf(1, 2))))
    node = protobuf(1, "w") + protobuf(2, "y") + protobuf(4, "Identity")
    graph = (
        protobuf(1, node) + protobuf(2, "g") + protobuf(5, weights) + protobuf(12, protobuf(1, "y") + protobuf(2, kind))
    )
    return protobuf(1, 8) + protobuf(8, protobuf(1, "") + protobuf(2, 17)) + protobuf(7, graph)


@pytest.mark.parametrize("location", ["weights.json", "../weights.json", "/proc/self/environ"])
def test_graph_with_external_data_is_rejected(hub, machine, pbmc, counts, location):
    two_numbers = bytes(8)
    commit = hub.create("org/pbmc", pbmc.changed({GRAPH: graph_with_external_data(location)}))
    machine.pull_in_process(pbmc)
    space = machine.snapshot(commit)
    for folder in (machine.folder, space, space / "onnx", space.parents[1], space.parents[1] / "blobs"):
        (folder / "weights.json").write_bytes(two_numbers)
    counts.write_h5ad(machine.folder / "query.h5ad")
    done = machine.run("project", "query.h5ad", "org/pbmc", "-o", "out.h5ad")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        f"Error: {space / GRAPH} is not a graph that this release runs: field 13 is not one" in done.stderr
    )  # it was not even opened
    assert not (machine.folder / "out.h5ad").exists()


# On this machine


def test_damaged_cache_is_repaired(hub, machine, pbmc, commit):
    machine.pull_in_process(pbmc)
    damage = {
        "features/rna.tsv": lambda path: os.truncate(path, 1000),
        "map.png": Path.unlink,
        GRAPH: flip,
        "reference/points.safetensors": flip,
    }
    for name, change in damage.items():
        change((machine.snapshot(commit) / name).resolve())
    offline = machine.refused("pull", "org/pbmc", HF_HUB_OFFLINE="1")
    assert (
        "org/pbmc@main is not complete on this machine and HF_HUB_OFFLINE is set; pull it with the network "
        "enabled" in offline
    )
    hub.clear_log()
    assert sorted(machine.pull(pbmc)) == sorted(damage)
    assert [len(machine.gets(name)) for name in pbmc.pulled_names] == [name in damage for name in pbmc.pulled_names]


@pytest.mark.parametrize("damage", [flip, lambda path: os.truncate(path, 1000)], ids=["flip", "cut"])
def test_damaged_manifest_is_repaired(hub, machine, pbmc, commit, damage):
    machine.pull_in_process(pbmc)
    damage((machine.snapshot(commit) / "config.json").resolve())
    assert "is not complete on this machine" in machine.refused("show", "org/pbmc", HF_HUB_OFFLINE="1")
    hub.clear_log()
    assert machine.pull(pbmc) == []
    assert {request.path.rpartition("/")[2] for request in machine.requests} == {commit, "config.json"}


def test_damaged_file_shared_by_two_encoders_is_repaired(hub, machine, two_modality_space):
    """Files with the same content share one blob in the cache."""
    commit = hub.create("org/pbmc", two_modality_space.files)
    for _ in range(2):
        hub.clear_log()
        assert {GRAPH, "onnx/adt.onnx"} <= set(machine.pull(two_modality_space))
        assert len(machine.gets(GRAPH) + machine.gets("onnx/adt.onnx")) == 1
        flip((machine.snapshot(commit) / GRAPH).resolve())


def test_damaged_cache_is_never_projected_into(hub, machine, pbmc, commit, counts):
    counts.write_h5ad(machine.folder / "query.h5ad")
    machine.pull_in_process(pbmc)
    flip((machine.snapshot(commit) / GRAPH).resolve())
    project = ["project", "query.h5ad", "org/pbmc", "-o", "out.h5ad"]
    assert "is not complete on this machine" in machine.refused(*project, HF_HUB_OFFLINE="1")
    assert not (machine.folder / "out.h5ad").exists()
    assert machine.run(*project).returncode == 0
    assert machine.damage() == []


def test_damaged_ref_is_looked_up_again(hub, machine, pbmc, commit):
    machine.pull_in_process(pbmc)
    ref = machine.cache / "models--org--pbmc/refs/main"
    for content in (b"", b"\xff\xfe", b"nonsense", b"../../../../etc"):
        ref.write_bytes(content)
        assert machine.pull_in_process(pbmc) == []
        assert ref.read_text() == commit


def test_damaged_hash_memory_is_rebuilt(hub, machine, pbmc, commit):
    machine.pull_in_process(pbmc)
    hub.clear_log()
    for content in (b"", b"\xff\xfe", b"[]", b'{"map.png": 1}'):
        for file in (machine.folder / "home/smile-zoo/hashes").iterdir():
            file.write_bytes(content)
        assert machine.pull_in_process(pbmc) == []
    assert machine.requests == []
    flip((machine.snapshot(commit) / GRAPH).resolve())
    assert machine.pull(pbmc) == [GRAPH]


def test_four_processes_download_each_file_once(hub, machine, pbmc, commit):
    hub.delay = 0.02
    processes = [machine.start("pull", "org/pbmc") for _ in range(4)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert {stdout for stdout, _ in outputs} == {f"{machine.snapshot(commit)}\n"}
    for name in ("config.json", *pbmc.pulled_names):
        assert [request.sent for request in machine.gets(name)] == [len(pbmc.files[name])]
    assert len([request for request in machine.requests if request.path.startswith("/api")]) == 1  # the others wait
    assert machine.pull_in_process(pbmc) == []


def test_process_reports_that_it_waits_for_another(hub, machine, pbmc, commit):
    with RepoCache(machine.cache, "org/pbmc").locked():
        process = machine.start("pull", "org/pbmc")
        assert process.stderr.readline() == "another process is using org/pbmc; waiting for it\n"
        assert machine.requests == []
    assert process.communicate(timeout=60)[0] == f"{machine.snapshot(commit)}\n"
    assert process.returncode == 0


@contextmanager
def running(machine, **env):
    """Start a pull, and kill it at the end of the block."""
    with machine.start("pull", "org/pbmc", **env) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def stalled(hub, machine, space, commit):
    """Start a pull and wait until only the graph, whose download stalls, and the card after it are missing."""
    fault = hub.fault(Fault("stall", path=GRAPH, after=5000, times=None))  # a retry must not end the pull too early
    others = [machine.snapshot(commit) / name for name in space.pulled_names if name not in (GRAPH, CARD)]
    with running(machine, HF_HUB_DOWNLOAD_TIMEOUT="1") as process:
        wait_until(lambda: fault.hits and all(path.is_file() for path in others))
        yield process
    hub.faults.clear()


def test_next_pull_cleans_up_after_a_killed_one(hub, machine, pbmc, commit):
    with stalled(hub, machine, pbmc, commit) as process:
        process.kill()
        process.communicate()
    assert machine.leftovers() != []
    hub.clear_log()
    assert machine.pull(pbmc) == [CARD, GRAPH]
    assert {request.path for request in machine.requests if not request.path.startswith("/api")} == {
        f"/org/pbmc/resolve/{commit}/{CARD}",
        f"/org/pbmc/resolve/{commit}/{GRAPH}",
        *(request.path for request in machine.gets(GRAPH)),
    }


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_pull_leaves_nothing_temporary(hub, machine, pbmc, commit, sent):
    with stalled(hub, machine, pbmc, commit) as process:
        process.send_signal(sent)
        started = time.monotonic()
        stdout, stderr = process.communicate(timeout=60)
    assert time.monotonic() - started < MAX_SECONDS
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1] == "Interrupted: nothing was left half-written."
    assert "Traceback" not in stderr
    assert machine.damage() == []
    assert machine.pull_in_process(pbmc) == [CARD, GRAPH]


def test_interrupted_pull_ends_while_the_hub_is_silent(hub, machine, pbmc, commit):
    answer = hub.answer

    def answer_then_fall_silent(call):
        if call.method == "GET" and call.path.endswith("config.json"):
            hub.delay = 30
        return answer(call)

    hub.answer = answer_then_fall_silent
    with running(machine, HF_HUB_ETAG_TIMEOUT="1") as process:
        wait_until(lambda: any(request.path.endswith("map.png") for request in hub.requests))
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        process.communicate(timeout=60)
    assert time.monotonic() - started < MAX_SECONDS
    assert process.returncode == 130
    assert machine.damage() == []


def require_disk_full_error(stderr, folder):
    assert f"cannot write to {folder}: " in stderr
    assert "free some space, or set HF_HUB_CACHE to a larger disk. Finished files are kept" in stderr


def test_file_size_limit_ends_the_pull(hub, machine, pbmc, commit):
    """Simulate a full disk, without root."""
    limit = 300_000
    process = subprocess.run(
        [Path(sys.executable).with_name("smile-zoo"), "pull", "org/pbmc"],
        cwd=machine.folder,
        env=machine.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 1
    require_disk_full_error(process.stderr, machine.cache)
    assert machine.damage() == []
    assert GRAPH in machine.pull_in_process(pbmc)


@pytest.fixture
def mounted(machine):
    """Mount file systems if possible, and unmount them after the test."""
    points = []

    def mount(*arguments, point):
        point.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", *arguments, point], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        points.append(point)

    yield mount
    for point in reversed(points):
        subprocess.run(["umount", point], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount")
def test_full_disk(hub, machine, pbmc, commit, mounted):
    mounted("-t", "tmpfs", "-o", "size=700k", "tmpfs", point=machine.cache)
    require_disk_full_error(machine.refused("pull", "org/pbmc"), machine.cache)
    assert machine.damage() == []
    subprocess.run(["mount", "-o", "remount,size=4m", machine.cache], check=True)
    assert machine.pull_in_process(pbmc) != pbmc.pulled_names  # the files that fit are kept


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount")
def test_read_only_cache_can_be_read(hub, machine, pbmc, commit, mounted):
    machine.pull_in_process(pbmc)
    hub.create("org/other", pbmc.files)
    mounted("--bind", machine.cache, point=machine.cache)
    subprocess.run(["mount", "-o", "remount,ro,bind", machine.cache], check=True)
    hub.clear_log()
    assert machine.pull(pbmc) == []
    assert machine.requests == []
    for arguments in (["pull", "org/other"], ["pull", "org/pbmc", "--update"], ["cache", "remove", "org/pbmc"]):
        stderr = machine.refused(*arguments)
        assert f"cannot write to {machine.cache}: Read-only file system; set HF_HUB_CACHE to a writable" in stderr


def test_damage_that_the_user_may_not_repair_is_an_error(machine, pbmc, commit, monkeypatch):
    machine.pull_in_process(pbmc)
    flip((machine.snapshot(commit) / GRAPH).resolve())

    def refuse(path, **_how):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match=f"cannot write to {machine.cache}: Permission denied; set HF_HUB_CACHE to"):
        machine.pull_in_process(pbmc)


def test_cache_folder_that_cannot_be_written_is_an_error(machine, commit):
    stderr = machine.refused("pull", "org/pbmc", HF_HUB_CACHE="/proc/cache")
    assert "cannot write to /proc/cache: No such file or directory; set HF_HUB_CACHE to a writable folder" in stderr


def test_complete_space_needs_no_hash_memory(hub, machine, pbmc, commit):
    cache = {"HF_HUB_CACHE": str(machine.cache)}
    machine.pull_in_process(pbmc)
    hub.clear_log()
    assert machine.pull(pbmc, "org/pbmc", HF_HOME="/proc/home", **cache) == []
    assert machine.requests == []
    assert json.loads(machine.run("show", "org/pbmc", "--json", HF_HOME="/proc/home", **cache).stdout)["name"] == "pbmc"
