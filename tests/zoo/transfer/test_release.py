"""``make release``: the packaged spaces on the Hub, and the catalogue in git."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fake_hub import ORG, OWNER_TOKEN, FakeHub, Fault

from smile_runtime.io.atomic_files import sha256_file
from smile_runtime.manifest import encode_manifest, parse_manifest, read_manifest
from smile_zoo.catalogue import encode_catalogue, entry_from_manifest

SCRIPT = Path(__file__).parents[3] / "zoo/release_zoo.py"
NAMES = ("pbmc", "two")


@dataclass
class Checkout:
    """A clone of the project with two packaged spaces, on a machine whose user is logged in."""

    folder: Path
    env: dict[str, str]

    @property
    def catalogue(self) -> Path:
        return self.folder / "zoo/smile_zoo/catalogue.jsonl"

    def space(self, name: str) -> Path:
        return self.folder / "zoo/smile_zoo/spaces" / name

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        return {entry["name"]: entry for entry in map(json.loads, self.catalogue.read_text("utf-8").splitlines())}

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.env, check=True, capture_output=True, text=True
        ).stdout

    def edit_manifest(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the manifest of a space, and commit it."""
        edit_manifest(self.space(name), change)
        self.git("commit", "--all", "--message", "Change a space")

    def release(self, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, self.folder / "zoo/release_zoo.py", ORG]
        done = subprocess.run(command, env=self.env | env, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def refused(self, **env: str) -> str:
        """Release, check that it fails and leaves everything in git as it is, and return stderr."""
        before = self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), self.catalogue.read_bytes()
        done = self.release(**env)
        assert done.returncode == 1, done
        assert (self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), self.catalogue.read_bytes()) == before
        return done.stderr


def edit_manifest(space: Path, change: Callable[[dict[str, Any]], object] = lambda _manifest: None) -> None:
    """Change a manifest, and write it as training does."""
    path = space / "config.json"
    manifest = json.loads(path.read_text("utf-8"))
    change(manifest)
    path.write_bytes(encode_manifest(parse_manifest(json.dumps(manifest).encode(), str(path))))


