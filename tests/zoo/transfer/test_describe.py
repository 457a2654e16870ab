"""Describing a space: manifest and card change, models and the author's text stay."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import smile_zoo
from smile_runtime.errors import IntegrityError, SpaceError
from smile_runtime.manifest import read_manifest
from smile_runtime.space import open_space
from smile_zoo.cli.describe import command
from smile_zoo.cli.show import command as show
from smile_zoo.transfer import describe


def test_texts_change_in_manifest_and_card(pbmc_copy: Path) -> None:
    card = pbmc_copy / "README.md"
    card.write_text(card.read_text("utf-8") + "\nMy own words.\n", "utf-8")
    before = read_manifest(pbmc_copy)
    name = before.sources[0].name
    changed = describe(pbmc_copy, license="MIT", title="Blood", source=name, source_url="https://example.org/data")
    assert read_manifest(pbmc_copy) == changed
    assert (changed.license, changed.title, changed.sources[0].url) == ("MIT", "Blood", "https://example.org/data")
    assert (changed.files, changed.recipe, changed.metrics) == (before.files, before.recipe, before.metrics)
    text = card.read_text("utf-8")
    assert "license: mit" in text
    assert "# Blood" in text
    assert text.endswith("My own words.\n")
    open_space(pbmc_copy, device="cpu")


def test_the_intended_use_is_stated_shown_and_limited(pbmc_copy: Path) -> None:
    use = "Label immune cells of human blood"
    assert CliRunner().invoke(command, [str(pbmc_copy), "--intended-use", use]).exit_code == 0
    assert read_manifest(pbmc_copy).intended_use == use
    assert f"\n\n- Intended use: {use}\n- Organism: " in (pbmc_copy / "README.md").read_text("utf-8")
    rows = [line.split("  ", 1) for line in CliRunner().invoke(show, [str(pbmc_copy)]).stdout.splitlines()]
    assert ["intended use", use] in [[name, text.strip()] for name, text in rows[:4]]
    for text, reason in (("x" * 101, "length <= 100"), ("two\nlines", "line break"), ("\udcff", "not valid Unicode")):
        with pytest.raises(SpaceError, match=f"the intended use .* cannot be used: .*{reason}.*; give another text"):
            describe(pbmc_copy, intended_use=text)
    with pytest.raises(SpaceError, match="the intended use '' states nothing"):
        describe(pbmc_copy, intended_use=" ")


def test_an_unclear_source_is_named(pbmc_copy: Path) -> None:
    manifest = (pbmc_copy / "config.json").read_bytes()
    with pytest.raises(SpaceError, match="there is no source 'other'; name one of: \"10x Genomics"):
        describe(pbmc_copy, source="other", source_url="https://example.org")
    assert (pbmc_copy / "config.json").read_bytes() == manifest


def test_files_of_one_source_are_described_together(pbmc_copy: Path) -> None:
    manifest = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    unstated = {"name": "not stated", "licence": "not stated"}
    manifest["tissue"] = "not stated"
    manifest["sources"] = [{**unstated, "sha256": digit * 64} for digit in "ab"]
    (pbmc_copy / "config.json").write_text(json.dumps(manifest), "utf-8")
    facts = CliRunner().invoke(command, [str(pbmc_copy), "--title", "Blood", "--json"])
    assert json.loads(facts.stdout)["unstated"] == [
        "tissue",
        "source of the data",
    ]
    changed = describe(pbmc_copy, source_name="A study", source_license="MIT")
    assert [(source.name, source.license) for source in changed.sources] == [("A study", "MIT")] * 2
    assert [source.sha256[0] for source in changed.sources] == ["a", "b"]


def test_a_text_that_states_nothing_is_rejected(pbmc_copy: Path) -> None:
    with pytest.raises(SpaceError, match="the license 'unknown' states nothing"):
        describe(pbmc_copy, license="unknown")


def test_a_text_that_no_manifest_may_have_changes_nothing(pbmc_copy: Path) -> None:
    manifest = (pbmc_copy / "config.json").read_bytes()
    with pytest.raises(SpaceError, match=r"the title 'two.*lines' cannot be used"):
        describe(pbmc_copy, title="two\nlines")
    assert (pbmc_copy / "config.json").read_bytes() == manifest


def test_a_shared_space_is_left_alone(pbmc_copy: Path, tmp_path: Path) -> None:
    packaged = Path(smile_zoo.__file__).parent / "spaces/pbmc"
    cached = tmp_path / "cached"
    cached.mkdir()
    for file in pbmc_copy.iterdir():
        (cached / file.name).symlink_to(file)
    for path in (packaged, cached):
        with pytest.raises(SpaceError, match="make a copy of your own first"):
            describe(path, title="Mine")


def test_the_command_lists_what_is_still_missing(pbmc_copy: Path) -> None:
    manifest = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    manifest["licence"] = manifest["organism"] = "unspecified"
    (pbmc_copy / "config.json").write_text(json.dumps(manifest), "utf-8")
    missing = CliRunner().invoke(command, [str(pbmc_copy), "--title", "Blood"])
    assert missing.exit_code == 0
    assert "publishing will also need: license, organism\n" in missing.stderr
    complete = CliRunner().invoke(command, [str(pbmc_copy), "--license", "MIT", "--organism", "Homo sapiens", "--json"])
    assert json.loads(complete.stdout) == {"space": str(pbmc_copy), "unstated": []}


def test_without_options_nothing_is_done(pbmc_copy: Path) -> None:
    result = CliRunner().invoke(command, [str(pbmc_copy)])
    assert result.exit_code == 2
    assert "nothing to change" in result.stderr


def test_a_damaged_space_is_not_described(pbmc_copy: Path) -> None:
    manifest = read_manifest(pbmc_copy)
    damaged = pbmc_copy / manifest.reference.points
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match=damaged.name):
        describe(pbmc_copy, title="Blood")
    assert read_manifest(pbmc_copy) == manifest


def test_texts_that_publishing_would_refuse_are_refused_at_once(pbmc_copy: Path) -> None:
    before = (pbmc_copy / "config.json").read_bytes()
    for texts, message in (
        ({"organism": "blood cells"}, "the organism 'blood cells' is not a scientific name"),
        (
            {"license": "CC-BY 4"},
            "the license 'CC-BY 4' is not an identifier that the Hub knows; did you mean cc-by-2.5 or",
        ),
        ({"source_url": "example.org/data"}, "the URL 'example.org/data' is not an address"),
        ({"source_url": "ftp://example.org"}, "the URL 'ftp://example.org' is not an address"),
        ({"source_url": "https://"}, "the URL 'https://' is not an address"),
    ):
        source = read_manifest(pbmc_copy).sources[0].name if "source_url" in texts else None
        with pytest.raises(SpaceError, match=message):
            describe(pbmc_copy, source=source, **texts)
    assert (pbmc_copy / "config.json").read_bytes() == before
    for texts in ({"organism": "human"}, {"organism": "Canis lupus familiaris"}, {"license": "LicenseRef-My.Lab"}):
        describe(pbmc_copy, **texts)


def test_the_name_of_a_shared_space_is_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = "make a copy of your own first: smile-zoo pull pbmc --with-training --to ./my-pbmc"
    with pytest.raises(SpaceError, match=copy):
        describe("pbmc", title="Mine")
    with pytest.raises(SpaceError, match="my-space is not a space directory: it does not exist; give one of your own"):
        describe("my-space", title="Mine")
