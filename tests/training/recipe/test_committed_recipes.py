"""Committed recipes, figures, documents and packaged spaces agree with one another."""

import importlib
import json
import re
import shutil
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from smile_runtime import open_space, read_manifest
from smile_training import read_recipe
from smile_training.evaluation.cross_validation import LEFT_OUT_BATCHES
from smile_training.recipe import term_names
from smile_training.recipe.fingerprint import recipe_sha256

ROOT = Path(__file__).parents[3]
RECIPES = sorted((ROOT / "training/recipes").glob("*.toml"))
SPACES = sorted(path.parent for path in (ROOT / "zoo/smile_zoo/spaces").glob("*/config.json"))


@pytest.mark.parametrize("space", SPACES, ids=lambda path: path.name)
def test_packaged_space_holds_its_recipe(space: Path) -> None:
    recipe = read_recipe(ROOT / f"training/recipes/{space.name}.toml")
    assert read_manifest(space).recipe == msgspec.json.decode(msgspec.json.encode(recipe))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_figures_were_measured_with_the_current_recipe(path: Path) -> None:
    recipe = read_recipe(path)
    figures = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert recipe.name == path.stem == figures["space"]
    assert figures["recipe_sha256"] == recipe_sha256(recipe), "measure again: docs/figures.md says how"
    repeats = {
        metric["n_repeats"]
        for metric in figures["metrics"]
        if not metric["name"].endswith(("90% sets", LEFT_OUT_BATCHES))
    }
    if recipe.onto:  # figures of the space that it goes on from are among them
        assert recipe.reference.repeats in repeats
    else:
        assert repeats == {recipe.reference.repeats}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_terms_have_the_names_beside_them(path: Path) -> None:
    beside = dict(re.findall(r'^".+" = "(CL:\d+)"  # (.+)$', path.read_text("utf-8"), re.MULTILINE))
    terms = read_recipe(path).ontology or {}
    assert beside == {term: term_names()[term] for term in terms.values()}


def test_packaged_spaces_state_terms_for_their_labels() -> None:
    for space in SPACES:
        manifest = read_manifest(space)
        labels = {label for column in manifest.reference.label_columns for label in column.labels}
        without = labels - set(manifest.ontology)
        assert set(manifest.ontology) <= labels
        assert without <= {"19Lymph", "Lymphoid", "Lymph_Node", "Spleen"}


def test_packaged_spaces_hold_the_figures_of_their_recipe() -> None:
    for space in SPACES:
        figures = json.loads((ROOT / f"training/recipes/{space.name}.json").read_text("utf-8"))
        assert json.loads(msgspec.json.encode(read_manifest(space).metrics)) == figures["metrics"]


