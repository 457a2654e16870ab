"""``smile-zoo cache``: spaces in the Hub's cache, beside repos of other kinds."""

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download

import smile_zoo
from smile_runtime import OutputError, SpaceNotFoundError
from smile_runtime.manifest import MANIFEST_NAME
from smile_zoo.cli.console import size_text
from smile_zoo.transfer.bundle import pack, unpack
from smile_zoo.transfer.cached_spaces import cached_path, list_cached, remove_cached

REPO = "org/pbmc"


@pytest.fixture(autouse=True)
def _home(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", machine.env["HF_HOME"])


@pytest.fixture
def commits(hub, machine, pbmc, two_modality_space) -> dict[str, str]:
    """A cache with two commits of one space, part of another space, and repos that are not spaces."""
    commits = {"old": hub.create(REPO, pbmc.files)}
    hub.tag(REPO, "v1")
    commits["new"] = hub.commit(REPO, pbmc.changed({"loss.png": b"another picture"}))
    commits["two"] = hub.create("org/two", two_modality_space.files)
    hub.create("org/other", {"config.json": b'{"model_type": "bert"}', "weights.onnx": b"weights"})
    for name in (f"{REPO}@v1", REPO):
        smile_zoo.pull(name, cache_dir=machine.cache, endpoint=hub.endpoint)
    smile_zoo.pull("org/two", modalities=["adt"], cache_dir=machine.cache, endpoint=hub.endpoint)
    snapshot_download("org/other", cache_dir=machine.cache, endpoint=hub.endpoint)
    dataset = machine.cache / f"datasets--org--pbmc/snapshots/{'d' * 40}"
    dataset.mkdir(parents=True)
    (dataset / MANIFEST_NAME).write_bytes(pbmc.files[MANIFEST_NAME])
    hub.clear_log()
    return commits


def listed() -> list[tuple[str, str]]:
    return [(space.repo, space.commit) for space in list_cached()]


def size(folder: Path) -> int:
    """Return the size on disk in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def others_are_kept(machine) -> bool:
    kept = ("models--org--other/snapshots/*/weights.onnx", f"datasets--org--pbmc/snapshots/{'d' * 40}/config.json")
    return all(len(list(machine.cache.glob(name))) == 1 for name in kept)


def test_list(machine, pbmc, commits: dict[str, str]) -> None:
    rows = machine.json("cache", "list")
    pulled = sum(len(pbmc.files[name]) for name in (MANIFEST_NAME, *pbmc.pulled_names))
    by_commit = {row.pop("commit"): row for row in rows}
    assert sorted(by_commit) == sorted(commits.values())
    path = Path(by_commit[commits["old"]]["path"])
    assert by_commit[commits["old"]] == {
        "repo": REPO,
        "revisions": ["v1"],
        "modalities": ["rna"],
        "size": pulled,
        "path": str(machine.cache / "models--org--pbmc/snapshots" / commits["old"]),
    }
    assert (path / "onnx/rna.onnx").is_file()
    assert by_commit[commits["new"]]["revisions"] == ["main"]
    assert by_commit[commits["two"]]["modalities"] == ["adt"]
    table = [line.split() for line in machine.run("cache", "list").stdout.splitlines()]
    assert table[0] == ["REPO", "COMMIT", "REVISIONS", "MODALITIES", "SIZE"]
    assert [REPO, commits["old"][:10], "v1", "rna", *size_text(pulled).split()] in table
    assert len(table) == 4
    assert machine.requests == []


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        (REPO, ["old", "new"]),
        (f"{REPO}@v1", ["old"]),
        (f"{REPO}@main", ["new"]),
        (f"{REPO}@OLD", ["old"]),
        ("old-pbmc", ["old"]),
        ("org/two", ["two"]),
    ],
)
def test_remove(machine, pbmc, catalogue, commits: dict[str, str], name: str, gone: list[str]) -> None:
    catalogue({"name": "old-pbmc", "repo": REPO, "revision": commits["old"], "manifest_sha256": pbmc.sha256})
    name = name.replace("OLD", commits["old"][:7])
    before = size(machine.cache)
    done = machine.json("cache", "remove", name)
    assert sorted(done["removed"]) == sorted(
        f"{'org/two' if commit == 'two' else REPO}@{commits[commit]}" for commit in gone
    )
    assert done["freed"] > 0
    assert before - size(machine.cache) == pytest.approx(done["freed"], abs=200)  # refs are small files
    assert sorted(commit for _, commit in listed()) == sorted(
        commits[commit] for commit in commits if commit not in gone
    )
    assert others_are_kept(machine)
    if "new" not in gone:
        smile_zoo.load(f"{REPO}@{commits['new']}")
    assert machine.requests == []


def test_remove_reports_the_removed_space(machine, commits: dict[str, str]) -> None:
    done = machine.run("cache", "remove", "org/two")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[0] == f"removed org/two@{commits['two'][:10]}"
    assert done.stderr.splitlines()[1].endswith("MB freed")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("org/none", "org/none is not in the cache"),
        ("org/other", "org/other is not in the cache"),  # it is cached, but is not a space
        (f"{REPO}@v2", f"{REPO}@v2 is not in the cache"),
        (f"{REPO}@{'0' * 40}", "is not in the cache"),
        ("pbmc", "pbmc is not in the cache but at"),
        ("blood", "there is no space named 'blood'"),
    ],
)
def test_space_that_is_not_cached_cannot_be_removed(machine, commits: dict[str, str], name: str, text: str) -> None:
    with pytest.raises(SpaceNotFoundError) as caught:
        remove_cached(name)
    assert text in str(caught.value)
    assert "`smile-zoo cache list` shows what is" in str(caught.value) or name == "blood"
    assert others_are_kept(machine)
    assert len(list(machine.cache.glob("models--org--*/snapshots/*/config.json"))) == len(commits) + 1


def test_ambiguous_commit_digits_remove_nothing(machine, commits: dict[str, str]) -> None:
    snapshots, old = machine.cache / "models--org--pbmc/snapshots", commits["old"]
    twin = old[:7] + "0" * 33
    shutil.copytree(snapshots / old, snapshots / twin, symlinks=True)
    with pytest.raises(SpaceNotFoundError, match=r"matches the commits .*; give more digits"):
        remove_cached(f"{REPO}@{old[:7]}")
    assert (snapshots / old / "config.json").is_file()
    assert (snapshots / twin / "config.json").is_file()


def test_removal_without_permission_is_an_error(
    machine, commits: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(path)  # the client ignores it

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(
        OutputError, match=f"{commits['two']} could not be removed; remove it as a user with write access"
    ):
        remove_cached("org/two")


def test_path(machine, pbmc, commits: dict[str, str]) -> None:
    assert machine.run("cache", "path").stdout == f"{machine.cache}\n"
    snapshots = machine.cache / "models--org--pbmc/snapshots"
    assert machine.run("cache", "path", REPO).stdout == f"{snapshots / commits['new']}\n"
    assert cached_path(f"{REPO}@v1") == snapshots / commits["old"]
    assert cached_path("pbmc").parts[-3:] == ("smile_zoo", "spaces", "pbmc")
    assert cached_path(str(pbmc.path)) == pbmc.path
    error = machine.refused("cache", "path", f"{REPO}@v2")
    assert f"{REPO}@v2 is not in the cache {machine.cache}; download it with: smile-zoo pull {REPO}@v2" in error
    with pytest.raises(SpaceNotFoundError, match="nowhere does not exist"):
        cached_path("./nowhere")
    assert machine.requests == []


def test_empty_cache(machine) -> None:
    assert machine.json("cache", "list") == []
    assert machine.run("cache", "list").stdout.split() == ["REPO", "COMMIT", "REVISIONS", "MODALITIES", "SIZE"]
    assert "is not in the cache" in machine.refused("cache", "remove", REPO)
    assert not machine.cache.exists()


def test_unpacked_bundles_can_be_removed(machine, commits: dict[str, str]) -> None:
    bundles = {machine.folder / "old.tar": f"{REPO}@v1", machine.folder / "new.tar": REPO}
    for bundle, name in bundles.items():
        pack(name, bundle)
    remove_cached(REPO)
    for bundle in bundles:
        unpack(bundle)
    machine.json("cache", "remove", f"{REPO}@v1")
    assert (REPO, commits["old"]) not in listed()
    assert smile_zoo.load(REPO).name == "pbmc"
    remove_cached(REPO)
    assert listed() == [("org/two", commits["two"])]
    assert not (machine.cache / "models--org--pbmc").exists()
    assert others_are_kept(machine)


def test_every_space_on_this_machine_is_verified_as_it_is(machine, pbmc, commits: dict[str, str]) -> None:
    packaged = [entry.name for entry in smile_zoo.list_spaces()]
    cached = sorted(f"{'org/two' if key == 'two' else REPO}@{commit}" for key, commit in commits.items())
    done = machine.run("verify", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert list(lines) == [*packaged, *cached]
    n_files = len(json.loads(pbmc.files[MANIFEST_NAME])["files"])
    assert lines["pbmc"].startswith(
        f"{n_files} of {n_files} files in the manifest match, largest difference from torch "
    )

    snapshots = machine.cache / "models--org--pbmc/snapshots"
    graph = snapshots / commits["old"] / "onnx/rna.onnx"
    graph.resolve().write_bytes(graph.read_bytes()[:-1] + b"?")  # of both commits, which share the file
    manifest = machine.snapshot(commits["two"], "org/two") / MANIFEST_NAME
    manifest.resolve().write_bytes(manifest.read_bytes()[:-9])
    done = machine.run("verify", "--all", "--json")
    assert done.returncode == 1
    assert done.stderr == f"3 of {len(lines)} spaces failed: {', '.join(cached)}\n"
    results = {result["space"]: result for result in json.loads(done.stdout)["spaces"]}
    assert list(results) == list(lines)
    assert {name for name, result in results.items() if result["status"] == "verified"} == set(packaged)
    assert results["pbmc"]["parity"][0]["largest_difference"] <= 1e-5
    for name in cached:
        text = "was changed after it was downloaded" if "org/two" in name else "rna.onnx was changed: its sha256 is"
        assert text in results[name]["error"]
    assert machine.requests == []


@pytest.mark.parametrize("damage", ["manifest", "unreadable", "graph", "encoder", "cut"])
def test_a_damaged_space_in_the_cache_fails_and_the_others_are_checked(hub, machine, pbmc, damage: str) -> None:
    commit = hub.create(REPO, pbmc.files)
    machine.json("pull", REPO)
    snapshot = machine.snapshot(commit)
    manifest, graph = snapshot / MANIFEST_NAME, snapshot / "onnx/rna.onnx"
    message = "is missing; download it again with: smile-zoo pull org/pbmc@"
    match damage:
        case "manifest":
            manifest.unlink()
        case "unreadable":
            manifest.unlink()
            manifest.mkdir()
        case "graph":
            graph.resolve().unlink()
            message = "rna.onnx is missing"
        case "encoder":
            for folder in ("onnx", "first", "features", "parity", "profiles"):
                shutil.rmtree(snapshot / folder, ignore_errors=True)
            message = "features/rna.tsv is missing"
        case "cut":
            manifest.resolve().write_bytes(manifest.read_bytes()[:-9])
            shutil.rmtree(machine.folder / "home/smile-zoo/manifests")
            message = "was changed after it was downloaded"
    done = machine.run("verify", "--all", "--json")
    assert done.returncode == 1, done.stderr
    results = {result["space"]: result for result in json.loads(done.stdout)["spaces"]}
    failed = results.pop(f"{REPO}@{commit}")
    assert message in failed["error"]
    assert {result["status"] for result in results.values()} == {"verified"}


def test_space_of_which_only_the_manifest_is_here_is_not_verified(hub, machine, pbmc) -> None:
    hub.create(REPO, pbmc.files)
    machine.json("show", REPO)
    assert "org/" not in machine.run("verify", "--all").stdout


@pytest.mark.parametrize("arguments", [[], ["pbmc", "--all"]])
def test_one_space_or_all_are_verified(machine, arguments: list[str]) -> None:
    done = machine.run("verify", *arguments)
    assert done.returncode == 2
    assert "give either a SPACE or --all" in done.stderr
