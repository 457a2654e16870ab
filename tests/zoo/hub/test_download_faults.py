"""Downloads with faults in the network and at the Hub: what is retried, for how long, and how failures are reported."""

import signal
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest
from fake_hub import Fault

import smile_zoo
from smile_runtime import IntegrityError
from smile_runtime.manifest import FileRecord
from smile_runtime.space import FileHashes
from smile_zoo.errors import HubConnectionError
from smile_zoo.hub import RepoCache, fetch_files, no_progress

GRAPH = "onnx/rna.onnx"
MIB = 1 << 20
MAX_SECONDS = 20  # enough on a busy machine, yet shorter than any wait that must not happen


@dataclass
class Timed(Fault):
    """A fault that records the times of the requests it matched."""

    times_seen: list[float] = field(default_factory=list)

    def take(self, method, path):
        seen = self.seen
        hit = super().take(method, path)
        if self.seen > seen:
            self.times_seen.append(time.monotonic())
        return hit


# In the network


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        ("map.png", 3 * MIB, "cut"),
        ("map.png", 3 * MIB, "reset"),
        ("features/rna.tsv", 0, "cut"),
        ("config.json", 0, "cut"),
    ],
)
def test_download_is_retried_after_its_connection_ends(hub, machine, pbmc, name, more, kind, fast):
    content = pbmc.files[name] + bytes(more)
    hub.create("org/pbmc", pbmc.changed({name: content}) if more else pbmc.files)
    hub.fault(Fault(kind, path=f"{name}$", after=len(content) - 1000))
    assert sorted(machine.pull(pbmc, **fast)) == sorted(pbmc.pulled_names)
    first, second = machine.gets(name)
    assert "range" not in first.headers
    start = int(second.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    assert second.sent == len(content) - start  # the client may resume after its first chunks


def test_download_is_retried_after_two_lost_connections(hub, machine, pbmc, commit, fast):
    hub.fault(Fault("cut", path=GRAPH, after=200_000, times=2))
    assert machine.pull(pbmc, **fast) == pbmc.pulled_names
    assert len(machine.gets(GRAPH)) == 3


def test_download_fails_if_every_connection_ends(hub, machine, pbmc, commit, fast):
    hub.fault(Fault("cut", path=GRAPH, times=None))
    stderr = machine.refused("pull", "org/pbmc", **fast)
    assert f"org/pbmc@{commit[:7]} {GRAPH}: {hub.endpoint} was not reached" in stderr
    assert "try again; downloads that are complete are kept" in stderr
    assert machine.damage() == []
    hub.faults.clear()
    assert GRAPH in machine.pull_in_process(pbmc)


def test_stalled_download_is_retried(hub, machine, pbmc, commit):
    fault = hub.fault(Fault("stall", path=GRAPH, after=5000))
    started = time.monotonic()
    assert machine.pull(pbmc, HF_HUB_DOWNLOAD_TIMEOUT="1") == pbmc.pulled_names
    assert fault.hits == 1
    assert time.monotonic() - started < MAX_SECONDS  # the stall would last 30 s


@pytest.mark.parametrize("kind", ["short", "long", "wrong"])
def test_file_damaged_once_is_downloaded_again(hub, machine, pbmc, commit, kind, fast):
    names = [GRAPH, "features/rna.tsv", "config.json"]  # large, small, and the manifest
    for name in names:
        hub.fault(Fault(kind, path=f"{name}$"))
    assert machine.pull(pbmc, **fast) == pbmc.pulled_names
    assert [len(machine.gets(name)) for name in names] == [2, 2, 2]


@pytest.mark.parametrize("name", [GRAPH, "features/rna.tsv", "config.json"])
def test_file_damaged_twice_is_rejected(hub, machine, pbmc, commit, name):
    hub.fault(Fault("wrong", path=f"{name}$", times=None))
    stderr = machine.refused("pull", "org/pbmc")
    assert f"org/pbmc@{commit[:7]}: {name} arrived twice and differs from the" in stderr
    assert "so it was removed" in stderr
    assert "try again later" in stderr
    assert len(machine.gets(name)) == 2
    assert not (machine.snapshot(commit) / name).exists()
    assert machine.damage() == []
    hub.faults.clear()
    assert name in [*machine.pull_in_process(pbmc), "config.json"]


@pytest.mark.parametrize("kind", ["short", "long"])
def test_file_of_the_wrong_size_is_rejected_after_five_attempts(hub, machine, pbmc, commit, kind, fast):
    fault = hub.fault(Fault(kind, path=GRAPH, times=None))
    stderr = machine.refused("pull", "org/pbmc", **fast)
    assert f"{GRAPH} arrived with the wrong size 5 times" in stderr
    assert "try again later" in stderr
    assert fault.hits == 5
    assert machine.damage() == []
    hub.faults.clear()
    assert GRAPH in machine.pull_in_process(pbmc)


# At the Hub


def test_temporary_server_errors_are_retried(hub, machine, pbmc, commit, fast):
    faults = [
        hub.fault(Fault("status", path="^/api/models/org", status=500)),
        hub.fault(Fault("status", path=GRAPH, status=502, method="HEAD")),
        hub.fault(Fault("status", path=GRAPH, status=503)),
        hub.fault(Fault("status", path="features/rna.tsv", status=504)),
        hub.fault(Fault("status", path="config.json", status=500)),
    ]
    assert machine.pull(pbmc, **fast) == pbmc.pulled_names
    assert [fault.hits for fault in faults] == [1] * 5


def test_retry_after_is_respected(hub, machine, pbmc, commit, fast):
    rate_limit = {"status": 429, "headers": {"Retry-After": "20"}}  # one second, because waits are twenty times shorter
    faults = [
        hub.fault(Timed("status", "GET", "^/api/models/org", **rate_limit)),
        hub.fault(Timed("status", "HEAD", GRAPH, times=2, **rate_limit)),  # the client does not wait after the first
        hub.fault(Timed("status", "GET", "map.png", **rate_limit)),
        hub.fault(Timed("status", "GET", "features/rna.tsv", **rate_limit)),
    ]
    assert machine.pull(pbmc, **fast) == pbmc.pulled_names
    assert [len(fault.times_seen) for fault in faults] == [2, 3, 2, 2]
    assert all(1 <= fault.times_seen[-1] - fault.times_seen[-2] < 5 for fault in faults)


@pytest.mark.parametrize(
    ("method", "path", "n_attempts"),
    [("GET", "^/api/models/org", 5), ("HEAD", GRAPH, 7), ("GET", GRAPH, 5)],
    ids=["info", "head", "get"],
)
def test_permanent_server_error_ends_the_pull(hub, machine, pbmc, commit, fast, method, path, n_attempts):
    fault = hub.fault(Fault("status", method, path, times=None, status=503))
    started = time.monotonic()
    stderr = machine.refused("pull", "org/pbmc", **fast)
    assert time.monotonic() - started < MAX_SECONDS  # half a minute of waits, twenty times shorter
    assert f"{hub.endpoint} answered 503 (fault 503); try again later" in stderr
    assert fault.hits == n_attempts
    assert machine.damage() == []
    hub.faults.clear()
    machine.pull_in_process(pbmc)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "^/api/models/org", {"Retry-After": "3600"}),
        ("HEAD", GRAPH, {"Retry-After": "3600"}),
        ("HEAD", GRAPH, {"RateLimit": '"api";r=0;t=3600'}),
        ("GET", GRAPH, {"Retry-After": "3600"}),
    ],
    ids=["info", "head", "limit", "get"],
)
def test_retry_after_of_an_hour_ends_the_pull(hub, machine, pbmc, commit, method, path, headers):
    hub.fault(Fault("status", method, path, times=None, status=429, headers=headers))
    started = time.monotonic()
    stderr = machine.refused("pull", "org/pbmc")
    assert time.monotonic() - started < MAX_SECONDS
    assert "is limiting requests; try again in 3600 s" in stderr
    assert machine.damage() == []
    hub.faults.clear()
    machine.pull_in_process(pbmc)


