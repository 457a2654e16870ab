"""Catalogue updates from the Hub, ``smile-zoo list`` and ``search``, and the Hub in ``smile-zoo doctor``."""

import json
import re
import time
from typing import Any

import pytest
from fake_hub import OWNER_TOKEN, Fault

import smile_zoo.catalogue
from smile_zoo.cli.console import size_text

REPO = "smile-zoo/catalogue"
PACKAGED = [json.loads(line) for line in smile_zoo.catalogue.PACKAGED_CATALOGUE.read_text("utf-8").splitlines()]
LINE = PACKAGED[0]
OTHERS = {line["name"] for line in PACKAGED[1:]}
BLOOD: dict[str, Any] = {"name": "blood", "repo": "org/blood", "revision": "b" * 40}
MOUSE = {
    "name": "wild-mouse",
    "repo": "org/skin",
    "revision": "a" * 40,
    "title": "Skin, RNA and ATAC",
    "organism": "Mus musculus",
    "tissue": "skin, dermis",
    "modalities": ["rna", "atac"],
}


def lines(*changes: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({**LINE, **change}).encode() + b"\n" for change in changes)


def names(machine, *arguments: str) -> list[str]:
    return [row["name"] for row in rows(machine, *arguments)]


def rows(machine, *arguments: str) -> list[dict[str, Any]]:
    """Return the listed spaces without the packaged ones other than pbmc."""
    return [row for row in machine.json(*(arguments or ["list"])) if row["name"] not in OTHERS]


def shown(table: str) -> list[str]:
    """Return the lines of a printed list that name a space, without the packaged ones other than pbmc."""
    lines = [line for line in table.splitlines() if re.match(r"  \S", line)]
    return [line for line in lines if line.split()[0] not in {"NAME", *OTHERS}]


def updated(machine) -> bytes:
    return (machine.folder / "home/smile-zoo/catalogue.jsonl").read_bytes()


# Updating


def test_update_lists_published_spaces(hub, machine, pbmc) -> None:
    commit = hub.create("org/blood", pbmc.files)
    first = {**BLOOD, "revision": commit, "manifest_sha256": pbmc.sha256}
    hub.create(REPO, {"catalogue.jsonl": lines(first)})
    assert machine.json("catalogue", "update") == {
        "repo": REPO,
        "commit": hub.head(REPO),
        "spaces": ["blood"],
        "new": ["blood"],
    }
    assert {row["name"]: row["local"] for row in rows(machine)} == {"blood": False, "pbmc": True}
    machine.json("pull", "blood")
    assert [(row["name"], row["local"], row["repo"], row["revision"]) for row in rows(machine)] == [
        ("blood", True, "org/blood", commit),
        ("pbmc", True, LINE["repo"], LINE["revision"]),
    ]
    hub.commit(REPO, {"catalogue.jsonl": lines(MOUSE, first)})
    done = machine.run("catalogue", "update")
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 spaces, 1 of them new: wild-mouse\n" in done.stderr
    table = shown(machine.run("list").stdout)
    assert [line.split()[0] for line in table] == ["blood", "pbmc", "wild-mouse"]
    assert [line.endswith("yes") for line in table] == [True, True, False]
    assert machine.leftovers() == []


def test_update_from_another_repo_and_revision(hub, machine) -> None:
    hub.create("org/mine", {"catalogue.jsonl": lines(BLOOD)})
    hub.tag("org/mine", "v1")
    hub.commit("org/mine", {"catalogue.jsonl": lines(BLOOD, MOUSE)})
    assert machine.json("catalogue", "update", "--repo", "org/mine", "--revision", "v1")["spaces"] == ["blood"]
    assert machine.json("catalogue", "update", "--repo", "org/mine")["new"] == ["wild-mouse"]
    assert updated(machine) == lines(BLOOD, MOUSE)


def test_packaged_space_is_never_replaced(hub, machine) -> None:
    other = {"repo": "org/evil", "revision": "e" * 40, "manifest_sha256": "e" * 64, "title": "Another"}
    hub.create(REPO, {"catalogue.jsonl": lines(other, BLOOD)})
    assert machine.json("catalogue", "update")["new"] == ["blood"]
    (row,) = (row for row in machine.json("list") if row["name"] == "pbmc")
    assert row == {**LINE, "local": True}
    assert "smile_zoo/spaces/pbmc\n" in machine.run("show", "pbmc", "--all").stdout


