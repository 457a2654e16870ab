"""The command as a user runs it, a fake Hub on loopback, and spaces to publish there."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import pytest
from command_server import SHORT_WAITS, CommandServer, can_fork
from fake_hub import Blob, FakeHub, Request
from probe_server import ProbeServer

import smile_zoo
from smile_runtime import open_space
from smile_runtime.io.atomic_files import sha256_file
from smile_zoo.catalogue import PACKAGED_CATALOGUE

COMMAND = Path(sys.executable).with_name("smile-zoo")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty cache for this process and its commands, with the network off unless the test has a fake Hub."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HF_HOME", str(folder))
    if "hub" not in request.fixturenames:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


@pytest.fixture(scope="session")
def command_server(tmp_path_factory: pytest.TempPathFactory, probes: ProbeServer) -> Iterator[CommandServer]:
    """Runs commands without the time that their libraries take to import."""
    server = CommandServer(tmp_path_factory.mktemp("command-server"), probes)
    yield server
    server.close()


@pytest.fixture
def run(tmp_path: Path, command_server: CommandServer) -> Run:
    """Run ``smile-zoo`` in an empty folder and return exit code, stdout and stderr."""

    def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return command_server.run(arguments, tmp_path, os.environ, timeout=120)

    return run_command


@pytest.fixture
def query(counts: anndata.AnnData, tmp_path: Path) -> Path:
    """Simulated counts as an h5ad file."""
    path = tmp_path / "query.h5ad"
    counts.write_h5ad(path)
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An empty Hub."""
    # the client reads this from the environment when it is first imported, perhaps in a test without a Hub
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with FakeHub() as server:
        yield server


