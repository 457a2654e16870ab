"""``smile-zoo bundle``, and ``smile-zoo pull FILE.tar`` on a machine without a network."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

import smile_runtime
from smile_runtime import OutputError, SmileError, UnknownModalityError
from smile_zoo import pull
from smile_zoo.cli.console import size_text
from smile_zoo.errors import BundleError
from smile_zoo.transfer.bundle import pack, unpack

COMMAND = Path(sys.executable).with_name("smile-zoo")
REPO, COMMIT = "org/pbmc", "c" * 40
Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(autouse=True)
def _home(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", machine.env["HF_HOME"])


@pytest.fixture
def offline(machine, unreachable: str):
    """Another machine, without a network."""
    folder = machine.folder.with_name("offline")
    folder.mkdir()
    env = {"HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": unreachable}
    return replace(machine, folder=folder, env=machine.env | env)


def files_in(folder: Path | str) -> dict[str, bytes]:
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def pulled_files(space) -> dict[str, bytes]:
    return {name: space.files[name] for name in ("config.json", *space.pulled_names)}


def file(name: str, content: bytes, **changes: Any) -> Member:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in changes.items():
        setattr(member, key, value)
    return member, content


def members(space, **label: Any) -> list[Member]:
    """Return the members of a bundle as `smile-zoo bundle` writes them."""
    stated = {"repo": REPO, "revision": "main", "commit": COMMIT, "manifest_sha256": space.sha256, **label}
    files = [("bundle.json", json.dumps(stated).encode()), *pulled_files(space).items()]
    return [file(name, content) for name, content in files]


def write(path: Path, content: list[Member], **how: Any) -> Path:
    with tarfile.open(path, "w", **how) as tar:
        for member, data in content:
            tar.addfile(member, io.BytesIO(data))
    return path


# Bundles and where they are unpacked


def test_bundle_of_a_repo_serves_a_machine_without_network(
    hub, machine, offline, pbmc, counts: anndata.AnnData, unreachable: str
) -> None:
    commit = hub.create(REPO, pbmc.files)
    made = machine.json("bundle", REPO, "-o", "space.tar")
    path = machine.folder / "space.tar"
    assert made == {
        "space": "pbmc",
        "revision": f"{REPO}@{commit}",
        "output": "space.tar",
        "size": path.stat().st_size,
    }
    with tarfile.open(path, "r:") as tar:
        listed = tar.getmembers()
        label = json.loads(tar.extractfile("bundle.json").read())
    assert [member.name for member in listed][:2] == ["bundle.json", "config.json"]
    assert sorted(member.name for member in listed) == sorted(["bundle.json", "config.json", *pbmc.pulled_names])
    assert {(member.mtime, member.uid, member.uname, member.mode) for member in listed} == {(0, 0, "", 0o644)}
    assert label == {"repo": REPO, "revision": "main", "commit": commit, "manifest_sha256": pbmc.sha256}
    hub.clear_log()
    machine.json("bundle", REPO, "-o", "again.tar")
    assert (machine.folder / "again.tar").read_bytes() == path.read_bytes()
    assert machine.requests == []

    pulled = offline.json("pull", path)
    assert pulled["revision"] == f"{REPO}@{commit}"
    assert files_in(pulled["path"]) == pulled_files(pbmc)
    assert offline.json("show", REPO)["name"] == "pbmc"
    counts.write_h5ad(offline.folder / "query.h5ad")
    assert offline.json("project", "query.h5ad", REPO, "-o", "out.h5ad")["space"] == "pbmc"
    out = anndata.read_h5ad(offline.folder / "out.h5ad")
    smile_runtime.project(counts, smile_runtime.open_space(pbmc.path))
    np.testing.assert_allclose(out.obsm["X_smile"], counts.obsm["X_smile"], atol=1e-6)
    assert out.uns["smile"]["revision"] == f"{REPO}@{commit}"
    assert machine.requests == []
    assert machine.leftovers() == offline.leftovers() == []


def test_bundle_of_a_catalogued_space_is_found_by_its_name(hub, machine, offline, pbmc, catalogue) -> None:
    commit = hub.create(REPO, pbmc.files)
    hub.commit(REPO, {"config.json": b"{}"})
    line = catalogue({"name": "blood", "repo": REPO, "revision": commit, "manifest_sha256": pbmc.sha256})
    machine.json("bundle", "blood", "-o", "space.tar")
    there = offline.folder / "home/smile-zoo/catalogue.jsonl"
    there.parent.mkdir(parents=True)
    there.write_bytes(line.read_bytes())
    assert "transfer it as a bundle" in offline.refused("show", "blood")
    offline.json("pull", machine.folder / "space.tar")
    assert offline.json("show", "blood")["name"] == "pbmc"
    assert all(row["local"] for row in offline.json("list"))
    assert "blood" in {row["name"] for row in offline.json("list")}
    assert not (offline.cache / "models--org--pbmc/refs").exists()


def test_bundle_of_a_local_space_is_unpacked_to_a_directory(machine, offline, pbmc) -> None:
    machine.json("bundle", "pbmc", "-o", "space.tar", "--with-training")
    path = machine.folder / "space.tar"
    pack(pbmc.path, machine.folder / "directory.tar", with_training=True)
    assert (machine.folder / "directory.tar").read_bytes() == path.read_bytes()
    error = offline.refused("pull", path)
    assert f"{path} holds a space that is not from the Hub; choose a folder for it (--to)" in error
    pulled = offline.json("pull", path, "--to", "here")
    assert (pulled["path"], pulled["revision"]) == ("here", "local")
    assert files_in(offline.folder / "here") == pbmc.files
    (offline.folder / "here/mine").write_text("mine")
    assert "a folder that is not a space" in offline.refused("pull", path, "--to", "here", "--force")
    (offline.folder / "here/mine").unlink()
    offline.json("pull", path, "--to", "here", "--force")
    assert files_in(offline.folder / "here") == pbmc.files
    assert offline.leftovers() == []


def test_bundle_of_one_modality(hub, machine, offline, two_modality_space) -> None:
    commit = hub.create("org/two", two_modality_space.files)
    machine.json("bundle", "org/two", "--modality", "adt", "-o", "adt.tar")
    machine.json("bundle", "org/two", "--modality", "rna", "-o", "rna.tar")
    pulled = offline.json("pull", machine.folder / "adt.tar")
    assert pulled["revision"] == f"org/two@{commit}"
    assert set(files_in(pulled["path"])) == {
        "config.json",
        *(name for name in two_modality_space.pulled_names if "rna" not in name),
    }
    assert list(smile_runtime.open_space(pulled["path"]).encoders) == ["adt"]
    pulled = offline.json("pull", machine.folder / "rna.tar")
    assert set(files_in(pulled["path"])) == {"config.json", *two_modality_space.pulled_names}
    with pytest.raises(UnknownModalityError, match="it has: rna, adt"):
        pack(two_modality_space.path, machine.folder / "x.tar", modalities=["atac"])
    assert not (machine.folder / "x.tar").exists()


def test_bundle_output_is_validated(machine) -> None:
    for name, text in (("x.zip", r"x\.zip does not end in \.tar"), ("no/x.tar", "no does not exist; create it first")):
        with pytest.raises(OutputError, match=text):
            pack("pbmc", machine.folder / name)
    (machine.folder / "space.tar").write_text("mine")
    assert "space.tar exists" in machine.refused("bundle", "pbmc", "-o", "space.tar")
    assert (machine.folder / "space.tar").read_text() == "mine"
    done = machine.run("bundle", "pbmc", "-o", "space.tar", "--force")
    assert (done.returncode, done.stdout) == (0, "")
    assert (
        f"wrote space.tar, {size_text((machine.folder / 'space.tar').stat().st_size)} (pbmc, packaged)" in done.stderr
    )
    assert machine.leftovers() == []


def test_full_disk(machine, pbmc) -> None:
    def limited(*arguments: str) -> str:
        script = f"ulimit -f 300; exec {COMMAND} {' '.join(arguments)}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=machine.folder, env=machine.env, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return done.stderr

    write(machine.folder / "space.tar", members(pbmc))
    assert "cannot write" in limited("pull", "space.tar")
    assert "cannot write there: File too large; nothing was left behind" in limited(
        "pull", "space.tar", "--to", "there"
    )
    assert "cannot write new.tar: File too large" in limited("bundle", "pbmc", "-o", "new.tar")
    assert list(machine.cache.glob("models--*/snapshots")) == machine.leftovers() == []
    assert sorted(path.name for path in machine.folder.iterdir()) == ["home", "space.tar"]
    machine.json("pull", "space.tar")


# Files that are not valid bundles


def changed(content: list[Member], name: str, data: bytes | None = None, **changes: Any) -> list[Member]:
    """Return the members with one changed: its content, or fields of its header."""
    contents = []
    for member, old in content:
        if member.name != name:
            contents.append((member, old))
            continue
        contents.append(file(name, old if data is None else data, **changes))
    return contents


def link(kind: bytes, target: str) -> Callable[[list[Member]], list[Member]]:
    return lambda content: changed(content, "map.png", b"", type=kind, linkname=target)


def data_of(content: list[Member], name: str) -> bytes:
    return next(data for member, data in content if member.name == name)


def flipped(data: bytes) -> bytes:
    return data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]


def with_pax(**headers: str) -> Callable[[list[Member]], list[Member]]:
    return lambda content: changed(content, "map.png", pax_headers=headers)


NOT_LISTED, NO_FILE = "which is not in its manifest; do not use this bundle", "is not a regular file"
NO_BUNDLE = "is not a bundle"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda it: [*it, file("../evil.json", b"{}")], f"'../evil.json' of 2 bytes, {NOT_LISTED}"),
        (lambda it: [*it, file("/tmp/evil.json", b"{}")], f"'/tmp/evil.json' of 2 bytes, {NOT_LISTED}"),
        (lambda it: [*it, file("evil.py", b"")], f"'evil.py' of 0 bytes, {NOT_LISTED}"),
        (lambda it: [*it, it[1]], "'config.json' of "),
        (lambda it: [*it, it[-1]], NOT_LISTED),
        (lambda it: [*it, file("onnx", b"", type=tarfile.DIRTYPE)], NOT_LISTED),
        (link(tarfile.SYMTYPE, "/etc/passwd"), f"'map.png' of 0 bytes, {NOT_LISTED}"),
        (lambda it: changed(it, "map.png", type=tarfile.SYMTYPE, linkname="loss.png"), NO_FILE),
        (lambda it: changed(it, "map.png", type=tarfile.LNKTYPE, linkname="loss.png"), NO_FILE),
        (lambda it: changed(it, "map.png", type=tarfile.CHRTYPE), NO_FILE),
        (lambda it: changed(it, "map.png", type=tarfile.FIFOTYPE), NO_FILE),
        (lambda it: changed(it, "map.png", type=b"Z"), NO_FILE),
        (lambda it: changed(it, "config.json", type=tarfile.SYMTYPE, linkname="map.png"), NO_FILE),
        (with_pax(**{"GNU.sparse.major": "0", "GNU.sparse.map": "0,5"}), NO_FILE),
        (with_pax(**{"GNU.sparse.map": "evil"}), NO_BUNDLE),
        (lambda it: changed(it, "map.png", data_of(it, "map.png")[:-1]), NOT_LISTED),
        (
            lambda it: changed(it, "onnx/rna.onnx", flipped(data_of(it, "onnx/rna.onnx"))),
            "differs from the manifest",
        ),
        (lambda it: [pair for pair in it if pair[0].name != "map.png"], "lacks map.png"),
        (lambda it: [pair for pair in it if pair[0].name != "onnx/rna.onnx"], "lacks onnx/rna.onnx"),
        (lambda it: it[1:], "bundle.json is missing or misplaced; make it with: smile-zoo bundle"),
        (lambda it: [it[1], it[0], *it[2:]], "bundle.json is missing or misplaced"),
        (lambda it: [it[0], *it[2:]], "config.json is missing or misplaced"),
        (lambda it: it[:2], "lacks confusion.png"),
        (lambda it: [], NO_BUNDLE),
        (lambda it: changed(it, "bundle.json", b"{}"), NO_BUNDLE),
        (lambda it: changed(it, "bundle.json", b"\xff"), NO_BUNDLE),
        (lambda it: changed(it, "bundle.json", it[0][1] + b" " * 10_000), "bundle.json is missing or misplaced"),
        (lambda it: changed(it, "config.json", it[1][1] + b" "), "config.json differs from the bundle"),
    ],
)
def test_manipulated_bundle_is_rejected_and_leaves_nothing(machine, pbmc, spoil: Callable, text: str) -> None:
    content = members(pbmc)
    path = write(machine.folder / "space.tar", spoil(content), format=tarfile.PAX_FORMAT)
    for target in (None, machine.folder / "there"):
        with pytest.raises(BundleError) as caught:
            unpack(path, local_dir=target)
        assert str(path) in str(caught.value)
        assert text in str(caught.value)
    require_nothing_left(machine)


def require_nothing_left(machine) -> None:
    """Check that only the bundle, locks of the cache and empty folders exist."""
    names = {name for name in files_in(machine.folder) if not name.startswith("home/hub/.locks/")}
    assert names == {"space.tar"}
    assert not (machine.folder / "there").exists()
    assert not list(machine.cache.glob("models--*/*"))


@pytest.mark.parametrize("size", [100, 512, 20_000, 400_000, 1_000_000])
def test_truncated_bundle_is_rejected(machine, pbmc, size: int) -> None:
    path = write(machine.folder / "space.tar", members(pbmc))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BundleError, match=r"space\.tar (is not a bundle|lacks )"):
        unpack(path)
    require_nothing_left(machine)


def bomb(kind: bytes, size: int) -> bytes:
    """Return the header of a member that claims a size which would fill the memory."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"words " * 1000,
        bomb(tarfile.XHDTYPE, 10**12),
        bomb(tarfile.GNUTYPE_LONGNAME, 10**12),
        bomb(tarfile.XHDTYPE, -(10**6)),
        bomb(tarfile.REGTYPE, 2**80),
        bomb(tarfile.XGLTYPE, 0) * 5000,
    ],
    ids=["empty", "words", "pax", "name", "negative", "huge", "headers"],
)
def test_file_that_is_not_a_bundle_is_rejected(machine, content: bytes) -> None:
    path = machine.folder / "space.tar"
    path.write_bytes(content)
    with pytest.raises(BundleError, match="is not a bundle"):
        unpack(path)
    require_nothing_left(machine)


