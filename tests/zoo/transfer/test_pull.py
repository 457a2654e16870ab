"""Pulls without faults: by every kind of name, partial, repeated, offline, private and gated."""

import os
import pty
import re
import subprocess
import sys
import termios
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import anndata
import pytest
from fake_hub import Fault
from tqdm import tqdm

import smile_zoo
from smile_runtime import SmileError, SpaceNotFoundError, open_space
from smile_zoo.cli.console import size_text

GRAPH = "onnx/rna.onnx"
OFFLINE = {"HF_HUB_OFFLINE": "1"}


@pytest.fixture
def query(machine, counts):
    """Simulated counts as an h5ad file."""
    counts.write_h5ad(machine.folder / "query.h5ad")
    return "query.h5ad"


def files_in(path):
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in Path(path).rglob("*") if file.is_file()}


def downloaded(report):
    return [file["name"] for file in report["files"] if file["will_download"]]


def next_commit(hub, space):
    """Commit a new version, with another card, and return the commit."""
    return hub.commit("org/pbmc", space.changed({"README.md": b"# Another\n"}))


# Names


def test_pull_of_a_repo(hub, machine, pbmc, commit):
    done = machine.run("pull", "org/pbmc")
    assert done.returncode == 0
    n_files = len(pbmc.pulled_names)
    assert done.stdout == f"{machine.snapshot(commit)}\n"
    assert done.stderr.splitlines() == [
        f"org/pbmc@main is commit {commit}",
        f"pbmc is here, verified: {n_files} files downloaded, {size_text(pbmc.size)} (org/pbmc@{commit})",
    ]
    expected = {name: pbmc.files[name] for name in ("config.json", *pbmc.pulled_names)}
    assert files_in(machine.snapshot(commit)) == expected
    assert [len(machine.gets(name)) for name in expected] == [1] * len(expected)
    assert {request.headers["user-agent"].partition(";")[0] for request in machine.requests} == {"smile-zoo/0.1.0"}
    assert machine.damage() == []


def test_branch_keeps_its_commit_until_updated(hub, machine, pbmc, commit):
    machine.json("pull", "org/pbmc")
    later = next_commit(hub, pbmc)
    hub.clear_log()
    for env in ({}, OFFLINE):
        again = machine.json("pull", "org/pbmc", **env)
        assert again["revision"] == f"org/pbmc@{commit}"
        assert downloaded(again) == []
    assert machine.requests == []
    stderr = machine.refused("pull", "org/pbmc", "--update", **OFFLINE)
    assert "an update of org/pbmc@main needs the network, and HF_HUB_OFFLINE is set; unset it" in stderr
    updated = machine.json("pull", "org/pbmc", "--update")
    assert updated["revision"] == f"org/pbmc@{later}"
    assert {request.path.rpartition("/")[2] for request in machine.requests if request.method == "GET"} == {
        "main",
        "config.json",
        "README.md",  # the other files are unchanged
    }
    assert machine.json("pull", "org/pbmc", **OFFLINE)["revision"] == f"org/pbmc@{later}"
    assert machine.json("pull", f"org/pbmc@{commit}", **OFFLINE)["revision"] == f"org/pbmc@{commit}"
    assert machine.damage() == []


def test_pull_of_a_commit_looks_up_no_branch(hub, machine, pbmc, commit):
    next_commit(hub, pbmc)
    done = machine.run("pull", f"org/pbmc@{commit}")
    assert done.stdout == f"{machine.snapshot(commit)}\n"
    assert "is commit" not in done.stderr
    assert all(commit in request.path or "/cdn/" in request.path for request in machine.requests)
    assert not (machine.cache / "models--org--pbmc/refs").exists()


def test_pull_of_a_tag(hub, machine, pbmc, commit):
    hub.tag("org/pbmc", "v1", commit)
    next_commit(hub, pbmc)
    done = machine.run("pull", "org/pbmc@v1")
    assert done.stdout == f"{machine.snapshot(commit)}\n"
    assert f"org/pbmc@v1 is commit {commit}" in done.stderr
    assert machine.json("pull", "org/pbmc@v1", **OFFLINE)["revision"] == f"org/pbmc@{commit}"
    assert "org/pbmc@main is not complete on this machine" in machine.refused("pull", "org/pbmc", **OFFLINE)