@dataclass
class Machine:
    """A user's machine: a working folder and environment variables for commands."""

    folder: Path
    env: dict[str, str]
    hub: FakeHub
    server: CommandServer

    def start(self, *arguments: str | Path, stderr: int = subprocess.PIPE, **env: str) -> subprocess.Popen[str]:
        """Start ``smile-zoo``."""
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``smile-zoo`` until it ends."""
        if can_fork({**self.env, **env}):
            done = self.server.run(arguments, self.folder, {**self.env, **env}, timeout=60)
        else:
            with self.start(*arguments, **env) as process:
                try:
                    streams = process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
            done = subprocess.CompletedProcess(process.args, process.returncode, *streams)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str | Path, **env: str) -> Any:
        """Run ``smile-zoo`` with ``--json``, check that it succeeds, and return its output."""
        done = self.run(*arguments, "--json", **env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str | Path, **env: str) -> str:
        """Run ``smile-zoo``, check that it ends with a known error (exit code 1, no stdout), and return stderr."""
        done = self.run(*arguments, **env)
        assert done.returncode == 1, done
        assert done.stdout == ""
        assert done.stderr.count("Error: ") == 1, done.stderr
        return done.stderr

    @property
    def cache(self) -> Path:
        """The Hub's cache."""
        return self.folder / "home/hub"

    @property
    def requests(self) -> list[Request]:
        """Requests since the log was cleared, without those that the client makes about itself."""
        return [request for request in self.hub.requests if request.path != "/api/agent-harnesses"]

    def leftovers(self) -> list[str]:
        """Return the temporary files in the folder and its cache."""
        return [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.name.endswith((".incomplete", ".partial", ".old", ".tmp")) or ".partial" in path.name
        ]

    def damage(self) -> list[str]:
        """Return temporary files, and cached files that differ from those on the Hub."""
        return [
            *self.leftovers(),
            *(str(path) for path in self.cache.glob("models--*/**/*") if not self._is_intact(path)),
        ]

    def _is_intact(self, path: Path) -> bool:
        folder, kind, *parts = path.relative_to(self.cache).parts
        if path.is_dir() or kind not in ("snapshots", "blobs"):
            return True
        name = folder.removeprefix("models--").replace("--", "/")
        repo = self.hub.repos[self.hub.moved.get(name, name)]
        content = path.read_bytes() if path.is_file() else b""
        if kind == "blobs":
            return parts[0] in (hashlib.sha256(content).hexdigest(), Blob(content, lfs=False).sha1)
        return content == repo.commits[parts[0]].files["/".join(parts[1:])].data

    def snapshot(self, commit: str, repo: str = "org/pbmc") -> Path:
        """Return the cached space directory of a commit."""
        return self.cache / f"models--{repo.replace('/', '--')}/snapshots" / commit

    def pull(self, space: "SpaceFiles", *arguments: str, **env: str) -> list[str]:
        """Pull with the command, check that the space is complete, and return the names of the downloaded files."""
        report = self.json("pull", *(arguments or ["org/pbmc"]), **env)
        self._require_complete(space, Path(report["path"]))
        return [file["name"] for file in report["files"] if file["will_download"]]

    def pull_in_process(self, space: "SpaceFiles", name: str = "org/pbmc") -> list[str]:
        """Do the same as `pull` with the Python function, which is faster, to prepare a cache or to check it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_HOME", self.env["HF_HOME"])
            pulled = smile_zoo.pull(name, endpoint=self.hub.endpoint, cache_dir=self.cache, token=False)
        self._require_complete(space, pulled.path)
        return [file.name for file in pulled.files if file.will_download]

    def _require_complete(self, space: "SpaceFiles", path: Path) -> None:
        names = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        assert names == {"config.json", *space.pulled_names}
        open_space(path)
        assert self.damage() == []

    def gets(self, name: str) -> list[Request]:
        """Return the requests for the content of a file since the log was cleared."""
        return [
            request
            for request in self.requests
            if request.method == "GET" and re.search(rf"/(resolve|cdn)/.+/{re.escape(name)}$", request.path)
        ]


@pytest.fixture
def machine(hub: FakeHub, command_server: CommandServer, tmp_path: Path) -> Machine:
    """A machine with an empty cache that reaches only this Hub."""
    folder = tmp_path / "machine"
    folder.mkdir()
    removed = ("HF_", "HUGGING", "HTTP", "http", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "XDG_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(removed)}
    env |= {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "2",
        "OMP_NUM_THREADS": "1",
    }
    return Machine(folder, env, hub, command_server)


@dataclass
class SpaceFiles:
    """A space directory and its files, as a repo holds them."""

    path: Path
    files: dict[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.files = {
            path.relative_to(self.path).as_posix(): path.read_bytes()
            for path in sorted(self.path.rglob("*"))
            if path.is_file()
        }

    @property
    def sha256(self) -> str:
        """The sha256 of the manifest."""
        return sha256_file(self.path / "config.json")

    @property
    def pulled_names(self) -> list[str]:
        """Files that a pull downloads besides the manifest: all but the training weights."""
        return [name for name in self.files if name != "config.json" and not name.startswith("training/")]

    @property
    def size(self) -> int:
        """Total size in bytes of the files that a pull downloads besides the manifest."""
        return sum(len(self.files[name]) for name in self.pulled_names)

    @property
    def pinned_size(self) -> int:
        """The same size without the card, which the manifest does not list."""
        return self.size - len(self.files["README.md"])

    def changed(
        self, files: dict[str, bytes] | None = None, change: Callable[[dict[str, Any]], object] = lambda _manifest: None
    ) -> dict[str, bytes]:
        """Return the files with some replaced, and the manifest updated to match; ``change`` may edit it further."""
        manifest = json.loads(self.files["config.json"])
        for name, content in (files or {}).items():
            manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        change(manifest)
        return {**self.files, **(files or {}), "config.json": json.dumps(manifest).encode()}


@pytest.fixture
def pbmc(pbmc_copy: Path) -> SpaceFiles:
    """A copy of the packaged space."""
    return SpaceFiles(pbmc_copy)


@pytest.fixture
def commit(hub: FakeHub, pbmc: SpaceFiles) -> str:
    """The commit of the repo org/pbmc, which holds the packaged space."""
    return hub.create("org/pbmc", pbmc.files)


@pytest.fixture
def two_modality_space(pbmc_copy: Path, tmp_path: Path) -> SpaceFiles:
    """A space with two encoders, rna and adt, which are identical."""
    path = Path(shutil.copytree(pbmc_copy, tmp_path / "two"))
    manifest = json.loads((path / "config.json").read_text("utf-8"))
    for name in [name for name in manifest["files"] if "rna" in name]:
        other = name.replace("rna", "adt")
        shutil.copyfile(path / name, path / other)
        manifest["files"][other] = manifest["files"][name]
    record = manifest["encoders"]["rna"]
    names = ("graph", "features", "parity")
    sparse = {**record["sparse"], "first": "first/adt.safetensors", "trunk": "onnx/adt.trunk.onnx"}
    renamed = {name: record[name].replace("rna", "adt") for name in names}
    similarity = record["similarity"]
    profiles = {**similarity["dissimilarity"], "profiles": "profiles/adt.safetensors"}
    of_adt = {**renamed, "sparse": sparse, "similarity": {**similarity, "dissimilarity": profiles}}
    manifest["encoders"]["adt"] = {**record, **of_adt}
    manifest["name"] = "two"
    (path / "config.json").write_text(json.dumps(manifest), "utf-8")
    return SpaceFiles(path)


@pytest.fixture
def catalogue(machine: Machine) -> Callable[..., Path]:
    """Write an updated catalogue, with one entry per argument: pbmc's with these fields changed."""

    def write(*changes: dict[str, Any]) -> Path:
        line = json.loads(PACKAGED_CATALOGUE.read_text("utf-8").splitlines()[0])
        path = machine.folder / "home/smile-zoo/catalogue.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps({**line, **change}) + "\n" for change in changes), "utf-8")
        return path

    return write


@pytest.fixture
def unreachable() -> Iterator[str]:
    """A URL at which no server listens."""
    with socket.socket() as taken:  # bound, so that no other process uses the port
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def fast() -> dict[str, str]:
    """Environment variables for a command whose waits between attempts are twenty times shorter."""
    return {SHORT_WAITS: "1"}
