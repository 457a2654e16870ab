"""The catalogue: its entries, how they are listed, and where the Hub's files are cached."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import smile_zoo
from smile_runtime.io.atomic_files import sha256_file
from smile_runtime.manifest import encode_manifest, read_manifest
from smile_zoo.catalogue import PACKAGED_CATALOGUE, encode_catalogue, entry_from_manifest, parse_catalogue
from smile_zoo.cli.list import print_entries
from smile_zoo.cli.search import command as search
from smile_zoo.errors import CatalogueError

LINE: dict[str, Any] = json.loads(PACKAGED_CATALOGUE.read_text("utf-8").splitlines()[0])
PACKAGED = [json.loads(text)["name"] for text in PACKAGED_CATALOGUE.read_text("utf-8").splitlines()]
COMMIT = "c" * 40
MOUSE = {
    "name": "wild-mouse",
    "repo": "org/skin",
    "revision": COMMIT,
    "title": "Skin, RNA and ATAC",
    "organism": "Mus musculus",
    "tissue": "skin, dermis",
    "intended_use": "Place keratinocytes",
    "modalities": ["rna", "atac"],
}


def line(**changes: Any) -> bytes:
    return json.dumps({**LINE, **changes}).encode() + b"\n"


def write(home: Path, content: bytes) -> None:
    path = home / "smile-zoo/catalogue.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# Entries


def test_packaged_entry_matches_the_packaged_space() -> None:
    for entry in parse_catalogue(PACKAGED_CATALOGUE.read_bytes(), "catalogue"):
        space = entry.packaged
        if space is None:
            assert entry.repo is not None
            continue
        manifest, sha256 = read_manifest(space), sha256_file(space / "config.json")
        assert entry == entry_from_manifest(manifest, sha256, repo=entry.repo, revision=entry.revision)
        assert encode_manifest(manifest) == (space / "config.json").read_bytes()  # so publishing does not change it
        needed = [path for path in space.rglob("*") if path.is_file() and path.name not in ("config.json", "README.md")]
        assert entry.size == sum(path.stat().st_size for path in needed if path.parent.name != "training")


def test_packaged_spaces_are_small() -> None:
    for entry in smile_zoo.list_spaces():
        assert entry.size <= 3e6, f"{entry.name} without its weights for training"
    assert sum(path.stat().st_size for path in PACKAGED_CATALOGUE.parent.glob("spaces/**/*") if path.is_file()) <= 25e6


def test_encoded_entries_decode_to_the_same() -> None:
    content = PACKAGED_CATALOGUE.read_bytes() + line(**MOUSE)
    entries = parse_catalogue(content, "catalogue")
    assert [entry.name for entry in entries] == [*PACKAGED, "wild-mouse"]
    assert parse_catalogue(encode_catalogue(entries), "again") == entries
    assert {metric.method for metric in entries[0].metrics} == {"smile"}
    assert parse_catalogue(b"", "catalogue") == []
    without = {key: value for key, value in LINE.items() if key != "intended_use"}  # as earlier releases wrote it
    assert parse_catalogue(json.dumps(without).encode(), "catalogue")[0].intended_use == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"words\n", "JSON is malformed"),
        (line()[:-10], "truncated"),
        (line(more=1), "unknown field `more`"),
        (
            json.dumps({key: value for key, value in LINE.items() if key != "size"}).encode(),
            "missing required field `size`",
        ),
        (line(size="1 MB"), "$.size"),
        (line(manifest_sha256="a" * 63), "$.manifest_sha256"),
        (line(manifest_sha256="A" * 64), "$.manifest_sha256"),
        (line(repo="org/skin", revision="main"), "$.revision"),
        (line(repo="org/skin", revision=COMMIT + "\n"), "$.revision"),
        (line(repo="skin", revision=COMMIT), "$.repo"),
        (line(repo="org/skin/more", revision=COMMIT), "$.repo"),
        (line(name="../pbmc"), "$.name"),
        (line(name="a/b"), "$.name"),
        (line(name="x" * 97), "$.name"),
        (b'{"name": "\xff"}\n', "is not a catalogue entry"),
        (line(repo="org/skin", revision=None), "needs both repo and revision"),
        (line(repo=None, revision=COMMIT), "needs both repo and revision"),
        (line(), f"{LINE['name']} is listed twice"),
        (b"\n", "is not a catalogue entry"),
    ],
)
def test_invalid_line_is_refused(content: bytes, text: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(PACKAGED_CATALOGUE.read_bytes() + content, "org/catalogue@1234567")
    assert str(caught.value).startswith(f"org/catalogue@1234567, line {len(PACKAGED) + 1}")
    assert text in str(caught.value)


# Listing


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["blood", "pbmc", "wild-mouse"]),
        ({"organism": "mus MUSCULUS"}, ["wild-mouse"]),
        ({"organism": "sapiens"}, ["blood", "pbmc"]),
        ({"tissue": "Dermis"}, ["wild-mouse"]),
        ({"modality": "atac"}, ["wild-mouse"]),
        ({"modality": "at"}, []),
        ({"modality": "rna", "tissue": "blood"}, ["blood", "pbmc"]),
        ({"organism": "mus", "tissue": "blood"}, []),
        ({"text": "ATAC"}, ["wild-mouse"]),
        ({"text": "skin  rna"}, ["wild-mouse"]),
        ({"text": "skin blood"}, []),
        ({"text": "keratinocytes"}, ["wild-mouse"]),
        ({"text": "org/"}, ["blood", "wild-mouse"]),
        ({"text": "cc-by"}, ["blood", "pbmc", "wild-mouse"]),
        ({"text": "five studies"}, ["blood", "pbmc"]),
    ],
)
def test_list_spaces(home: Path, filters: dict[str, str], names: list[str]) -> None:
    nowhere = line(name="nowhere", repo=None, revision=None)  # neither on the Hub nor in the package
    write(home, line(**MOUSE) + line(name="blood", repo="org/blood", revision=COMMIT) + nowhere)
    found = [entry.name for entry in smile_zoo.list_spaces(**filters)]
    assert [name for name in found if name not in set(PACKAGED) - {"pbmc"}] == names


def test_packaged_entry_takes_precedence(home: Path) -> None:
    write(home, line(repo="org/evil", revision=COMMIT, title="Another"))
    (pbmc,) = (entry for entry in smile_zoo.list_spaces() if entry.name == LINE["name"])
    assert (pbmc.title, pbmc.repo) == (LINE["title"], LINE["repo"])


def test_damaged_catalogue_is_ignored_with_a_warning(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(home, line(**MOUSE)[:-50])
    assert [entry.name for entry in smile_zoo.list_spaces()] == sorted(PACKAGED)
    (record,) = caplog.records
    assert f"{home}/smile-zoo/catalogue.jsonl, line 1, is not a catalogue entry" in record.getMessage()
    assert "using the packaged catalogue instead; repair it with: smile-zoo catalogue update" in record.getMessage()


def test_list_needs_neither_the_network_nor_the_hub_client(home: Path) -> None:
    write(home, line(**MOUSE))
    code = """