@pytest.mark.parametrize(
    ("files", "fault", "text"),
    [
        ({"catalogue.jsonl": lines(MOUSE)[:-100]}, None, "line 1, is not a catalogue entry that this release can read"),
        ({"catalogue.jsonl": lines(MOUSE, {**MOUSE, "more": 1})}, None, "line 2, is not a catalogue entry"),
        ({"catalogue.jsonl": None, "README.md": b"# Words"}, None, "has no catalogue.jsonl"),
        ({}, Fault("wrong", "GET", "catalogue.jsonl", times=None), "arrived twice and differs from the commit"),
        ({}, Fault("status", "GET", "catalogue.jsonl", times=None), "answered 503"),
        ({}, Fault("status", "GET", "/api/models", status=403), "a user without a token is not allowed to do this"),
        ({}, Fault("status", "GET", "/api/models", times=None), "answered 503 (fault 503); try again later"),
    ],
)
def test_failed_update_keeps_the_earlier_catalogue(
    hub, machine, catalogue, fast: dict[str, str], files: dict[str, bytes], fault: Fault | None, text: str
) -> None:
    before = catalogue(BLOOD).read_bytes()
    hub.create(REPO, {"catalogue.jsonl": lines(BLOOD, MOUSE)})
    hub.commit(REPO, files)
    if fault:
        hub.fault(fault)
    error = machine.refused("catalogue", "update", **fast)
    assert text in error
    assert f"{REPO}@" in error
    assert updated(machine) == before
    assert machine.damage() == []
    if fault is None:
        return
    hub.faults.clear()
    hub.commit(REPO, {"catalogue.jsonl": lines(MOUSE)})
    assert machine.json("catalogue", "update")["new"] == ["wild-mouse"]
    assert updated(machine) == lines(MOUSE)


@pytest.mark.parametrize("kind", ["wrong", "cut", "status"])
def test_update_is_retried_after_one_fault(hub, machine, fast: dict[str, str], kind: str) -> None:
    hub.create(REPO, {"catalogue.jsonl": lines(BLOOD)})
    fault = hub.fault(Fault(kind, "GET", "catalogue.jsonl", after=100))
    assert machine.json("catalogue", "update", **fast)["spaces"] == ["blood"]
    assert fault.hits == 1
    assert updated(machine) == lines(BLOOD)
    assert machine.damage() == []


def test_update_without_a_catalogue_on_the_hub(hub, machine, unreachable: str, fast: dict[str, str]) -> None:
    assert f"{REPO}@main: there is no such model repo at {hub.endpoint}" in machine.refused("catalogue", "update")
    error = machine.refused("catalogue", "update", HF_ENDPOINT=unreachable, **fast)
    assert f"{REPO}@main: {unreachable} was not reached" in error
    assert "check the network" in error
    error = machine.refused("catalogue", "update", HF_HUB_OFFLINE="1")
    assert "an update of the catalogue needs the network, and HF_HUB_OFFLINE is set; unset it" in error
    assert names(machine) == ["pbmc"]


def test_catalogue_that_cannot_be_written(hub, machine) -> None:
    hub.create(REPO, {"catalogue.jsonl": lines(BLOOD)})
    (machine.folder / "home/smile-zoo/catalogue.jsonl/folder").mkdir(parents=True)
    error = machine.refused("catalogue", "update")
    assert f"cannot write {machine.folder}/home/smile-zoo/catalogue.jsonl: " in error
    assert machine.leftovers() == []


def test_damaged_catalogue_is_ignored(hub, machine, catalogue) -> None:
    path = catalogue(BLOOD)
    assert names(machine) == ["blood", "pbmc"]
    path.write_bytes(path.read_bytes()[:-50])
    done = machine.run("list")
    assert done.returncode == 0
    assert [line.split()[0] for line in shown(done.stdout)] == ["pbmc"]
    assert f"{path}, line 1, is not a catalogue entry" in done.stderr
    assert "using the packaged catalogue instead; repair it with: smile-zoo catalogue update" in done.stderr
    hub.create(REPO, {"catalogue.jsonl": lines(BLOOD)})
    assert machine.json("catalogue", "update")["new"] == ["blood"]
    assert machine.run("list").stderr == ""