def test_pull_by_catalogue_name(hub, machine, pbmc, commit, catalogue):
    catalogue({"name": "mine", "repo": "org/pbmc", "revision": commit, "manifest_sha256": pbmc.sha256})
    next_commit(hub, pbmc)  # not in the catalogue
    report = machine.json("pull", "mine")
    assert report["revision"] == f"org/pbmc@{commit}"
    assert report["manifest_sha256"] == pbmc.sha256
    assert report["path"] == str(machine.snapshot(commit))
    assert downloaded(report) == pbmc.pulled_names
    hub.clear_log()
    assert machine.run("show", "mine", **OFFLINE).returncode == 0
    assert downloaded(machine.json("pull", "mine", "--update")) == []
    assert machine.requests == []


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("pbcm", ["there is no space named 'pbcm'", "did you mean pbmc?", "(smile-zoo list)"]),
        ("mine2", ["did you mean mine?"]),
        ("zzz", ["the catalogue has: bone-marrow-atac, mine, ", ", pbmc", "a Hub repo (org/name, org/name@revision)"]),
        ("pbmc@v1", ["only a Hub repo takes a revision"]),
        ("a/b/c", ["'a/b/c' is not a space name", "a directory (./a/b/c)"]),
        ("org/with space", ["is not a space name"]),
        ("here/space", ["could be a directory here or a repo on the Hub; write ./here/space for the directory,"]),
        ("here/space", ["here/space@main for the repo"]),
        ("./nowhere", ["nowhere does not exist"]),
    ],
)
def test_unknown_name_is_an_error_with_hints(machine, catalogue, monkeypatch, name, texts):
    catalogue({"name": "mine", "repo": "org/mine", "revision": "0" * 40})
    (machine.folder / "here/space").mkdir(parents=True)
    monkeypatch.chdir(machine.folder)
    monkeypatch.setenv("HF_HOME", machine.env["HF_HOME"])
    with pytest.raises(SpaceNotFoundError) as caught:
        smile_zoo.pull(name, endpoint=machine.hub.endpoint)
    assert [text for text in texts if text not in str(caught.value)] == []
    assert machine.requests == []


def test_command_reports_an_unknown_name(machine):
    assert machine.refused("pull", "pbcm").startswith("Error: there is no space named 'pbcm'; did you mean pbmc?")
    assert machine.refused("pull", "org/pbcm").startswith("Error: org/pbcm@main: there is no such model repo at")


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "org/pbcm",
            ["org/pbcm@main: there is no such model repo at {endpoint}", "(smile-zoo search --hub)", "HF_TOKEN"],
        ),
        ("org/pbmc@v9", ["org/pbmc@v9: the repo exists, but not this revision; use a branch, a tag or a 40-digit"]),
        (f"org/pbmc@{'0' * 40}", ["the repo exists, but not this revision"]),
        ("org/text", ["has no config.json; check the name (smile-zoo search --hub shows spaces)"]),
        ("org/bert", ["config.json has format '', not 'smile-space'"]),
    ],
)
def test_repo_without_a_space_is_an_error_with_hints(hub, machine, commit, monkeypatch, name, texts):
    hub.create("org/text", {"README.md": b"text"})
    hub.create("org/bert", {"config.json": b'{"architectures": ["BertModel"]}', "README.md": b"text"})
    monkeypatch.setenv("HF_HOME", machine.env["HF_HOME"])
    with pytest.raises(SmileError) as caught:
        smile_zoo.pull(name, endpoint=hub.endpoint, cache_dir=machine.cache, token=False)
    assert [text for text in texts if text.format(endpoint=hub.endpoint) not in str(caught.value)] == []
    assert machine.damage() == []