import socket, sys
from smile_zoo.cli.main import cli
def refuse(*arguments): raise AssertionError("the network was used")
socket.socket.connect = socket.getaddrinfo = refuse
cli.main(["list"], standalone_mode=False)
loaded = {"huggingface_hub", "anndata", "onnxruntime", "torch", "pandas", "matplotlib"} & set(sys.modules)
sys.exit(", ".join(loaded) or 0)
"""
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    listed = [text.split()[0] for text in done.stdout.splitlines() if re.match(r"  \S", text)]
    assert sorted(set(listed)) == ["NAME", *sorted([*PACKAGED, "wild-mouse"])]


def test_list_is_grouped_by_organism_and_tissue(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tissue, use = "skin, dermis", "Place keratinocytes of any stage among those of the epidermis, and find rare types"
    many = ["rna", "atac", *(f"mark{number}" for number in range(9))]
    other = {"repo": "org/other", "revision": COMMIT, "organism": "Danio rerio", "tissue": "fin", "intended_use": ""}
    write(
        home, line(**{**MOUSE, "intended_use": use, "modalities": many}) + line(**other, name="fin", title="word " * 60)
    )
    print_entries(smile_zoo.list_spaces(), as_json=False)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    blocks = {block.splitlines()[0]: block.splitlines()[1:] for block in text.split("\n\n")}
    assert next(iter(blocks)) == "Danio rerio: fin"
    assert list(blocks) == sorted(blocks)
    header, row, *uses = blocks[f"Mus musculus: {tissue}"]
    assert header.split() == ["NAME", "MODALITIES", "CELLS", "SIZE", "LOCAL"]
    assert row.startswith("  wild-mouse  ")
    assert "  rna, atac, mark0, mark1...  " in row
    assert " ".join(each.strip() for each in uses) == use
    assert blocks["Danio rerio: fin"][-1].endswith("word ...")  # the title, where no use is stated
    assert len(blocks["Danio rerio: fin"]) == 4


# Cache


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HF_HOME": "/data/hf"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "$HOME/hf"},
        {"HF_HUB_CACHE": "/data/cache"},
        {"HF_HUB_CACHE": "~/cache", "HF_HOME": "/data/hf"},
        {"HUGGINGFACE_HUB_CACHE": "/data/old"},
        {"HF_HUB_CACHE": "/data/cache", "HUGGINGFACE_HUB_CACHE": "/data/old"},
        {"XDG_CACHE_HOME": "/data/xdg"},
        {"XDG_CACHE_HOME": "/data/xdg", "HF_HOME": "/data/hf"},
    ],
    ids=" ".join,
)
def test_cache_is_the_one_of_the_hub_client(tmp_path: Path, variables: dict[str, str]) -> None:
    code = """
from huggingface_hub import constants
from smile_zoo.hub.paths import hub_cache, updated_catalogue
print(constants.HF_HUB_CACHE, hub_cache(), constants.HF_HOME, updated_catalogue().parents[1], sep="\\n")
"""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "XDG_"))}
    env |= {"HOME": str(tmp_path), **variables}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    theirs, ours, their_home, our_home = done.stdout.splitlines()
    assert ours == theirs
    assert our_home == their_home
    assert ours.startswith(("/data/", f"{tmp_path}/"))


def test_every_word_of_a_search_may_match_another_field() -> None:
    run = CliRunner()
    found = json.loads(run.invoke(search, ["mouse", "Bone", "--json"]).stdout)
    assert [entry["name"] for entry in found] == ["mouse-marrow"]
    assert [entry["name"] for entry in json.loads(run.invoke(search, ["blood human", "--json"]).stdout)] == ["pbmc"]


def test_a_search_of_the_hub_takes_one_word_from_the_name_and_others_from_tags(machine, pbmc, hub) -> None:
    hub.create("org/immune-space", pbmc.files)
    hub.create("org/other-space", pbmc.changed(change=lambda manifest: manifest.update(tissue="skin")))
    assert [hit["repo"] for hit in machine.json("search", "--hub", "blood", "immune-space")] == ["org/immune-space"]