def test_unreachable_hub_ends_the_pull(hub, machine, pbmc, commit, unreachable, fast):
    fault = hub.fault(Fault("wrong", path=GRAPH, times=2))
    for name in ("HF_ENDPOINT", "HTTP_PROXY"):  # with an empty cache, then with a partial one
        started = time.monotonic()
        stderr = machine.refused("pull", "org/pbmc", **fast, **{name: unreachable})
        assert time.monotonic() - started < MAX_SECONDS
        assert "org/pbmc@" in stderr
        assert "was not reached" in stderr
        assert "check the network, the proxy (HTTPS_PROXY, NO_PROXY) and HF_ENDPOINT, and try again" in stderr
        assert machine.requests == []
        with pytest.raises(IntegrityError) if fault.hits < 2 else nullcontext():
            machine.pull_in_process(pbmc)
        assert (machine.snapshot(commit) / "config.json").is_file()
        hub.clear_log()
    assert machine.pull_in_process(pbmc) == []
    assert machine.requests == []


@pytest.mark.parametrize(("silence", "n_warnings"), [(60.0, 0), (0.0, 4)])
def test_silent_hub_ends_the_pull(hub, machine, commit, monkeypatch, caplog, silence, n_warnings):
    hub.delay = 30
    monkeypatch.setattr("smile_zoo.hub.client.TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr("smile_zoo.hub.retry.WARN_AFTER_SECONDS", silence)
    attempts = []
    monkeypatch.setattr("smile_zoo.hub.retry._wait_seconds", lambda state: attempts.append(state.attempt_number) or 0.0)
    with pytest.raises(HubConnectionError, match=r"org/pbmc@main: .* was not reached \(timed out\); check the network"):
        smile_zoo.pull("org/pbmc", endpoint=hub.endpoint, cache_dir=machine.cache, token=False)
    assert attempts == [1, 2, 3, 4, 5]
    assert [record.message for record in caplog.records] == ["retrying in 0.0 s: timed out"] * n_warnings


# Interruption


class StalledHub:
    """Interrupts the process in the thread of a download, which then lasts until it is canceled."""

    def __init__(self) -> None:
        self.canceled = threading.Event()

    def download(self, *_args, **_kwargs):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.canceled.wait(3 * MAX_SECONDS)
        raise OSError("canceled")


def test_a_signal_that_does_not_end_the_wait_still_ends_the_download(tmp_path):
    """One that another thread received, as one that arrives just before the main thread begins to wait."""
    hub, files = StalledHub(), {GRAPH: FileRecord(size=1, sha256="0" * 64)}
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch_files(hub, RepoCache(tmp_path, "org/pbmc"), "0" * 40, files, FileHashes(tmp_path), no_progress)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - started < MAX_SECONDS