def test_unreadable_bundle_is_rejected(machine, pbmc) -> None:
    write(machine.folder / "space.tar", members(pbmc))
    with tarfile.open(machine.folder / "packed.tar", "w:gz") as tar:
        tar.add(pbmc.path / "config.json", "config.json")
    for name, text in (("packed.tar", "is not a bundle"), ("none.tar", "No such file or directory; make it")):
        with pytest.raises(BundleError, match=text):
            unpack(machine.folder / name)
    (machine.folder / "folder.tar").mkdir()
    error = machine.refused("pull", "folder.tar")
    assert "cannot read folder.tar: Is a directory; make it with: smile-zoo bundle SPACE -o folder.tar" in error


@pytest.mark.parametrize(
    "label",
    [
        {"repo": "org/../../evil"},
        {"repo": "../evil"},
        {"revision": "../../../../evil"},
        {"revision": "/evil"},
        {"revision": "a/../../../../../evil"},
        {"commit": "main"},
        {"commit": "../" * 13 + "e"},
        {"manifest_sha256": "0" * 64},
        {"more": 1},
    ],
    ids=str,
)
def test_invalid_label_is_rejected(machine, pbmc, label: dict[str, Any]) -> None:
    path = write(machine.folder / "space.tar", members(pbmc, **label))
    with pytest.raises(BundleError, match=r"is not a bundle|differs from the bundle"):
        unpack(path)
    require_nothing_left(machine)
    assert not list(machine.folder.parent.rglob("evil*"))