# Listing and searching


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["list", "--organism", "mus MUSCULUS"], ["wild-mouse"]),
        (["list", "--modality", "rna", "--tissue", "blood"], ["blood", "pbmc"]),
        (["list", "--modality", "at"], []),
        (["search", "skin rna"], ["wild-mouse"]),
    ],
)
def test_list_and_search_filter_the_catalogue(machine, catalogue, arguments: list[str], expected: list[str]) -> None:
    catalogue(MOUSE, BLOOD)
    done = machine.run(*arguments)
    assert done.returncode == 0
    assert [line.split()[0] for line in shown(done.stdout)] == expected
    assert ("no matching space in the catalogue" in done.stderr) == (not expected)
    assert machine.requests == []


def card(library: str, *tags: str) -> bytes:
    return "\n".join(["---", f"library_name: {library}", "tags:", *(f"- {tag}" for tag in tags), "---", ""]).encode()


def test_search_of_the_hub(hub, machine, catalogue) -> None:
    hub.page_size = 2
    for number in range(5):
        hub.create(f"org/skin-{number}", {"README.md": card("smile-zoo", "rna", f"tag{number}")})
    hub.create("org/another-skin", {"README.md": card("transformers", "rna")})
    hub.create("org/blood", {"README.md": card("smile-zoo", "rna")})
    hub.create("org/secret-skin", {"README.md": card("smile-zoo")}, private=True)
    catalogue({**BLOOD, "repo": "org/skin-3"})
    hits = machine.json("search", "skin", "--hub")
    assert [repo["repo"] for repo in hits] == [f"org/skin-{number}" for number in range(5)]
    assert [repo["catalogued"] for repo in hits] == [False, False, False, True, False]
    assert hits[1]["tags"] == ["rna", "tag1"]
    assert hits[1]["last_modified"].startswith("2026-01-01T00:00:00")
    asked = [
        request for request in machine.requests if request.path == "/api/models" and "limit=1" not in request.target
    ]
    assert len(asked) == 3
    assert asked[0].query["filter"] == ["smile-zoo"]
    everything = [repo["repo"] for repo in machine.json("search", "--hub", HF_TOKEN=OWNER_TOKEN)]
    assert everything == [*(f"org/skin-{number}" for number in range(5)), "org/blood", "org/secret-skin"]
    table = machine.run("search", "skin-3", "--hub").stdout.splitlines()
    assert table[0].split() == ["REPO", "DOWNLOADS", "CHANGED", "TAGS", "CATALOGUED"]
    assert table[1].split() == ["org/skin-3", "0", "2026-01-01", "rna,", "tag3", "yes"]
    assert len(table) == 2
    nothing = machine.run("search", "liver", "--hub")
    assert (nothing.returncode, len(nothing.stdout.splitlines())) == (0, 1)
    assert f"no repo at {hub.endpoint} with library_name: smile-zoo has 'liver' in its name or tags\n" in nothing.stderr


def test_search_of_an_unreachable_hub(machine, unreachable: str) -> None:
    start = time.monotonic()
    error = machine.refused("search", "--hub", HF_ENDPOINT=unreachable)
    assert time.monotonic() - start < 20  # the client alone would retry for longer
    assert f"{unreachable} was not reached" in error
    assert "check the network, the proxy" in error
    error = machine.refused("search", "--hub", HF_HUB_OFFLINE="1")
    assert "a search of the Hub needs the network, and HF_HUB_OFFLINE is set; unset it" in error


# doctor


def test_doctor_reports_whether_the_hub_responds(hub, machine, pbmc, unreachable: str) -> None:
    hub.create("org/pbmc", pbmc.files)
    machine.json("pull", "org/pbmc")
    report = machine.json("doctor")
    assert re.fullmatch(rf"{hub.endpoint} answers in \d+\.\d\d s", report["endpoint"])
    pulled = sum(len(pbmc.files[name]) for name in ("config.json", *pbmc.pulled_names))
    assert (report["cache"], report["cache size"]) == (str(machine.cache), size_text(pulled))
    report = machine.json("doctor", HF_ENDPOINT=unreachable)
    assert f"{unreachable} was not reached" in report["endpoint"]
    assert "endpoint              offline: HF_HUB_OFFLINE is set" in machine.run("doctor", HF_HUB_OFFLINE="1").stdout
