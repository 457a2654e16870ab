"""``smile-zoo publish``: the repo afterwards, spaces that cannot be published, and faults."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_hub import ORG, OWNER_TOKEN, FakeHub, Fault, Request, Response
from safetensors.numpy import load_file, save

import smile_zoo
from smile_runtime import SmileError
from smile_runtime.cards.card import END, START, render_card
from smile_runtime.manifest import read_manifest
from smile_zoo.cli.console import size_text
from smile_zoo.transfer.card_merge import merge_card

REPO = f"{ORG}/pbmc"
PICTURE = b"another picture"


@pytest.fixture(autouse=True)
def _logged_in(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.env["HF_TOKEN"] = OWNER_TOKEN
    monkeypatch.setenv("HF_HOME", machine.env["HF_HOME"])


@pytest.fixture
def published_commit(hub: FakeHub, pbmc) -> str:
    """The commit of a repo to which pbmc has been published."""
    manifest = read_manifest(pbmc.path)
    card = merge_card(pbmc.files["README.md"].decode(), render_card(manifest, repo=REPO))
    return hub.create(REPO, {**pbmc.files, "README.md": card.encode(), ".gitattributes": b"binary"})


def refused(space: Path, hub: FakeHub, repo: str = REPO, **options: Any) -> str:
    """Publish in this process, check that it ends with a known error, and return the message."""
    with pytest.raises(SmileError) as caught:
        smile_zoo.publish(space, repo, endpoint=hub.endpoint, **{"token": OWNER_TOKEN, **options})
    return str(caught.value)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_in(folder: Path | str) -> dict[str, bytes]:
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def rebuild(
    space, files: dict[str, bytes | None] | None = None, change: Callable[[dict[str, Any]], object] = lambda _: None
) -> None:
    """Change a space directory as another build would: replace or (None) remove files, and edit the manifest."""

    def without(manifest: dict[str, Any]) -> None:
        for name in [name for name, content in (files or {}).items() if content is None]:
            del manifest["files"][name]
            (space.path / name).unlink()
        change(manifest)

    contents = {name: content for name, content in (files or {}).items() if content is not None}
    for name, content in space.changed(contents, without).items():
        if name in contents or name == "config.json":
            (space.path / name).write_bytes(content)


def write_requests(machine) -> list[str]:
    """Return the requests that could change the Hub."""
    harmless = ("validate-yaml", "/preupload/", "/paths-info/")
    return [
        f"{request.method} {request.path}"
        for request in machine.requests
        if request.method not in ("GET", "HEAD") and not any(part in request.path for part in harmless)
    ]


def n_commit_requests(machine) -> int:
    return sum("/commit/" in request for request in write_requests(machine))


def meanwhile(hub: FakeHub, path: str, change: Callable[[], object]) -> None:
    """Change the Hub once, just before it responds to a request for this path."""
    answer, changes = hub.answer, [change]

    def answer_later(request: Request) -> Response:
        if re.search(path, request.path) and changes:
            changes.pop()()
        return answer(request)

    hub.answer = answer_later


# The repo after publishing


def test_published_space_can_be_pulled_and_verified(hub, machine, pbmc) -> None:
    done = machine.run("publish", pbmc.path, REPO)
    assert done.returncode == 0, done.stderr
    published, head = hub.files(REPO), hub.head(REPO)
    assert not hub.repos[REPO].private
    assert set(published) == {*pbmc.files, ".gitattributes"}
    same = set(pbmc.files) - {"README.md"}
    assert {name: published[name] for name in same} == {name: pbmc.files[name] for name in same}
    assert files_in(pbmc.path) == pbmc.files

    card = published["README.md"]
    assert f"smile-zoo pull {REPO}\nsmile-zoo project query.h5ad {REPO} " in card.decode()
    assert f'smile_zoo.load("{REPO}")' in card.decode()
    assert "./pbmc" not in card.decode()
    own = pbmc.files["README.md"].decode().partition(END)[2]
    assert "## Notes on this space" in own
    assert card.decode().partition(END)[2] == own

    first, initial = (hub.repos[REPO].commits[oid] for oid in hub.commits(REPO))
    assert (first.oid, first.title, first.author) == (head, "Publish pbmc", "owner")
    assert list(initial.files) == [".gitattributes"]
    assert n_commit_requests(machine) == 1

    entry = json.loads(done.stdout)
    assert (entry["repo"], entry["revision"]) == (REPO, head)
    assert entry["manifest_sha256"] == sha256(published["config.json"])
    assert entry["size"] == pbmc.pinned_size
    graph, total = (size_text(size) for size in (len(published["onnx/rna.onnx"]), sum(map(len, published.values()))))
    assert re.search(rf"^new +{graph}  onnx/rna\.onnx$", done.stderr, re.MULTILINE)
    assert f"{len(pbmc.files)} of {len(pbmc.files)} files go to {REPO}, {total}" in done.stderr
    assert f"published: {hub.endpoint}/{REPO}/commit/{head}" in done.stderr

    assert machine.json("pull", REPO, HF_TOKEN="")["revision"] == f"{REPO}@{head}"
    assert machine.json("verify", REPO)["parity"][0]["largest_difference"] <= 1e-5
    assert machine.damage() == []


def test_printed_line_is_a_catalogue_entry(hub, machine, two_modality_space) -> None:
    line = machine.run("publish", two_modality_space.path, f"{ORG}/two").stdout
    hub.create(f"{ORG}/catalogue", {"catalogue.jsonl": line.encode()})
    assert machine.json("catalogue", "update", "--repo", f"{ORG}/catalogue")["new"] == ["two"]
    pulled = machine.json("pull", "two", "--modality", "adt")
    assert pulled["revision"] == f"{ORG}/two@{hub.head(f'{ORG}/two')}"
    assert set(files_in(pulled["path"])) == {
        "config.json",
        *(name for name in two_modality_space.pulled_names if "rna" not in name),
    }


def test_only_changed_files_are_uploaded_and_only_listed_files_are_removed(
    hub, machine, pbmc, published_commit
) -> None:
    parent = hub.commit(REPO, {"LICENSE": b"mine", "notes/more.md": b"more", "training/rna.safetensors": None})
    before = hub.files(REPO)
    # training/rna.safetensors is not on the Hub any more
    rebuild(pbmc, {"loss.png": PICTURE, "map.png": None, "training/rna.safetensors": None})
    done = machine.run("publish", pbmc.path, REPO, "--message", "Without the map")
    assert done.returncode == 0, done.stderr

    after = hub.files(REPO)
    assert set(before) - set(after) == {"map.png"}
    assert {name for name in after if after[name] != before.get(name)} == {"README.md", "config.json", "loss.png"}
    assert after["loss.png"] == PICTURE
    assert "](map.png)" not in after["README.md"].decode()
    commit = hub.repos[REPO].main
    assert (commit.parent, commit.title) == (parent, "Without the map")
    uploads = [request.path for request in machine.requests if request.method == "PUT"]
    assert uploads == [f"/upload/{REPO}/{sha256(PICTURE)}"]
    assert re.findall(r"^removed .*", done.stderr, re.MULTILINE) == ["removed        0 B  map.png"]
    smile_zoo.load(REPO, endpoint=hub.endpoint)


def test_republishing_changes_nothing_and_keeps_tags(hub, machine, pbmc) -> None:
    first = machine.run("publish", pbmc.path, REPO, "--tag", "v1")
    head = hub.head(REPO)
    assert hub.refs(REPO)["refs/tags/v1"] == head
    hub.clear_log()
    again = machine.run("publish", pbmc.path, REPO, "--tag", "v1")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert f"nothing changed: {hub.endpoint}/{REPO} (commit {head})" in again.stderr
    assert {request.method for request in machine.requests} <= {"GET", "HEAD"}
    assert len(hub.commits(REPO)) == 2
    rebuild(pbmc, {"loss.png": PICTURE})
    error = refused(pbmc.path, hub, tag="v1")
    assert f"{REPO} already has a tag v1, at {head[:7]}, and tags stay; choose another" in error
    assert write_requests(machine) == []
    machine.json("publish", pbmc.path, REPO, "--tag", "v2")
    assert hub.refs(REPO) == {"refs/heads/main": hub.head(REPO), "refs/tags/v1": head, "refs/tags/v2": hub.head(REPO)}
    assert hub.commits(REPO)[1] == head


def test_unchanged_space_can_be_tagged(hub, machine, pbmc, published_commit) -> None:
    smile_zoo.publish(pbmc.path, REPO, endpoint=hub.endpoint, token=OWNER_TOKEN, tag="v1")
    assert write_requests(machine) == [f"POST /api/models/{REPO}/tag/{published_commit}"]
    assert hub.refs(REPO)["refs/tags/v1"] == published_commit
    hub.commit(REPO, {"LICENSE": b"mine"})
    assert "already has a tag v1" in refused(pbmc.path, hub, tag="v1")


def test_tag_created_by_somebody_else_meanwhile_is_kept(hub, machine, pbmc, published_commit) -> None:
    rebuild(pbmc, {"loss.png": PICTURE})
    meanwhile(hub, "/commit/", lambda: hub.tag(REPO, "v1", published_commit))
    assert f"already has a tag v1, at {published_commit[:7]}" in machine.refused(
        "publish", pbmc.path, REPO, "--tag", "v1"
    )
    assert hub.refs(REPO)["refs/tags/v1"] == published_commit


def test_private_repo_is_created_private(hub, machine, pbmc) -> None:
    published = machine.json("publish", pbmc.path, REPO, "--private")
    assert hub.repos[REPO].private
    assert "HF_TOKEN" in machine.refused("pull", REPO, HF_TOKEN="")
    assert (published["repo"], published["commit"]) == (REPO, hub.head(REPO))
    assert published["entry"]["revision"] == hub.head(REPO)
    sizes = {file["name"]: file["size"] for file in published["files"]}
    assert sizes == {name: len(content) for name, content in hub.files(REPO).items() if name != ".gitattributes"}


def test_pull_request_needs_no_write_access(hub, machine, pbmc, published_commit) -> None:
    hub.add_user("alice", token="hf_alice")
    rebuild(pbmc, {"loss.png": PICTURE})
    published = machine.json("publish", pbmc.path, REPO, "--pr", HF_TOKEN="hf_alice")
    assert published["url"] == f"{hub.endpoint}/{REPO}/discussions/1"
    assert hub.refs(REPO) == {"refs/heads/main": published_commit, "refs/pr/1": published["commit"]}
    assert hub.files(REPO, "refs/pr/1")["loss.png"] == PICTURE
    assert hub.files(REPO)["loss.png"] == pbmc.files["loss.png"]
    assert hub.repos[REPO].commits[published["commit"]].parent == published_commit


@pytest.mark.parametrize("tag", ["", "v 1", "v1..2", "-v1", "v1\n", "v~1"])
def test_invalid_tag_is_rejected(hub, pbmc, tag: str) -> None:
    assert f"{tag!r} is not a tag name; use letters, digits" in refused(pbmc.path, hub, tag=tag)
    assert hub.requests == []


def test_pull_request_cannot_be_tagged(machine, pbmc) -> None:
    assert "tag once it is merged" in machine.refused("publish", pbmc.path, REPO, "--pr", "--tag", "v1")
    assert machine.requests == []


def test_dry_run_writes_nothing(hub, machine, pbmc, published_commit) -> None:
    done = machine.run("publish", pbmc.path, f"{ORG}/another", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{len(pbmc.files)} of {len(pbmc.files)} files go to {ORG}/another" in done.stderr
    assert "published" not in done.stderr
    rebuild(pbmc, {"loss.png": PICTURE})
    planned = machine.json("publish", pbmc.path, REPO, "--dry-run", "--tag", "v1")
    assert (planned["commit"], planned["url"], planned["entry"]) == (None, None, None)
    states = {file["name"]: file["state"] for file in planned["files"] if file["state"] != "same"}
    assert states == {"config.json": "changed", "loss.png": "changed"}
    assert {request.method for request in machine.requests} <= {"GET", "HEAD"}
    assert list(hub.repos) == [REPO]
    assert hub.refs(REPO) == {"refs/heads/main": published_commit}


# The card


def test_author_text_of_the_card_on_the_hub_is_kept(hub, machine, pbmc, published_commit) -> None:
    card, heading = hub.files(REPO)["README.md"].decode(), f"# {read_manifest(pbmc.path).title}\n"
    assert card.count(heading) == 1
    card = card.replace("library_name: smile-zoo\n", "library_name: smile-zoo\nco2_eq_emissions: 7\n")
    card = card.replace("- single-cell\n", "- single-cell\n- mine\n").replace(START, f"Of the author.\n\n{START}")
    card = card.partition(END)[0].replace(heading, "# Another title\n") + f"{END}\n\nAsk me.\n"
    parent = hub.commit(REPO, {"README.md": card.encode()})
    done = machine.run("publish", pbmc.path, REPO)
    assert done.returncode == 0, done.stderr
    assert f"the card on the Hub keeps its own text; that of the card in {pbmc.path} is not sent" in done.stderr

    content = hub.files(REPO)["README.md"]
    fields, _, body = content.decode().removeprefix("---\n").partition("---\n")
    assert "co2_eq_emissions: 7\n" in fields
    assert "- rna\n- mine\n" in fields
    assert body.startswith(f"\nOf the author.\n\n{START}\n\n{heading}")
    assert body.partition(END)[2] == "\n\nAsk me.\n"
    assert hub.files(REPO)["config.json"] == pbmc.files["config.json"]
    assert hub.repos[REPO].main.parent == parent
    again = smile_zoo.publish(pbmc.path, REPO, endpoint=hub.endpoint, token=OWNER_TOKEN, dry_run=True)
    assert again.changes == []


def test_repo_created_by_hand_keeps_its_card_and_files(hub, machine, pbmc) -> None:
    card = b"# My space\n\nWords.\n"
    hub.create(REPO, {"README.md": card, "config.json": b"{}", "map.png": b"old", "weights.bin": b"foreign"})
    machine.json("publish", pbmc.path, REPO)
    body = hub.files(REPO)["README.md"].decode().partition("\n---\n")[2]
    assert body.startswith(f"\n{START}\n")
    assert body.partition(END)[2] == f"\n\n{card.decode()}"
    assert hub.files(REPO)["weights.bin"] == b"foreign"
    assert hub.files(REPO)["map.png"] == pbmc.files["map.png"]
    smile_zoo.load(REPO, endpoint=hub.endpoint)


@pytest.mark.parametrize(
    ("card", "text"),
    [
        (b"---\ntags: [\n---\n# Mine\n", "the front matter of the card is not YAML"),
        (f"# Mine\n\n{START}\n\nold\n".encode(), "restore them, or remove both"),
        (b"# M\xe9thode\n", f"README.md of {REPO} is not UTF-8"),
    ],
)
def test_card_on_the_hub_that_cannot_be_merged_ends_publishing(hub, machine, pbmc, card: bytes, text: str) -> None:
    head = hub.create(REPO, {"README.md": card})
    assert text in refused(pbmc.path, hub)
    assert hub.commits(REPO) == [head]
    assert machine.leftovers() == []


def test_card_rejected_by_the_hub_ends_publishing(hub, machine, pbmc) -> None:
    hub.yaml_errors = ['"license" must be one of']
    error = refused(pbmc.path, hub)
    assert f"{hub.endpoint} rejects the card" in error
    assert '"license" must be one of' in error
    assert write_requests(machine) == ["POST /api/repos/create"]
    hub.yaml_errors = []
    machine.json("publish", pbmc.path, REPO)
    assert len(hub.commits(REPO)) == 2


# Spaces that cannot be published


def test_every_problem_is_listed(hub, machine, pbmc) -> None:
    def spoil(manifest: dict[str, Any]) -> None:
        manifest["licence"] = "unspecified (public data of GEO)"
        manifest["tissue"] = "not stated"
        manifest["sources"] = [
            {"name": "GSE1", "licence": "Unknown", "url": " ", "simulated": True},
            {"name": "GSE2", "licence": "CC0", "url": "https://example.org/home/file"},
        ]
        manifest["recipe"]["modalities"]["rna"]["data"]["path"] = "/home/grzegorz/data/pbmc.h5ad"

    rebuild(pbmc, {"loss.png": b"\x89PNG made by grzegorz in /mnt/disk4/notes"}, spoil)
    (pbmc.path / "cells.h5ad").write_bytes(b"cells")
    (pbmc.path / ".DS_Store").write_bytes(b"")
    error = machine.refused("publish", pbmc.path, REPO, LOGNAME="grzegorz", USER="grzegorz")
    first, *problems = error.splitlines()
    otherwise = "build the space again without it or, if this word does not refer to you, publish with LOGNAME=nobody"
    assert first == f"Error: {pbmc.path} cannot be published yet:"
    assert sorted(problems) == sorted(
        [
            "- .DS_Store is not in the manifest; remove it from the directory",
            "- cells.h5ad is not in the manifest; remove it from the directory",
            "- the license is not stated; set it with: smile-zoo describe",
            "- the license of the source 'GSE1' is not stated; set it with: smile-zoo describe",
            "- the tissue is not stated; set it with: smile-zoo describe",
            "- the URL of the source 'GSE1' is not stated; set it with: smile-zoo describe",
            "- values of 'GSE1' were simulated; such a space only shows a method and cannot be published",
            "- config.json contains the local path /home/grzegorz; build the space again without it",
            f"- config.json contains the user name 'grzegorz'; {otherwise} set",
            "- loss.png contains the local path /mnt/disk4; build the space again without it",
            f"- loss.png contains the user name 'grzegorz'; {otherwise} set",
        ]
    )
    assert machine.requests == []


@pytest.mark.parametrize("size", [12, ord("A")])
def test_path_of_any_length_in_a_graph_is_found(hub, pbmc, size: int) -> None:
    path = b"/Users/gr/".ljust(size, b"x")
    field = b"\x32" + bytes([size]) + path  # doc_string of an ONNX model: the text follows its length
    rebuild(pbmc, {"onnx/rna.onnx": pbmc.files["onnx/rna.onnx"] + field})
    assert "onnx/rna.onnx contains the local path /Users/gr" in refused(pbmc.path, hub)
    assert hub.requests == []


def test_paths_of_clusters_and_disks_are_found(hub, pbmc) -> None:
    folders = ("/data/lab", "/gpfs/lab", "/lustre/x", "/srv/x", "/var/folders", "/Volumes/Disk", "C:\\Users\\gr")
    title = f"From {', '.join(f'{folder}/cells.h5ad' for folder in folders)}; see https://x.org/data/lab and a/data/b"
    rebuild(pbmc, change=lambda manifest: manifest.update(title=title))
    error = refused(pbmc.path, hub)
    paths = re.findall(r"^- config\.json contains the local path (\S+);", error, re.MULTILINE)
    assert sorted(path.replace("\\\\", "\\") for path in paths) == sorted(folders)


@pytest.mark.parametrize(
    ("user", "texts"),
    [
        ("grzegorz", ["config.json contains the user name 'grzegorz'", "loss.png contains the user name 'grzegorz'"]),
        ("joe", []),  # three letters occur in any large binary file by chance
        ("runner", []),
        ("ab", []),
        ("lab", []),  # it is part of the repo name
    ],
)
def test_user_name_is_found_unless_too_common(
    hub, pbmc, monkeypatch: pytest.MonkeyPatch, user: str, texts: list[str]
) -> None:
    monkeypatch.setenv("LOGNAME", user)
    picture = b"\x89PNG\0\0made by %s\0\x01joe\0" % (user.encode() if texts else b"nobody")
    title = f"Made by {'joan' if user in ('joe', 'lab') else user} at lab/pbmc"
    rebuild(pbmc, {"loss.png": picture}, lambda manifest: manifest.update(title=title))
    if texts:
        error = refused(pbmc.path, hub)
        assert [text in error for text in texts] == [True] * len(texts)
    else:
        smile_zoo.publish(pbmc.path, "lab/pbmc", endpoint=hub.endpoint, token=OWNER_TOKEN, dry_run=True)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_embedding(space) -> None:
    rows = load_file(space.path / "parity/rna.safetensors")
    rebuild(space, {"parity/rna.safetensors": save({**rows, "embedding": np.roll(rows["embedding"], 1, axis=1)})})


def with_pickle(space) -> None:
    rebuild(space, {"model.pkl": b"pickle"})


def without_sources(space) -> None:
    rebuild(space, change=lambda manifest: manifest.update(sources=[]))


@pytest.mark.parametrize(
    ("damage", "texts"),
    [
        (lambda space: flip(space.path / "onnx/rna.onnx"), ["rna.onnx was changed", "build the space again"]),
        (lambda space: (space.path / "map.png").unlink(), ["lacks map.png; build the space again, or pull it whole"]),
        (lambda space: (space.path / "README.md").unlink(), ["lacks README.md; build the space again"]),
        (
            # as after a pull without training weights
            lambda space: (space.path / "training/rna.safetensors").unlink(),
            ["lacks training/rna.safetensors;", "smile-zoo pull SPACE --with-training --to DIR"],
        ),
        (lambda space: (space.path / "README.md").write_bytes(b"\xff"), ["README.md of", "is not UTF-8"]),
        (lambda space: (space.path / "config.json").unlink(), ["it has no config.json", "give one of your own"]),
        (with_pickle, ["lists 'model.pkl', but a space contains only .onnx"]),
        (without_sources, ["- no data source is stated; name it in the recipe and build the space again"]),
        (another_embedding, ["the rna encoder computes embeddings that differ from torch's by"]),
    ],
)
def test_damaged_space_is_not_published(hub, machine, pbmc, damage: Callable, texts: list[str]) -> None:
    damage(pbmc)
    error = refused(pbmc.path, hub)
    for text in texts:
        assert text in error
    assert write_requests(machine) == []


def test_space_without_one_of_its_encoders_is_not_published(hub, two_modality_space) -> None:
    missing = [name for name in two_modality_space.pulled_names if "adt" in name]
    for name in missing:
        (two_modality_space.path / name).unlink()
    message = refused(two_modality_space.path, hub).partition(";")[0]
    assert sorted(message.removeprefix(f"{two_modality_space.path} lacks ").split(", ")) == sorted(missing)
    assert hub.requests == []


# Access


@pytest.mark.parametrize(
    ("repo", "token", "texts"),
    [
        (REPO, False, ["rejected a user without a token", "set HF_TOKEN", "hf auth login"]),
        (REPO, "hf_read", ["this token is not allowed to do this", "write access", "rights to write to org/pbmc"]),
        (REPO, "hf_wrong", ["rejected this token", "set HF_TOKEN to a valid token"]),
        ("others/pbmc", OWNER_TOKEN, ["this token is not allowed to do this", "rights to write to others/pbmc"]),
        ("pbmc", OWNER_TOKEN, ["'pbmc' is not the name of a Hub repo; give org/name"]),
        ("org/pbmc@v1", OWNER_TOKEN, ["'org/pbmc@v1' is not the name of a Hub repo; give org/name"]),
    ],
)
def test_publishing_needs_a_valid_repo_and_write_access(
    hub, machine, pbmc, repo: str, token: str | bool, texts: list[str]
) -> None:
    hub.add_user("reader", token="hf_read", orgs=[ORG], role="read")
    error = refused(pbmc.path, hub, repo, token=token)
    for text in texts:
        assert text in error
    assert hub.repos == {}
    assert machine.leftovers() == []


def test_publishing_needs_a_token_and_the_network(hub, machine, pbmc) -> None:
    assert "a user without a token" in machine.refused("publish", pbmc.path, REPO, HF_TOKEN="")
    error = machine.refused("publish", pbmc.path, REPO, HF_HUB_OFFLINE="1")
    assert f"publishing to {REPO} needs the network, and HF_HUB_OFFLINE is set; unset it" in error
    assert hub.repos == {}


@pytest.mark.parametrize(("token", "text"), [(False, "HF_TOKEN"), ("hf_read", "write"), ("hf_alice", "write")])
def test_publishing_to_an_existing_repo_needs_write_access(
    hub, machine, pbmc, published_commit, token: str | bool, text: str
) -> None:
    hub.add_user("reader", token="hf_read", orgs=[ORG], role="read")
    hub.add_user("alice", token="hf_alice")
    rebuild(pbmc, {"loss.png": PICTURE})
    assert text in refused(pbmc.path, hub, token=token)
    assert hub.commits(REPO) == [published_commit]


# Faults


@pytest.mark.parametrize(
    ("faults", "n_requests"),
    [
        # finding the commit takes two attempts
        ([Fault("lost", "POST", "/commit/"), Fault("status", "GET", "/refs", skip=1)], 1),
        ([Fault("status", "POST", "/commit/")], 2),
        ([Fault("status", "POST", "/commit/", status=429, headers={"Retry-After": "1"})], 2),
        (
            [
                Fault("status", "GET", "/revision/main", status=502),
                Fault("lost", "POST", "/repos/create"),
                Fault("status", "POST", "/preupload/", status=500),
                Fault("lost", "PUT", "/upload/"),
                Fault("status", "PUT", "/upload/"),
                Fault("lost", "POST", "/tag/"),
            ],
            1,
        ),
    ],
    ids=["lost", "503", "429", "all"],
)
def test_temporary_faults_are_retried(
    hub, machine, pbmc, fast: dict[str, str], faults: list[Fault], n_requests: int
) -> None:
    for fault in faults:
        hub.fault(fault)
    published = machine.json("publish", pbmc.path, REPO, "--tag", "v1", **fast)
    assert [fault.hits for fault in faults] == [1] * len(faults)
    assert n_commit_requests(machine) == n_requests
    assert len(hub.commits(REPO)) == 2  # the initial commit, and one more
    assert published["commit"] == hub.head(REPO) == hub.refs(REPO)["refs/tags/v1"]
    assert published["entry"]["manifest_sha256"] == sha256(hub.files(REPO)["config.json"])
    assert hub.files(REPO)["onnx/rna.onnx"] == pbmc.files["onnx/rna.onnx"]
    assert machine.leftovers() == []


def test_lost_response_creates_no_second_pull_request(hub, machine, pbmc, published_commit) -> None:
    rebuild(pbmc, {"loss.png": PICTURE})
    hub.fault(Fault("lost", "POST", "/commit/"))
    published = machine.json("publish", pbmc.path, REPO, "--pr")
    assert hub.refs(REPO) == {"refs/heads/main": published_commit, "refs/pr/1": published["commit"]}
    assert published["url"] == f"{hub.endpoint}/{REPO}/discussions/1"
    assert hub.files(REPO, "refs/pr/1")["loss.png"] == PICTURE


@pytest.mark.parametrize("lost", [False, True])
def test_commit_of_somebody_else_is_not_overwritten(hub, machine, pbmc, published_commit, lost: bool) -> None:
    rebuild(pbmc, {"loss.png": PICTURE})
    meanwhile(hub, "/commit/", lambda: hub.commit(REPO, {"loss.png": b"theirs"}, author="else"))
    if lost:
        hub.fault(Fault("lost", "POST", "/commit/"))
    error = machine.refused("publish", pbmc.path, REPO)
    assert f"{REPO} changed in the meantime; check its current state, and try again" in error
    assert hub.files(REPO)["loss.png"] == b"theirs"
    assert hub.commits(REPO)[1:] == [published_commit]
    if lost:
        return
    theirs = hub.head(REPO)
    machine.json("publish", pbmc.path, REPO)
    assert hub.files(REPO)["loss.png"] == PICTURE
    assert hub.repos[REPO].main.parent == theirs


@pytest.mark.parametrize(
    ("faults", "texts"),
    [
        (
            [Fault("status", "POST", "/commit/", status=429, headers={"Retry-After": "3600"})],
            [f"Error: {REPO}: ", "is limiting requests; try again in 3600 s"],
        ),
        (
            [Fault("status", "PUT", "/upload/", status=400)],
            [f"Error: {REPO}: ", "answered 400 (fault 400); try again later"],
        ),
        ([Fault("status", "POST", "/tag/", status=400)], [f"Error: {REPO}, tag v1: ", "answered 400 (fault 400)"]),
        (
            [Fault("lost", "POST", "/commit/"), Fault("status", "GET", "/refs", skip=1, status=400)],
            [f"Error: {REPO}: ", "answered 400 (fault 400); try again later"],
        ),
    ],
    ids=["429", "upload", "tag", "lost"],
)
def test_permanent_fault_is_reported_and_publishing_works_later(
    hub, machine, pbmc, faults: list[Fault], texts: list
) -> None:
    for fault in faults:
        hub.fault(fault)
        fault.times = None
    error = machine.refused("publish", pbmc.path, REPO, "--tag", "v1")
    for text in texts:
        assert text in error
    assert machine.leftovers() == []
    hub.faults.clear()
    published = machine.json("publish", pbmc.path, REPO, "--tag", "v1")
    assert hub.refs(REPO) == {"refs/heads/main": published["commit"], "refs/tags/v1": published["commit"]}
    assert len(hub.commits(REPO)) == 2
    assert sha256(hub.files(REPO)["config.json"]) == published["entry"]["manifest_sha256"]