def test_renamed_repo_works_and_its_new_name_is_reported(hub, machine, commit):
    hub.rename("org/pbmc", "org/blood")
    done = machine.run("pull", "org/pbmc")
    assert done.returncode == 0
    assert "org/pbmc is now org/blood" in done.stderr.splitlines()
    assert done.stdout == f"{machine.snapshot(commit)}\n"
    assert machine.damage() == []


def test_card_edited_on_the_hub_is_pulled(hub, machine, pbmc, commit):
    """The card is never verified, even if a manifest of an earlier release lists its hash."""
    machine.json("pull", "org/pbmc")
    for edited, files in (
        (pbmc.files["README.md"] + b"\nOne more sentence.\n", {}),
        (b"# All new\n", pbmc.changed({"README.md": pbmc.files["README.md"]})),
    ):
        later = hub.commit("org/pbmc", {**files, "README.md": edited})
        report = machine.json("pull", "org/pbmc", "--update")
        assert report["revision"] == f"org/pbmc@{later}"
        assert (machine.snapshot(later) / "README.md").read_bytes() == edited
        assert {"name": "README.md", "size": len(edited), "will_download": True} in report["files"]
    machine.json("verify", "org/pbmc", **OFFLINE)
    machine.json("pull", "org/pbmc", "--to", "copy", **OFFLINE)
    assert (machine.folder / "copy/README.md").read_bytes() == edited
    machine.json("bundle", "./copy", "-o", "space.tar")
    machine.json("pull", "space.tar", "--to", "unpacked")
    assert (machine.folder / "unpacked/README.md").read_bytes() == edited
    assert machine.damage() == []


def test_space_is_complete_without_its_card(hub, machine, pbmc, commit):
    fault = hub.fault(Fault("wrong", path="README.md$", times=None))
    done = machine.run("pull", "org/pbmc")
    assert done.returncode == 0
    assert "the card was not downloaded; the space works without it: " in done.stderr
    assert f"{len(pbmc.pulled_names) - 1} files downloaded" in done.stderr
    assert fault.hits == 2
    hub.clear_log()
    assert downloaded(machine.json("pull", "org/pbmc", "--to", "copy")) == []
    assert set(files_in(machine.folder / "copy")) == {"config.json", *pbmc.pulled_names} - {"README.md"}
    hub.commit("org/pbmc", {"README.md": None})
    assert "README.md" not in downloaded(machine.json("pull", "org/pbmc", "--update"))
    assert machine.damage() == []


# Partial pulls


def test_one_modality_and_then_the_rest(hub, machine, two_modality_space):
    hub.create("org/two", two_modality_space.files)
    first = machine.json("pull", "org/two", "--modality", "adt")
    assert not [name for name in downloaded(first) if "rna" in name]
    assert {"onnx/adt.onnx", "features/adt.tsv", "reference/points.safetensors"} <= set(downloaded(first))
    assert not [request for request in machine.requests if "rna" in request.path]
    hub.clear_log()
    assert downloaded(machine.json("pull", "org/two", "--modality", "adt")) == []
    assert machine.requests == []
    rest = machine.json("pull", "org/two")
    assert downloaded(rest) == [name for name in two_modality_space.pulled_names if "rna" in name]
    assert not [request for request in machine.requests if "adt" in request.path or "points" in request.path]
    assert sorted(file["name"] for file in rest["files"]) == sorted(two_modality_space.pulled_names)


def test_missing_modality_is_an_error_with_hints(hub, machine, two_modality_space, query):
    commit = hub.create("org/two", two_modality_space.files)
    assert "the space two has no 'atac' encoder; it has: rna, adt" in machine.refused(
        "pull", "org/two", "--modality", "atac"
    )
    assert machine.run("project", query, "org/two", "--modality", "adt", "-o", "out.h5ad").returncode == 0
    assert not [name for name in files_in(machine.snapshot(commit, "org/two")) if "rna" in name]
    assert machine.run("pull", "org/two", "--modality", "adt", "--to", "part", **OFFLINE).returncode == 0
    for command in (["project", query, "./part", "-o", "rna.h5ad"], ["pull", "./part"]):
        stderr = machine.refused(*command, "--modality", "rna")
        assert "the rna encoder of the space two was not pulled, only: adt; get it with: smile-zoo pull" in stderr
        assert "--modality rna" in stderr
    assert machine.json("pull", "./part")["files"] == machine.json("pull", "./part", "--modality", "adt")["files"]


