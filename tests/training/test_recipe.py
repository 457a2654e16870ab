"""Recipes: published defaults, presets, and what is refused."""

from pathlib import Path

import msgspec
import pytest

from smile_runtime.errors import RecipeError
from smile_training import read_recipe
from smile_training.recipe import PRESETS, resolve_recipe

RECIPES = Path(__file__).parents[2] / "training/recipes"

ABOUT = """\
name = "tiny"
title = "Tiny"
description = "A description."
organism = "Homo sapiens"
tissue = "blood"
licence = "MIT"
"""
DATA = """
[data]
path = "cells.h5ad"
[data.source]
name = "a study"
licence = "CC-BY-4.0"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.toml"


def write(path: Path, top: str = "", tables: str = "", data: str = DATA) -> Path:
    path.write_text(ABOUT + top + "\n" + data + tables, "utf-8")
    return path


def test_defaults_are_the_published_settings(path: Path) -> None:
    plain = msgspec.to_builtins(read_recipe(write(path)))

    assert {key: plain[key] for key in ("batch_size", "epochs", "precision", "stem", "preset", "modality")} == {
        "batch_size": 512,
        "epochs": 5,
        "precision": "float32",
        "stem": None,
        "preset": "published",
        "modality": "rna",
    }
    assert plain["network"] == {"hidden": [1000, 512], "n_latent": 128, "n_projection": 32, "n_pseudo_types": 25}
    assert plain["loss"] == {"temperature": 0.05, "pseudo_type_temperature": 0.15}
    assert plain["optimiser"] == {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
    assert plain["noise"] == {"gaussian": 1.0, "masking": 0.0}
    assert plain["preprocessing"] == {"target_sum": 1e4, "log1p": True, "scaling": "sd"}
    assert plain["pairing"]["kind"] == "self"
    assert plain["data"]["n_top_features"] == 2000


def test_stem_preset(path: Path) -> None:
    recipe = read_recipe(write(path, 'preset = "stem"'))

    assert recipe.stem is not None
    assert recipe.stem.n_components == 50
    assert recipe.preprocessing.scaling == "sqrt_sd"
    assert recipe.preprocessing.target_sum == 1e4
    assert recipe.pairing.kind == "neighbour"
    assert recipe.noise.gaussian == 0.15
    assert recipe.network.hidden == [1000, 512]
    assert recipe.epochs == 300


def test_own_fields_come_on_top_of_the_preset_and_leave_its_others(path: Path) -> None:
    tables = """
    [noise]
    masking = 0.2
    [stem]
    n_components = 7
    [pairing]
    kind = "label"
    [preprocessing]
    log1p = false
    """
    recipe = read_recipe(write(path, 'preset = "stem"\nepochs = 9', tables))

    assert (recipe.noise.masking, recipe.noise.gaussian) == (0.2, 0.15)
    assert recipe.stem is not None
    assert recipe.stem.n_components == 7
    assert recipe.pairing.kind == "label"
    assert (recipe.preprocessing.log1p, recipe.preprocessing.scaling) == (False, "sqrt_sd")
    assert recipe.epochs == 9


def test_reading_a_recipe_leaves_the_preset_as_it_was(path: Path) -> None:
    before = msgspec.json.encode(PRESETS)
    read_recipe(write(path, 'preset = "stem"', "[noise]\nmasking = 0.2\n[stem]\nn_components = 7"))
    assert msgspec.json.encode(PRESETS) == before


def test_a_resolved_recipe_resolves_to_itself(path: Path) -> None:
    """The manifest keeps the resolved recipe, from which the space can be built again."""
    recipe = read_recipe(write(path, 'preset = "stem"', "[noise]\ngaussian = 0.3"))
    assert resolve_recipe(msgspec.to_builtins(recipe), "manifest") == recipe


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.toml")), ids=lambda recipe: recipe.stem)
def test_recipes_of_the_project_can_be_read(recipe: Path) -> None:
    assert read_recipe(recipe).name == recipe.stem


@pytest.mark.parametrize(
    ("top", "tables", "said"),
    [
        ("epoch = 3", "", "epoch"),
        ("", "[noise]\nsigma = 0.1", "sigma"),
        ("", "[reference]\nn_landmark = 3", "$.reference"),
        ("epochs = 'five'", "", "$.epochs"),
        ("epochs = 2.5", "", "$.epochs"),
        ("epochs = true", "", "$.epochs"),
        ("", "[network]\nhidden = 512", "$.network.hidden"),
        ("", "[pairing]\nkind = 'cousin'", "$.pairing.kind"),
        ("", "[preprocessing]\nscaling = 'max'", "$.preprocessing.scaling"),
        ("variant = 'smiling'", "", "$.variant"),
        ("preset = 'best'", "", "$.preset"),
        ("precision = 'float16'", "", "$.precision"),
        ("batch_size = 1", "", "batch_size"),
        ("epochs = 0", "", "epochs"),
        ("", "[noise]\ngaussian = -0.5", "noise.gaussian"),
        ("", "[noise]\ngaussian = nan", "noise.gaussian"),
        ("", "[noise]\nmasking = -0.1", "noise.masking"),
        ("", "[loss]\ntemperature = 0.0", "loss.temperature"),
        ("", "[loss]\npseudo_type_temperature = 0.0", "loss.pseudo_type_temperature"),
        ("", "[network]\nn_latent = 0", "network.n_latent"),
        ("", "[network]\nn_projection = 0", "network.n_projection"),
        ("", "[network]\nn_pseudo_types = 1", "network.n_pseudo_types"),
        ("", "[pairing]\nn_neighbors = 0", "pairing.n_neighbors"),
        ("", "[reference]\nfolds = 1", "reference.folds"),
        ("", "[reference]\nrepeats = 0", "reference.repeats"),
        ("", "[reference]\nn_landmarks = 0", "reference.n_landmarks"),
        ("", "[reference]\nn_neighbors = 0", "reference.n_neighbors"),
    ],
)
def test_a_wrong_field_is_refused_by_name_and_file(path: Path, top: str, tables: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(path, top, tables))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("top", "tables", "said"),
    [
        ("", "[optimiser]\nlr = -0.01", "optimiser.lr"),
        ("", "[optimiser]\nlr = nan", "optimiser.lr"),
        ("", "[optimiser]\nmomentum = -0.5", "optimiser.momentum"),
        ("", "[optimiser]\nweight_decay = -1.0", "optimiser.weight_decay"),
        ("", "[noise]\nmasking = 1.5", "noise.masking"),
        ("", "[noise]\ngaussian = inf", "noise.gaussian"),
        ("", "[network]\nhidden = [0]", "network.hidden"),
        ("", "[stem]\nn_components = 0", "stem.n_components"),
        ("", "[preprocessing]\ntarget_sum = 0.0", "preprocessing.target_sum"),
        ("", "[reference]\nmin_matched = 7.0", "reference.min_matched"),
        ("seed = -1", "", "seed"),
        ("preset = ['stem']", "", "preset"),
        ("modality = '../rna'", "", "modality"),
        ("", "[network]\nhidden = [32, -1]", "network.hidden"),
        ("", "[noise]\nmasking = 1.0", "noise.masking"),
        ("", "[optimiser]\nmomentum = 1.0", "optimiser.momentum"),
    ],
)
def test_a_field_that_training_could_not_use_is_refused(path: Path, top: str, tables: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(path, top, tables))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../elsewhere",
        "a/b",
        "/tmp/x",
        ".hidden",
        r"a\n",
    ],
)
def test_a_name_that_is_no_folder_name_is_refused(path: Path, name: str) -> None:
    """The command writes to ./NAME by default."""
    path.write_text(ABOUT.replace('name = "tiny"', f'name = "{name}"') + DATA, "utf-8")
    with pytest.raises(RecipeError, match="name"):
        read_recipe(path)


def test_a_missing_field_is_named(path: Path) -> None:
    with pytest.raises(RecipeError, match=r"some\.toml.*`data`"):
        read_recipe(write(path, data=""))
    with pytest.raises(RecipeError, match=r"some\.toml.*`source`"):
        read_recipe(write(path, data="[data]\npath = 'cells.h5ad'\n"))


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*some\.toml: No such file"):
        read_recipe(path)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b'{"name": "tiny"}'])
def test_what_is_not_toml_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"some\.toml is not TOML"):
        read_recipe(path)