def test_bundle_that_differs_from_the_catalogue_is_rejected(machine, pbmc, catalogue) -> None:
    catalogue({"name": "blood", "repo": REPO, "revision": COMMIT, "manifest_sha256": "0" * 64})
    write(machine.folder / "space.tar", members(pbmc))
    error = machine.refused("pull", "space.tar")
    assert f"space.tar claims to be {REPO}@{COMMIT}, but its manifest differs from the one in the catalogue" in error
    catalogue({"name": "blood", "repo": REPO, "revision": COMMIT, "manifest_sha256": pbmc.sha256})
    machine.json("pull", "space.tar")


def test_bundle_never_replaces_an_intact_manifest(hub, machine, pbmc) -> None:
    commit = hub.create(REPO, pbmc.files)
    pulled = pull(REPO, endpoint=hub.endpoint)
    for name, content in pbmc.changed({"map.png": b"another"}).items():
        (pbmc.path / name).write_bytes(content)
    write(machine.folder / "space.tar", members(replace(pbmc), commit=commit))
    error = machine.refused("pull", "space.tar")
    assert "its manifest differs from the one in the cache; do not use this bundle" in error
    assert f"smile-zoo cache remove {REPO}@{commit[:10]}" in error
    assert files_in(pulled.path) == pulled_files(pbmc)  # unchanged since the pull
    assert machine.leftovers() == []