def test_training_weights_are_pulled_on_request(hub, machine, pbmc, commit):
    machine.json("pull", "org/pbmc")
    assert not [request for request in machine.requests if "training" in request.path]
    assert downloaded(machine.json("pull", "org/pbmc", "--with-training")) == ["training/rna.safetensors"]
    path = machine.snapshot(commit) / "training/rna.safetensors"
    assert path.read_bytes() == pbmc.files["training/rna.safetensors"]


def test_dry_run_downloads_only_the_manifest(hub, machine, pbmc, commit):
    done = machine.run("pull", "org/pbmc", "--dry-run", "--to", "copy")
    header, *rows = [line.split() for line in done.stdout.splitlines()]
    assert header == ["FILE", "SIZE", "STATE"]
    assert [row[0] for row in rows] == pbmc.pulled_names
    assert ["map.png", *size_text(len(pbmc.files["map.png"])).split(), "download"] in rows
    assert f"{size_text(pbmc.size)} to download (org/pbmc@{commit})" in done.stderr
    assert list(files_in(machine.snapshot(commit))) == ["config.json"]
    assert {request.path.rpartition("/")[2] for request in machine.requests} == {"main", "config.json"}
    assert not (machine.folder / "copy").exists()
    machine.json("pull", "org/pbmc")
    report = machine.json("pull", "org/pbmc", "--dry-run", "--with-training")
    assert {file["name"]: file["size"] for file in report["files"]} == {
        name: len(content) for name, content in pbmc.files.items() if name != "config.json"
    }
    assert downloaded(report) == ["training/rna.safetensors"]


def test_pull_to_a_plain_directory(hub, machine, pbmc, commit):
    done = machine.run("pull", "org/pbmc", "--to", "copy")
    copy = machine.folder / "copy"
    assert done.stdout == "copy\n"
    assert files_in(copy) == {name: pbmc.files[name] for name in ("config.json", *pbmc.pulled_names)}
    assert not [path for path in copy.rglob("*") if path.is_symlink()]
    assert open_space(copy).manifest_sha256 == pbmc.sha256
    (copy / "README.md").write_text("mine")
    hub.clear_log()
    assert "copy exists; choose another name or allow replacing it (--force)" in machine.refused(
        "pull", "org/pbmc", "--to", "copy"
    )
    assert (copy / "README.md").read_text() == "mine"
    assert machine.requests == []
    assert machine.run("pull", "org/pbmc", "--to", "copy", "--force", **OFFLINE).returncode == 0
    assert (copy / "README.md").read_bytes() == pbmc.files["README.md"]
    assert "the folder nowhere does not exist" in machine.refused("pull", "org/pbmc", "--to", "nowhere/copy")
    assert machine.leftovers() == []


# Downloads and other commands


def test_files_are_downloaded_in_parallel(hub, machine, pbmc):
    answer, times = hub.answer, []

    def timed_answer(call):
        times.append(time.monotonic())
        return answer(call)

    hub.answer = timed_answer
    hub.delay = 0.1
    many = {f"cards/{number}.md": b"# Card %d" % number for number in range(16)}
    hub.create("org/pbmc", pbmc.changed(many))
    assert len(downloaded(machine.json("pull", "org/pbmc"))) == len(many) + len(pbmc.pulled_names)
    gaps = [after - before for before, after in pairwise(sorted(times))]
    # one by one, no gap would be shorter than the delay
    assert sum(gap < hub.delay / 2 for gap in gaps) > len(gaps) / 2


