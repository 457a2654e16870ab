"""``smile-zoo train``: data on stdout, all else on stderr."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import smile_runtime
from smile_runtime.errors import OutputError, RecipeError
from smile_training.cli import train

RECIPE = """\
name = "quick"
title = "Quick"
description = "Simulated cells."
organism = "none"
tissue = "none"
licence = "MIT"
[modalities.rna.data]
path = "counts.h5ad"
batch_key = "batch"
label_key = "cell_type"
[modalities.rna.data.source]
name = "A simulation"
licence = "CC0-1.0"
[network]
hidden = [16]
n_latent = 8
[training]
batch_size = 64
epochs = 2
[reference]
n_landmarks = 12
folds = 2
repeats = 1
map_method = "tsne"
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recipe in a folder of its own, and work in another one."""
    monkeypatch.delenv("SMILE_ZOO_DATA", raising=False)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    path = tmp_path / "recipes/quick.toml"
    path.write_text(RECIPE, "utf-8")
    return path


def test_json_on_stdout_and_progress_on_stderr(recipe: Path, counts_folder: Path) -> None:
    command = [str(recipe), "-o", "out", "--data", str(counts_folder), "--device", "cpu", "--json"]
    result = CliRunner().invoke(train, command, catch_exceptions=False)

    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["space"] == "out"
    assert [metric["name"] for metric in report["metrics"]] == [
        metric.name for metric in smile_runtime.open_space("out").manifest.metrics
    ]
    folds = "90% sets of left-out batches"  # whose figures are those over folds
    assert all(metric["n_repeats"] == 1 for metric in report["metrics"] if folds not in metric["name"])
    assert "\r" not in result.stderr  # no bar, because it is not a terminal
    assert result.stderr.splitlines()[-1] == "wrote out"


def test_by_default_the_data_is_beside_the_recipe_and_the_space_is_named_by_it(
    recipe: Path, counts_folder: Path
) -> None:
    (recipe.parent / "counts.h5ad").write_bytes((counts_folder / "counts.h5ad").read_bytes())
    result = CliRunner().invoke(train, [str(recipe), "--device", "cpu"], catch_exceptions=False)

    assert result.exit_code == 0
    manifest = smile_runtime.open_space("quick").manifest
    lines = result.stdout.splitlines()
    header, _, *rows = ([field.strip() for field in line.strip("|").split("|")] for line in lines)
    table = {(row[0], row[1], method): value for row in rows for method, value in zip(header[2:], row[2:], strict=True)}
    assert header[:3] == ["metric", "modality", "smile"]
    assert {key for key, value in table.items() if value} == {
        (metric.name, metric.modality, metric.method) for metric in manifest.metrics
    }
    for metric in manifest.metrics:
        spread = f" ± {metric.std:.3f}" if metric.n_repeats > 1 else ""  # over folds of batches
        assert table[metric.name, metric.modality, metric.method] == f"{metric.mean:.3f}{spread}"
    assert result.stderr.endswith("wrote quick\n")
    with pytest.raises(OutputError, match="quick exists"):
        CliRunner().invoke(train, [str(recipe)], catch_exceptions=False)


def test_the_environment_names_the_data_folder(recipe: Path, counts_folder: Path, tmp_path: Path) -> None:
    environment = {"SMILE_ZOO_DATA": str(tmp_path / "elsewhere")}
    with pytest.raises(RecipeError, match=r"elsewhere.counts\.h5ad"):
        CliRunner().invoke(train, [str(recipe)], env=environment, catch_exceptions=False)
    with pytest.raises(RecipeError, match=r"recipes.counts\.h5ad"):
        CliRunner().invoke(train, [str(recipe)], catch_exceptions=False)


@pytest.mark.parametrize("arguments", [[], ["a.toml", "--device", "tpu"], ["a.toml", "b.toml"]])
def test_wrong_usage_is_exit_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage: " in result.stderr


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*none\.toml"):
        CliRunner().invoke(train, [str(tmp_path / "none.toml")], catch_exceptions=False)


def _run_without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.modules['torch'] = None; from smile_zoo.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_help_needs_no_torch() -> None:
    result = _run_without_torch("train", "--help")
    assert result.returncode == 0, result.stderr
    assert "Train a space from a RECIPE (.toml), or from DATA files alone" in result.stdout


def test_help_lists_the_options_of_recipes_and_of_data_files_apart() -> None:
    help_text = CliRunner().invoke(train, ["--help"]).stdout
    data, recipe, others = help_text[help_text.index("Options for DATA files:") :].split("\n\n")
    assert ["--labels" in data, "--onto" in data] == [True, False]
    assert recipe.startswith("Options for a RECIPE:")
    assert ["--labels" in recipe, "--onto" in recipe] == [False, True]
    assert others.startswith("Options:\n  -o, --output")


@pytest.mark.parametrize("saved", [False, True])
def test_an_interruption_ends_with_the_way_to_go_on(recipe: Path, saved: bool) -> None:
    code = f"""
import sys
from pathlib import Path
from smile_training import build
from smile_zoo.cli.main import main
def build_space(*_, **__):
    if {saved}:
        Path("quick.checkpoint").mkdir()
    raise KeyboardInterrupt
build.build_space = build_space
main()
"""
    command = [sys.executable, "-c", code, "train", str(recipe)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = ["Interrupted: nothing was left half-written."]
    lines += ["quick.checkpoint holds the training so far; continue with --resume"] if saved else []
    assert (result.returncode, result.stderr.split("\n", 1)[1].splitlines()) == (130, lines)


def test_training_without_torch_says_what_to_install(recipe: Path) -> None:
    result = _run_without_torch("train", str(recipe))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: training needs packages that are not installed")
    assert result.stderr.endswith("install them with: pip install 'smile-zoo[train,cpu]'\n")
    assert not Path("quick.checkpoint").exists()