@pytest.fixture
def docs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the scripts that write the documents importable."""
    monkeypatch.syspath_prepend(ROOT / "docs")


@pytest.mark.usefixtures("docs")
def test_the_page_of_figures_is_up_to_date() -> None:
    page = importlib.import_module("figures").page()
    assert (ROOT / "docs/figures.md").read_text("utf-8") == page, "run: python docs/figures.py"


@pytest.mark.usefixtures("docs")
def test_the_card_of_the_zoo_is_up_to_date() -> None:
    card = importlib.import_module("cards").zoo_card()
    assert (ROOT / "MODEL_CARD.md").read_text("utf-8") == card, "run: python docs/cards.py"
    for recipe in RECIPES:
        assert f"\n## {recipe.stem}\n" in card


@pytest.mark.usefixtures("docs")
def test_the_table_of_packaged_spaces_is_up_to_date() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme == importlib.import_module("cards").readme(), "run: python docs/cards.py"
    for space in SPACES:
        assert f"\n| [{space.name}](zoo/smile_zoo/spaces/{space.name}/README.md) |" in readme


@pytest.mark.usefixtures("docs")
def test_the_catalogue_matches_the_packaged_spaces() -> None:
    catalogue = ROOT / "zoo/smile_zoo/catalogue.jsonl"
    cards = importlib.import_module("cards")
    assert catalogue.read_bytes() == cards.encode_catalogue(cards.catalogued()), "run: python docs/cards.py"
    assert {space.name for space in SPACES} <= {entry.name for entry in cards.catalogued()}


@pytest.mark.usefixtures("docs")
def test_a_published_space_stays_listed_until_its_manifest_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = importlib.import_module("cards")
    published = [
        msgspec.structs.replace(entry, repo=f"org/{entry.name}", revision="c" * 40) for entry in cards.catalogued()
    ]
    outdated = msgspec.structs.replace(published[0], manifest_sha256="0" * 64)
    monkeypatch.setattr(cards, "CATALOGUE", tmp_path / "catalogue.jsonl")
    cards.CATALOGUE.write_bytes(cards.encode_catalogue([outdated, *published[1:]]))
    first, *others = cards.catalogued()
    assert others == published[1:]
    assert first == msgspec.structs.replace(published[0], repo=None, revision=None)


@pytest.mark.parametrize("space", SPACES, ids=lambda path: path.name)
def test_a_packaged_card_is_up_to_date_and_not_pinned(space: Path) -> None:
    card = importlib.import_module("cards").space_card(space)
    assert (space / "README.md").read_text("utf-8") == card, "run: python docs/cards.py"
    assert '"README.md"' not in (space / "config.json").read_text("utf-8"), "the card is not pinned"


@pytest.mark.usefixtures("docs")
def test_a_packaged_card_is_rewritten_only_if_it_is_outdated(pbmc_copy: Path) -> None:
    cards = importlib.import_module("cards")
    card, config = pbmc_copy / "README.md", pbmc_copy / "config.json"
    before = config.read_bytes()
    config.touch()
    touched = config.stat().st_mtime_ns
    cards.renew(pbmc_copy)
    assert (config.stat().st_mtime_ns, config.read_bytes()) == (touched, before)

    card.write_text(card.read_text("utf-8").replace("# Human PBMC", "# Something else") + "\nMy own text.\n", "utf-8")
    cards.renew(pbmc_copy)
    assert "# Human PBMC" in card.read_text("utf-8")
    assert card.read_text("utf-8").endswith("\nMy own text.\n")
    open_space(pbmc_copy, device="cpu")


@pytest.fixture
def zoo(pbmc_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that builds the zoo, on copies of the pbmc space, its recipe and its figures."""
    monkeypatch.syspath_prepend(ROOT / "training")
    script = importlib.import_module("build_zoo")
    monkeypatch.setattr(script, "SPACES", pbmc_copy.parent)
    for suffix in (".toml", ".json"):
        shutil.copy(ROOT / f"training/recipes/pbmc{suffix}", tmp_path)
    return script


def test_a_recipe_with_new_texts_is_described_again_without_training(zoo: ModuleType, tmp_path: Path) -> None:
    path, space = tmp_path / "pbmc.toml", tmp_path / "pbmc"
    before = read_manifest(space)
    assert zoo.is_current(path, tmp_path)
    text = path.read_text("utf-8")
    text = text.replace(f'title = "{before.title}"', 'title = "Blood"').replace(before.sources[0].name, "Some cells")
    text = re.sub('intended_use = ".*"', 'intended_use = "Label any blood"', text)
    path.write_text(text, "utf-8")
    assert not zoo.is_current(path, tmp_path)
    assert zoo.describe(path)
    assert zoo.is_current(path, tmp_path)
    manifest = read_manifest(space)
    assert (manifest.title, manifest.intended_use) == ("Blood", "Label any blood")
    names = [source.name for source in before.sources]
    assert [source.name for source in manifest.sources] == ["Some cells", *names[1:]]
    assert [source.sha256 for source in manifest.sources] == [source.sha256 for source in before.sources]
    assert (manifest.encoders, manifest.metrics) == (before.encoders, before.metrics)
    assert read_recipe(space / "recipe.toml") == read_recipe(path)
    open_space(space, device="cpu")


@pytest.mark.parametrize("change", ["seed = 1", "export = {int8 = true}"])
def test_a_recipe_with_another_setting_is_trained(zoo: ModuleType, tmp_path: Path, change: str) -> None:
    path = tmp_path / "pbmc.toml"
    path.write_text(f"{change}\n{path.read_text('utf-8')}", "utf-8")
    before = (tmp_path / "pbmc/config.json").read_bytes()
    assert not zoo.is_current(path, tmp_path)
    assert not zoo.describe(path)
    assert (tmp_path / "pbmc/config.json").read_bytes() == before