def test_one_progress_bar_covers_all_files(machine, pbmc, commit):
    terminal, stderr = pty.openpty()
    termios.tcsetwinsize(stderr, (40, 100))
    process = machine.start("pull", "org/pbmc", stderr=stderr)
    os.close(stderr)
    output = b""
    with os.fdopen(terminal, "rb", 0) as screen, suppress(OSError):  # raised once no process writes to the terminal
        while chunk := screen.read(1000):
            output += chunk
    process.communicate(timeout=60)
    assert process.returncode == 0
    bars = [line for line in re.split(r"[\r\n]+", output.decode()) if "%|" in line]
    assert {line.partition(":")[0] for line in bars} == {"pulling"}
    assert b"\x1b" not in output  # the cursor never moves up to a second bar
    assert bars[-1].startswith("pulling: 100%|")
    size = tqdm.format_sizeof(pbmc.pinned_size)
    assert f"{size}/{size}" in bars[-1]


@pytest.mark.parametrize("command", ["show", "verify", "project"])
def test_other_commands_pull_what_they_need(hub, machine, pbmc, commit, query, command):
    arguments = [query, "org/pbmc", "-o", "out.h5ad"] if command == "project" else ["org/pbmc"]
    first = machine.json(command, *arguments)
    assert set(files_in(machine.snapshot(commit))) == {
        "config.json",
        *(pbmc.pulled_names if command != "show" else ()),
    }
    hub.clear_log()
    arguments += ["--force"] * (command == "project")
    again = machine.json(command, *arguments, **OFFLINE)
    assert again == first
    assert machine.requests == []
    if command == "project":
        provenance = anndata.read_h5ad(machine.folder / "out.h5ad").uns["smile"]
        assert provenance["revision"] == f"org/pbmc@{commit}"
        assert provenance["manifest_sha256"] == pbmc.sha256


def test_packaged_space_needs_no_network(machine, unreachable, query):
    away = {"HF_ENDPOINT": unreachable, "HF_HOME": "/proc/home"}
    report = machine.json("pull", "pbmc", **away, **OFFLINE)
    assert report["revision"] == "packaged"
    assert Path(report["path"]) == Path(smile_zoo.__file__).parent / "spaces/pbmc"
    assert downloaded(report) == []
    assert machine.run("project", query, "pbmc", "-o", "out.h5ad", **away).returncode == 0
    assert machine.run("pull", "pbmc", "--to", "copy", **away).returncode == 0
    assert machine.json("pull", "./copy", **away)["revision"] == "local"


# Access


def test_private_repo_needs_a_token_with_access(hub, machine, pbmc):
    hub.create("org/secret", pbmc.files, private=True)
    no_such_repo = "org/secret@main: there is no such model repo at"
    stderr = machine.refused("pull", "org/secret")
    assert no_such_repo in stderr
    assert "or it is private and a user without a token has no access" in stderr
    assert "set HF_TOKEN to a token with access" in stderr
    hub.add_user("stranger", token="hf_stranger")
    stderr = machine.refused("pull", "org/secret", HF_TOKEN="hf_stranger")
    assert no_such_repo in stderr
    assert "this token has no access" in stderr
    assert "hf_stranger" not in stderr
    stderr = machine.refused("pull", "org/secret", HF_TOKEN="hf_wrong")
    assert f"org/secret@main: {hub.endpoint} rejected this token; set HF_TOKEN to a valid token" in stderr
    report = machine.json("pull", "org/secret", HF_TOKEN="hf_owner")
    assert downloaded(report) == pbmc.pulled_names
    assert downloaded(machine.json("pull", "org/secret", **OFFLINE)) == []
    assert not [
        request for request in machine.requests if "/cdn/" in request.path and "authorization" in request.headers
    ]
    assert machine.damage() == []


def test_gated_repo_needs_approval(hub, machine, pbmc):
    hub.create("org/gated", pbmc.files, gated=True)
    hub.add_user("reader", token="hf_reader")
    for env in ({}, {"HF_TOKEN": "hf_reader"}):
        stderr = machine.refused("pull", "org/gated", **env)
        assert "org/gated@" in stderr
        assert f"is gated: ask for access at {hub.endpoint}/org/gated, then set HF_TOKEN to a token of that" in stderr
    assert machine.damage() == []
    hub.approve("org/gated", "reader")
    assert downloaded(machine.json("pull", "org/gated", HF_TOKEN="hf_reader")) == pbmc.pulled_names