@pytest.fixture
def checkout(machine, pbmc, two_modality_space, tmp_path: Path) -> Checkout:
    people = {f"GIT_{role}_{key}": "maintainer" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    env = {**machine.env, **people, "GIT_CONFIG_GLOBAL": "/dev/null", "HF_TOKEN": OWNER_TOKEN}
    project = Checkout(tmp_path / "project", env)
    for space in (pbmc, two_modality_space):
        edit_manifest(shutil.copytree(space.path, project.space(space.path.name)))
    shutil.copyfile(SCRIPT, project.folder / "zoo/release_zoo.py")
    spaces = map(project.space, NAMES)
    project.catalogue.write_bytes(
        encode_catalogue(entry_from_manifest(read_manifest(path), sha256_file(path / "config.json")) for path in spaces)
    )
    project.git("init", "--quiet")
    project.git("add", ".")
    project.git("commit", "--message", "Initial commit")
    return project


def write_requests(hub: FakeHub) -> list[str]:
    """Return the requests that created a repo or committed to one."""
    paths = [request.path for request in hub.requests if request.method == "POST"]
    return [path for path in paths if path.endswith(("/repos/create", "/commit/main"))]


def listed(checkout: Checkout) -> dict[str, tuple[str, str]]:
    return {name: (entry["repo"], entry["revision"]) for name, entry in checkout.entries.items()}


def heads(hub: FakeHub) -> dict[str, tuple[str, str]]:
    return {name: (f"{ORG}/{name}", hub.head(f"{ORG}/{name}")) for name in NAMES}


def test_first_release_publishes_all_and_the_next_one_nothing(hub, checkout: Checkout) -> None:
    (checkout.folder / "notes.txt").write_text("staged, and not part of a release\n", "utf-8")
    checkout.git("add", "notes.txt")
    done = checkout.release()
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == [
        "pbmc: published",
        "two: published",
        "committed catalogue.jsonl",
    ]
    assert listed(checkout) == heads(hub)
    for name in NAMES:
        files = hub.files(f"{ORG}/{name}")
        assert files["config.json"] == (checkout.space(name) / "config.json").read_bytes()
        assert f"smile-zoo pull {ORG}/{name}\n" in files["README.md"].decode()
        assert checkout.entries[name]["manifest_sha256"] == sha256_file(checkout.space(name) / "config.json")
    assert checkout.git("show", "--format=%s", "--name-only").split("\n\n") == [
        f"List the spaces published by {ORG}",
        "zoo/smile_zoo/catalogue.jsonl\n",
    ]
    assert checkout.git("status", "--porcelain") == "A  notes.txt\n"

    released, commit = listed(checkout), checkout.git("rev-parse", "HEAD")
    hub.commit(f"{ORG}/pbmc", {"LICENSE": b"added on the Hub"})  # which makes no other space of it
    hub.clear_log()
    again = checkout.release()
    assert again.stdout == f"pbmc: {ORG}/pbmc is up to date\ntwo: {ORG}/two is up to date\n"
    assert write_requests(hub) == []
    assert (listed(checkout), checkout.git("rev-parse", "HEAD")) == (released, commit)


def test_changed_space_is_published_alone(hub, checkout: Checkout) -> None:
    assert checkout.release().returncode == 0
    before = heads(hub)
    checkout.edit_manifest("two", lambda manifest: manifest.update(title="Two encoders, again"))
    hub.clear_log()
    done = checkout.release()
    assert done.stdout.startswith(f"pbmc: {ORG}/pbmc is up to date\ntwo: published, "), done.stderr
    assert write_requests(hub) == [f"/api/models/{ORG}/two/commit/main"]
    assert listed(checkout) == heads(hub)
    assert heads(hub)["pbmc"] == before["pbmc"]
    assert checkout.entries["two"]["title"] == "Two encoders, again"
    assert checkout.git("rev-list", "--count", "HEAD").strip() == "4"


def test_interrupted_release_is_continued(hub, checkout: Checkout) -> None:
    hub.fault(Fault("status", "POST", f"/{ORG}/two/commit/", status=403))
    error = checkout.refused()
    assert error.endswith("the catalogue is as before; once this is mended, release again to continue\n")
    published = hub.head(f"{ORG}/pbmc")
    hub.clear_log()
    done = checkout.release()
    assert done.stdout.startswith(f"pbmc: {ORG}/pbmc is up to date\ntwo: published, "), done.stderr
    assert write_requests(hub) == [f"/api/models/{ORG}/two/commit/main"]
    assert listed(checkout) == heads(hub)
    assert hub.head(f"{ORG}/pbmc") == published
    assert checkout.git("rev-list", "--count", "HEAD").strip() == "2"


def test_release_needs_a_token(hub, checkout: Checkout) -> None:
    assert checkout.refused(HF_TOKEN="").startswith("no access token; log in with: hf auth login, or set HF_TOKEN to")
    assert hub.requests == []


@pytest.mark.parametrize("name", ["catalogue.jsonl", "spaces/two/recipe.toml"])
def test_release_needs_committed_files(hub, checkout: Checkout, name: str) -> None:
    with (checkout.catalogue.parent / name).open("a") as file:
        file.write("\n")
    error = checkout.refused()
    assert error.startswith(f"not committed yet:\n M zoo/smile_zoo/{name}\ncommit these changes, or restore the files")
    assert hub.requests == []


def test_nothing_is_published_if_one_space_cannot_be(hub, checkout: Checkout) -> None:
    checkout.edit_manifest("two", lambda manifest: manifest.update(licence="unspecified (public data of GEO)"))
    error = checkout.refused()
    assert error.startswith(f"two: {checkout.space('two')} cannot be published yet:\n- the license is not stated; ")
    assert error.endswith("1 of 2 spaces failed; none was published\n")
    assert write_requests(hub) == []
