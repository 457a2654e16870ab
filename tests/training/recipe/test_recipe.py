"""Recipes: published defaults, presets and validation."""

from pathlib import Path

import msgspec
import pytest

from smile_runtime.cards import unstated_facts
from smile_runtime.errors import RecipeError
from smile_training import read_recipe
from smile_training.export.recipe_writer import write_recipe
from smile_training.recipe import term_names
from smile_training.recipe.fingerprint import recipe_sha256
from smile_training.recipe.presets import KINDS, PRESETS
from smile_training.recipe.read import resolve_recipe

RECIPES = Path(__file__).parents[3] / "training/recipes"

ABOUT = """\
name = "tiny"
title = "Tiny"
description = "A description."
organism = "Homo sapiens"
tissue = "blood"
licence = "MIT"
"""
DATA = """
[modalities.rna.data]
path = "cells.h5ad"
[modalities.rna.data.source]
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
    training, (rna,) = plain["training"], plain["modalities"].values()

    assert (plain["variant"], plain["preset"], list(plain["modalities"])) == ("smile", "published", ["rna"])
    assert {key: training[key] for key in ("batch_size", "epochs", "pretraining_epochs", "precision")} == {
        "batch_size": 512,
        "epochs": 5,
        "pretraining_epochs": 0,
        "precision": "float32",
    }
    assert plain["network"] == {
        "hidden": [1000, 512],
        "n_latent": 128,
        "n_projection": 32,
        "n_pseudo_types": 25,
        "negative_slope": 0.0,
        "heads": True,
    }
    assert (training["loss"]["temperature"], training["loss"]["pseudo_type_temperature"]) == (0.05, 0.15)
    assert training["optimiser"] == {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
    assert training["pairing"]["kind"] == "self"
    assert (rna["kind"], rna["stem"]) == ("rna", None)
    assert rna["noise"] == {"gaussian": 1.0, "masking": 0.0, "min_depth": 1.0, "min_features": 1.0, "ambient": 0.0}
    assert rna["preprocessing"] == {
        "values": "expression",
        "binarise": False,
        "target_sum": 1e4,
        "clr": False,
        "per_band": False,
        "log1p": True,
        "tfidf": False,
        "scaling": "sd",
    }
    assert rna["data"]["n_top_features"] == 2000


def test_stem_preset(path: Path) -> None:
    recipe = read_recipe(write(path, 'preset = "stem"'))
    rna = recipe.modalities["rna"]

    assert rna.stem is not None
    assert (rna.stem.kind, rna.stem.n_components) == ("pca", 50)
    assert rna.preprocessing.scaling == "sqrt_sd"
    assert rna.preprocessing.target_sum == 1e4
    assert recipe.training.pairing.kind == "neighbour"
    assert (rna.noise.gaussian, rna.noise.min_depth, rna.noise.min_features) == (0.15, 0.05, 0.3)
    assert recipe.network.hidden == [1000, 512]
    assert recipe.training.epochs == 300


def test_fields_of_the_recipe_override_only_those_of_the_preset(path: Path) -> None:
    tables = """
    [modalities.rna.noise]
    masking = 0.2
    [modalities.rna.stem]
    n_components = 7
    [modalities.rna.preprocessing]
    log1p = false
    [training]
    epochs = 9
    [training.pairing]
    n_neighbors = 3
    """
    recipe = read_recipe(write(path, 'preset = "stem"', tables))
    rna = recipe.modalities["rna"]

    assert (rna.noise.masking, rna.noise.gaussian) == (0.2, 0.15)
    assert rna.stem is not None
    assert rna.stem.n_components == 7
    assert (recipe.training.pairing.kind, recipe.training.pairing.n_neighbors) == ("neighbour", 3)
    assert (rna.preprocessing.log1p, rna.preprocessing.scaling) == (False, "sqrt_sd")
    assert recipe.training.epochs == 9
    by_label = read_recipe(write(path, 'preset = "stem"', "[training.pairing]\nkind = 'label'"))
    assert (by_label.training.pairing.kind, by_label.training.epochs) == ("label", 300)


def test_reading_a_recipe_does_not_change_the_presets(path: Path) -> None:
    before = msgspec.json.encode([PRESETS, KINDS])
    tables = "[modalities.rna.noise]\nmasking = 0.2\n[modalities.rna.stem]\nn_components = 7\n[training]\nepochs = 9"
    read_recipe(write(path, 'preset = "stem"', tables))
    assert msgspec.json.encode([PRESETS, KINDS]) == before


def test_a_resolved_recipe_resolves_to_itself(path: Path) -> None:
    """The manifest keeps the resolved recipe, from which the space can be built again."""
    recipe = read_recipe(write(path, 'preset = "stem"', "[modalities.rna.noise]\ngaussian = 0.3"))
    assert resolve_recipe(msgspec.to_builtins(recipe), "manifest") == recipe


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.toml")), ids=lambda recipe: recipe.stem)
def test_committed_recipes_are_valid(recipe: Path) -> None:
    assert read_recipe(recipe).name == recipe.stem


@pytest.mark.parametrize(
    ("top", "tables", "message"),
    [
        ("", "[training]\nepoch = 3", "epoch"),
        ("", "[modalities.rna.noise]\nsigma = 0.1", "sigma"),
        ("", "[reference]\nn_landmark = 3", "$.reference"),
        ("", "[training]\nepochs = 'five'", "$.training.epochs"),
        ("", "[training]\nepochs = 2.5", "$.training.epochs"),
        ("", "[training]\nepochs = true", "$.training.epochs"),
        ("", "[network]\nhidden = 512", "$.network.hidden"),
        ("", "[training.pairing]\nkind = 'cousin'", "$.training.pairing.kind"),
        ("", "[modalities.rna.preprocessing]\nscaling = 'max'", "$.modalities.rna.preprocessing.scaling"),
        ("variant = 'smiling'", "", "$.variant"),
        ("preset = 'best'", "", "$.preset"),
        ("", "[training]\nprecision = 'float16'", "$.training.precision"),
        ("", "[training]\nbatch_size = 1", "batch_size"),
        ("", "[training]\nepochs = 0", "epochs"),
        ("", "[modalities.rna.noise]\ngaussian = -0.5", "noise.gaussian"),
        ("", "[modalities.rna.noise]\ngaussian = nan", "noise.gaussian"),
        ("", "[modalities.rna.noise]\nmasking = -0.1", "noise.masking"),
        ("", "[training.loss]\ntemperature = 0.0", "loss.temperature"),
        ("", "[training.loss]\npseudo_type_temperature = 0.0", "loss.pseudo_type_temperature"),
        ("", "[network]\nn_latent = 0", "network.n_latent"),
        ("", "[network]\nn_projection = 0", "network.n_projection"),
        ("", "[network]\nn_pseudo_types = 1", "network.n_pseudo_types"),
        ("", "[training.pairing]\nn_neighbors = 0", "pairing.n_neighbors"),
        ("", "[reference]\nfolds = 1", "reference.folds"),
        ("", "[reference]\nrepeats = 0", "reference.repeats"),
        ("", "[reference]\nn_landmarks = 0", "reference.n_landmarks"),
        ("", "[reference]\nn_neighbors = 0", "reference.n_neighbors"),
        ("", "[training.optimiser]\nlr = -0.01", "optimiser.lr"),
        ("", "[training.optimiser]\nlr = nan", "optimiser.lr"),
        ("", "[training.optimiser]\nmomentum = -0.5", "optimiser.momentum"),
        ("", "[training.optimiser]\nweight_decay = -1.0", "optimiser.weight_decay"),
        ("", "[modalities.rna.noise]\nmasking = 1.5", "noise.masking"),
        ("", "[modalities.rna.noise]\ngaussian = inf", "noise.gaussian"),
        ("", "[network]\nhidden = [0]", "network.hidden"),
        ("", "[modalities.rna.stem]\nn_components = 0", "stem.n_components"),
        ("", "[modalities.rna.preprocessing]\ntarget_sum = 0.0", "preprocessing.target_sum"),
        ("", "[reference]\nmin_matched = 7.0", "reference.min_matched"),
        ("seed = -1", "", "seed"),
        ("preset = ['stem']", "", "preset"),
        ("", "[modalities.'../rna']\nkind = 'rna'\n[modalities.'../rna'.data]", "`key` in `$.modalities`"),
        ("", "[network]\nhidden = [32, -1]", "network.hidden"),
        ("", "[modalities.rna.noise]\nmasking = 1.0", "noise.masking"),
        ("", "[training.optimiser]\nmomentum = 1.0", "optimiser.momentum"),
        ("", "[modalities.rna.noise]\nmin_depth = 0.0", "noise.min_depth"),
        ("", "[modalities.rna.noise]\nmin_features = 1.5", "noise.min_features"),
        ("", "[modalities.rna.noise]\nambient = -0.1", "noise.ambient"),
        ("", "[modalities.rna.noise]\nmin_depth = 0.5", "need a stem; add [modalities.rna.stem]"),
        (
            "preset = 'stem'",
            "[modalities.rna.noise]\nambient = 0.2\nmin_depth = 1\n[modalities.rna.preprocessing]\nvalues = 'levels'",
            "noise.ambient = 0.2 for rna, whose values are levels and not counts; set noise.ambient = 0",
        ),
        (
            "preset = 'stem'",
            "[modalities.rna.preprocessing]\nvalues = 'numbers'",
            "noise.min_depth = 0.05 for rna, whose values are numbers and not counts; set noise.min_depth = 1",
        ),
    ],
)
def test_an_error_names_the_invalid_field_and_the_file(path: Path, top: str, tables: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(path, top, tables))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", "/tmp/x", ".hidden", r"a\n"])
def test_a_name_that_cannot_be_a_folder_name_is_rejected(path: Path, name: str) -> None:
    """The command writes to ./NAME by default."""
    path.write_text(ABOUT.replace('name = "tiny"', f'name = "{name}"') + DATA, "utf-8")
    with pytest.raises(RecipeError, match="name"):
        read_recipe(path)


def test_an_error_names_a_missing_field(path: Path) -> None:
    with pytest.raises(RecipeError, match=r"some\.toml.*`modalities`"):
        read_recipe(write(path, data=""))
    with pytest.raises(RecipeError, match=r"some\.toml.*`data`"):
        read_recipe(write(path, data="[modalities.rna]\n"))
    with pytest.raises(RecipeError, match=r"some\.toml.*`path`"):
        read_recipe(write(path, data="[modalities.rna.data]\n"))


def test_intended_use_changes_no_fingerprint(path: Path) -> None:
    plain = read_recipe(write(path))
    stated = read_recipe(write(path, 'intended_use = "Label cells of a tiny sample"'))
    assert "intended_use" not in msgspec.to_builtins(plain)
    assert (stated.intended_use, recipe_sha256(stated)) == ("Label cells of a tiny sample", recipe_sha256(plain))
    for text in ("", "x" * 101, "two\\nlines"):
        with pytest.raises(RecipeError, match=r"\$\.intended_use"):
            read_recipe(write(path, f'intended_use = "{text}"'))


def test_terms_are_current_ones_of_the_cell_ontology_and_change_no_fingerprint(path: Path) -> None:
    plain = read_recipe(write(path))
    stated = read_recipe(write(path, data=f'{DATA}\n[ontology]\n"T cells" = "CL:0000084"\n'))
    assert "ontology" not in msgspec.to_builtins(plain)
    assert (stated.ontology, recipe_sha256(stated)) == ({"T cells": "CL:0000084"}, recipe_sha256(plain))
    assert term_names()["CL:0000084"] == "T cell"
    for term, message in (("CL:84", r"\$\.ontology"), ("CL:0000493", "which is not a current term")):  # obsolete
        with pytest.raises(RecipeError, match=message):
            read_recipe(write(path, data=f'{DATA}\n[ontology]\n"T cells" = "{term}"\n'))


def test_facts_may_be_left_open(path: Path) -> None:
    path.write_text('name = "tiny"\n[modalities.rna.data]\npath = "cells.h5ad"\n', "utf-8")
    recipe = read_recipe(path)
    assert recipe.title == "tiny"
    assert {recipe.description, recipe.organism, recipe.tissue, recipe.license} == {"not stated"}
    (source,) = (modality.data.source for modality in recipe.modalities.values())
    assert list(unstated_facts(recipe, [source])) == [
        "description",
        "license",
        "organism",
        "tissue",
        "source of the data",
    ]


def test_a_written_recipe_is_read_as_the_same_recipe(path: Path) -> None:
    recipe = read_recipe(write(path, 'preset = "stem"', "[modalities.rna.noise]\ngaussian = 0.3"))
    write_recipe(path, msgspec.to_builtins(recipe))
    assert read_recipe(path) == recipe


def test_an_error_names_a_missing_file(path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*some\.toml: No such file"):
        read_recipe(path)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b'{"name": "tiny"}'])
def test_a_file_that_is_not_toml_is_rejected(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"some\.toml is not TOML"):
        read_recipe(path)


LABELS = "label_key = 'type'\n"


def two_modalities(rna: str, adt: str) -> str:
    source = "source = {name = 'a', licence = 'b'}\n"
    return "".join(
        f"[modalities.{name}.data]\npath = '{name}.h5ad'\n{source}{columns}"
        for name, columns in (("rna", rna), ("adt", adt))
    )


def test_further_label_columns_of_all_modalities_are_combined(path: Path) -> None:
    more = "levels = ['broad', 'middle']\nmore_labels = ['tissue']\n"
    data = two_modalities(LABELS + more, "label_key = 'kind'\nmore_labels = ['donor', 'tissue']\n")
    recipe = read_recipe(write(path, "variant = 'psmile'", data=data))
    assert recipe.further_label_columns == (["broad", "middle"], [], ["tissue", "donor"])


@pytest.mark.parametrize(
    ("rna", "adt", "message"),
    [
        ("levels = ['broad']\n", "", "has levels or more_labels for rna and no data.label_key"),
        ("", "more_labels = ['tissue']\n", "has levels or more_labels for adt and no data.label_key"),
        (LABELS + "levels = ['type']\n", "", "names the label column 'type' of rna twice"),
        (LABELS + "levels = ['a']\nmore_labels = ['a']\n", "", "names the label column 'a' of rna twice"),
        (LABELS + "levels = ['a']\n", "label_key = 'a'\n", "names the label column 'a' of adt twice"),
        (LABELS + "levels = ['a']\n", LABELS + "levels = ['b']\n", "the levels b for adt and a for another modality"),
        (LABELS + "levels = ['a/b']\n", "", "data.levels"),
        ("finer_levels = ['fine']\n", "", "has levels or more_labels for rna and no data.label_key"),
        (LABELS + "levels = ['a']\nfiner_levels = ['a']\n", "", "names the label column 'a' of rna twice"),
        (
            LABELS + "finer_levels = ['a']\n",
            LABELS + "finer_levels = ['b']\n",
            "the finer_levels b for adt and a for another modality",
        ),
        (LABELS + "groups.broad.T = ['CD4']\n", "", "groups the labels of rna as 'broad', which is no label column"),
        (
            LABELS + "finer_levels = ['fine']\ngroups.fine.T = ['CD4']\n",
            "",
            "groups the labels of rna as 'fine', which is finer than they are; move it from data.finer_levels",
        ),
        (
            LABELS + "levels = ['broad']\ngroups.broad = {T = ['CD4', 'CD8'], B = ['CD8']}\n",
            "",
            "puts the label 'CD8' of rna into 'T' and 'B' of 'broad'",
        ),
        ("", "gene_symbols = true\n", "sets data.gene_symbols for adt, which is of the kind adt"),
    ],
)
def test_contradictory_label_columns_are_rejected(path: Path, rna: str, adt: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(path, "variant = 'psmile'", data=two_modalities(rna, adt)))
    assert message in str(caught.value)


@pytest.mark.parametrize("variant", ["smile", "reference"])
def test_canonical_variates_need_a_variant_with_pairs(path: Path, variant: str) -> None:
    data = DATA if variant == "smile" else two_modalities("", "")
    stem = "[modalities.rna.stem]\ncanonical = true\n"
    with pytest.raises(
        RecipeError, match=rf"sets stem\.canonical for rna, .* and {variant} has none; .* choose psmile"
    ):
        read_recipe(write(path, f"variant = '{variant}'", data=data + stem))


def test_a_teacher_of_several_students_shares_variates_with_none(path: Path) -> None:
    third = "[modalities.atac.data]\npath = 'atac.h5ad'\nsource = {name = 'a', licence = 'b'}\n"
    data = two_modalities("", "") + third
    read_recipe(write(path, "variant = 'composition'", data=data + "[modalities.adt.stem]\ncanonical = true\n"))
    with pytest.raises(RecipeError, match="for rna, which is paired with several modalities; leave it out there"):
        read_recipe(write(path, "variant = 'composition'", data=data + "[modalities.rna.stem]\ncanonical = true\n"))


def test_gene_symbols_need_an_organism_whose_genes_are_known(path: Path) -> None:
    read_recipe(write(path, data=DATA.replace("path", "gene_symbols = true\npath", 1)))
    path.write_text(path.read_text("utf-8").replace("Homo sapiens", "Danio rerio"), "utf-8")
    with pytest.raises(RecipeError, match="gene names of the organism 'Danio rerio' are not known; set organism to "):
        read_recipe(path)


def test_renamed_and_grouped_labels_survive_writing(path: Path, tmp_path: Path) -> None:
    fields = "label_key = 'type'\nlevels = ['broad']\nfiner_levels = ['fine']\ngroups.broad = {'T cell' = ['CD4 T']}\n"
    recipe = read_recipe(write(path, data=DATA.replace("path", fields + "renamed_labels = {'B cells' = 'B'}\npath", 1)))
    write_recipe(tmp_path / "written.toml", msgspec.to_builtins(recipe))
    assert read_recipe(tmp_path / "written.toml") == recipe
    assert recipe.modalities["rna"].data.groups == {"broad": {"T cell": ["CD4 T"]}}


def several_sources(n: int) -> str:
    """Return the data of two files, with so many sources."""
    source = '[[modalities.rna.data.source]]\nname = "study {}"\nlicence = "CC-BY-4.0"\n'
    return '\n[modalities.rna.data]\npath = ["one.h5ad", "two.h5ad"]\n' + "".join(map(source.format, range(n)))


def test_each_file_may_have_its_own_source(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(write(path, data=several_sources(2)))
    assert [source.name for source in recipe.modalities["rna"].data.sources] == ["study 0", "study 1"]
    write_recipe(tmp_path / "again.toml", msgspec.to_builtins(recipe))
    assert read_recipe(tmp_path / "again.toml") == recipe


def test_files_share_a_single_source(path: Path) -> None:
    data = DATA.replace('"cells.h5ad"', '["one.h5ad", "two.h5ad"]')
    assert [source.name for source in read_recipe(write(path, data=data)).modalities["rna"].data.sources] == [
        "a study",
        "a study",
    ]


def test_there_is_a_source_for_each_file_or_one(path: Path) -> None:
    with pytest.raises(RecipeError, match=r"3 data\.source for the 2 files of rna; give one for each"):
        read_recipe(write(path, data=several_sources(3)))