# The environment


def test_cache_folder_follows_the_environment(hub, machine, commit):
    cases = [
        ({"HF_HUB_CACHE": "{folder}/one"}, "one"),
        ({"HF_HOME": "{folder}/two"}, "two/hub"),
        ({"HF_HOME": "{folder}/two", "HF_HUB_CACHE": "{folder}/three"}, "three"),
        ({"HF_HOME": "", "XDG_CACHE_HOME": "{folder}/four"}, "four/huggingface/hub"),
    ]
    for settings, folder in cases:
        env = {name: value.format(folder=machine.folder) for name, value in settings.items()}
        done = machine.run("pull", "org/pbmc", **env)
        assert done.stdout == f"{machine.folder / folder}/models--org--pbmc/snapshots/{commit}\n", done.stderr
    assert machine.run("cache", "path", **env).stdout == f"{machine.folder / folder}\n"
    assert machine.run("cache", "path", "org/pbmc", **OFFLINE, **env).stdout == done.stdout
    assert not machine.cache.exists()


def test_proxy_settings_are_respected(machine, pbmc, commit, unreachable, fast):
    stderr = machine.refused("pull", "org/pbmc", HTTP_PROXY=unreachable, **fast)
    assert "was not reached" in stderr
    assert machine.requests == []
    report = machine.json("pull", "org/pbmc", HTTP_PROXY=unreachable, NO_PROXY="127.0.0.1,localhost")
    assert downloaded(report) == pbmc.pulled_names


# In Python


def python(machine, script, **env):
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", script],
        cwd=machine.folder,
        env={**machine.env, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_pull_and_load_in_python(hub, machine, pbmc, unreachable):
    commit = hub.create("org/secret", pbmc.files, private=True)
    script = f"""
import pathlib, smile_zoo
options = {{"endpoint": {hub.endpoint!r}, "cache_dir": pathlib.Path("cache"), "token": "hf_owner"}}
sizes = []
pulled = smile_zoo.pull("org/secret", **options, progress=lambda n, total: sizes.append((n, total)))
print(pulled.path, pulled.revision, sum(n for n, _ in sizes), {{total for _, total in sizes}})
space = smile_zoo.load("org/secret", **options)
print(space.revision, space.manifest_sha256, space.encoder().provider)
"""
    done = python(machine, script, HF_ENDPOINT=unreachable)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"cache/models--org--secret/snapshots/{commit} org/secret@{commit} {pbmc.pinned_size} {{{pbmc.pinned_size}}}",
        f"org/secret@{commit} {pbmc.sha256} CPUExecutionProvider",
    ]
    assert {request.headers.get("authorization") for request in machine.requests} == {None, "Bearer hf_owner"}
    assert not machine.cache.exists()


def test_failed_pull_leaves_the_client_usable(hub, machine, pbmc):
    hub.create("org/pbmc", {**pbmc.files, "map.png": b"some other picture"})
    script = """
import huggingface_hub, smile_runtime, smile_zoo
try:
    smile_zoo.pull("org/pbmc")
except smile_runtime.IntegrityError as error:
    print(type(error).__name__)
print(huggingface_hub.snapshot_download("org/pbmc", allow_patterns="*.png"))
"""
    done = python(machine, script)
    assert done.returncode == 0, done.stderr
    name, path = done.stdout.splitlines()
    assert name == "IntegrityError"
    assert (Path(path) / "map.png").read_bytes() == b"some other picture"


def test_cache_is_shared_with_the_client(hub, machine, pbmc, commit):
    """Files that the client downloaded by itself are verified and used."""
    done = python(machine, "import huggingface_hub; print(huggingface_hub.snapshot_download('org/pbmc'))")
    assert done.stdout == f"{machine.snapshot(commit)}\n", done.stderr
    hub.clear_log()
    assert downloaded(machine.json("pull", "org/pbmc", "--with-training")) == []
    assert machine.requests == []