def test_bundle_repairs_a_damaged_cache(hub, machine, pbmc) -> None:
    commit = hub.create(REPO, pbmc.files)
    path = pull(REPO, endpoint=hub.endpoint).path
    for name in ("config.json", "map.png"):
        (path / name).resolve().write_bytes(b"damage")
    (path / "loss.png").unlink()
    write(machine.folder / "space.tar", members(pbmc, commit=commit))
    machine.json("pull", "space.tar", HF_HUB_OFFLINE="1")
    assert files_in(path) == pulled_files(pbmc)


def test_bundle_leaves_a_known_branch_at_its_commit(hub, machine, pbmc) -> None:
    commit = hub.create(REPO, pbmc.files)
    pull(REPO, endpoint=hub.endpoint)
    write(machine.folder / "space.tar", members(pbmc))
    unpack(machine.folder / "space.tar")
    assert machine.json("pull", REPO)["revision"] == f"{REPO}@{commit}"
    assert machine.json("pull", f"{REPO}@{COMMIT}", HF_HUB_OFFLINE="1")["revision"] == f"{REPO}@{COMMIT}"


def test_bundle_with_an_invalid_manifest_is_rejected(machine, pbmc) -> None:
    def put(content: bytes) -> None:
        label = json.dumps(
            {"repo": REPO, "revision": "main", "commit": COMMIT, "manifest_sha256": hashlib.sha256(content).hexdigest()}
        )
        write(machine.folder / "space.tar", [file("bundle.json", label.encode()), file("config.json", content)])

    put(pbmc.changed({"../evil.json": b"{}"})["config.json"])
    with pytest.raises(SmileError, match=r"'\.\./evil\.json'"):
        unpack(machine.folder / "space.tar")
    put(b"{}")
    with pytest.raises(SmileError, match="has format '', not 'smile-space'"):
        unpack(machine.folder / "space.tar")
    require_nothing_left(machine)
