"""The spaces that come with the package are what the committed recipes build."""

from pathlib import Path

import msgspec
import pytest

from smile_runtime import read_manifest
from smile_training import read_recipe

ROOT = Path(__file__).parents[2]
SPACES = sorted(path.parent for path in (ROOT / "zoo/smile_zoo/spaces").glob("*/config.json"))


@pytest.mark.parametrize("space", SPACES, ids=lambda path: path.name)
def test_packaged_space_holds_its_recipe(space: Path) -> None:
    recipe = read_recipe(ROOT / f"training/recipes/{space.name}.toml")
    assert read_manifest(space).recipe == msgspec.to_builtins(recipe)
