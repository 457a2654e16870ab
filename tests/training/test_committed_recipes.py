"""What is committed fits together: recipes, the figures they gave, the page of figures, the packaged spaces."""

import importlib.util
import json
from pathlib import Path

import msgspec
import pytest

from smile_runtime import read_manifest
from smile_training import read_recipe
from smile_training.recipe import fingerprint

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "training/recipes").glob("*.toml"))
SPACES = sorted(path.parent for path in (ROOT / "zoo/smile_zoo/spaces").glob("*/config.json"))


@pytest.mark.parametrize("space", SPACES, ids=lambda path: path.name)
def test_packaged_space_holds_its_recipe(space: Path) -> None:
    recipe = read_recipe(ROOT / f"training/recipes/{space.name}.toml")
    assert read_manifest(space).recipe == msgspec.json.decode(msgspec.json.encode(recipe))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_figures_are_of_the_recipe_as_it_is(path: Path) -> None:
    recipe = read_recipe(path)
    figures = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert recipe.name == path.stem == figures["space"]
    assert figures["recipe_sha256"] == fingerprint(recipe), "measure again: docs/figures.md says how"
    assert {metric["n_repeats"] for metric in figures["metrics"]} == {recipe.reference.repeats}


def test_packaged_figures_are_those_of_the_recipe() -> None:
    for space in SPACES:
        figures = json.loads((ROOT / f"training/recipes/{space.name}.json").read_text("utf-8"))
        assert msgspec.to_builtins(read_manifest(space).metrics) == figures["metrics"]


def test_the_page_of_figures_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("figures", ROOT / "docs/figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/figures.md").read_text("utf-8") == module.page(), "run: python docs/figures.py"
