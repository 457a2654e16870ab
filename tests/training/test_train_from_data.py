"""``smile-zoo train`` on data files, without a recipe."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anndata
import msgspec
import pytest
from click.testing import CliRunner, Result

import smile_runtime
from smile_runtime.cards import unstated_facts
from smile_runtime.errors import OutputError
from smile_training import read_recipe
from smile_training.cli import train
from smile_training.draft import drafting
from smile_training.reference import mapped_reference


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated: Callable[..., anndata.AnnData]) -> Path:
    """Work in a folder with data, where spaces are mapped by t-SNE, as UMAP compiles for half a minute."""
    monkeypatch.setenv("SMILE_ZOO_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mapped_reference, "fit_map", lambda embedding, _method, seed: _tsne(embedding, "tsne", seed))
    simulated().write_h5ad(tmp_path / "atlas.h5ad")
    return tmp_path


_tsne = mapped_reference.fit_map
_invoke = partial(CliRunner().invoke, train, catch_exceptions=False)


def run(*arguments: str) -> Result:
    result = _invoke([*arguments, "--device", "cpu", "--epochs", "2"])
    assert result.exit_code == 0, result.stderr
    return result


def test_a_space_is_trained_and_can_be_trained_again_from_its_recipe(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = run("atlas.h5ad", "--labels", "cell_type", "--batch", "batch", "--no-evaluation", "-o", "my-space")
    lines = result.stderr.splitlines()
    assert lines[0].startswith("my-space: 180 cells, 90 features (rna)")
    assert lines[-1] == "wrote my-space"
    space = smile_runtime.open_space("my-space", device="cpu")
    assert space.manifest.encoders["rna"].calibrations == {}
    assert {metric.method for metric in space.manifest.metrics} == {"smile"}
    assert "recipe.toml" in space.manifest.files
    resume = ["atlas.h5ad", "--labels", "cell_type", "--batch", "batch", "-o", "my-space", "--resume"]
    assert run(*resume, "--no-evaluation").exit_code == 0
    with pytest.raises(OutputError, match="my-space is complete, but was built without evaluation") as caught:
        run(*resume)
    assert caught.value.options == {"resume": False, "force": True}
    needs = "description, license, organism, tissue, source of the data"
    assert f"publishing will also need: {needs} (smile-zoo describe)" in caplog.messages
    assert list(unstated_facts(space.manifest, space.manifest.sources)) == needs.split(", ")
    assert str(folder) not in Path("my-space/recipe.toml").read_text("utf-8")

    again = _invoke(
        ["my-space/recipe.toml", "--data", str(folder), "-o", "again", "--device", "cpu", "--no-evaluation"]
    )
    assert again.exit_code == 0, again.stderr
    assert smile_runtime.read_manifest(Path("again")).files == space.manifest.files
    assert read_recipe(Path("again/recipe.toml")) == read_recipe(Path("my-space/recipe.toml"))


def test_a_space_without_evaluation_labels_every_cell_and_says_so(folder: Path) -> None:
    run("atlas.h5ad", "--labels", "cell_type", "--no-evaluation")
    cells = anndata.read_h5ad("atlas.h5ad")
    smile_runtime.project(cells, smile_runtime.open_space("atlas", device="cpu"))
    assert set(cells.obs["smile_label"]) <= {"type0", "type1", "type2"}
    assert cells.obs["smile_confidence"].between(0, 1).all()
    assert "smile_similarity" not in cells.obs
    card = (folder / "atlas/README.md").read_text("utf-8")
    assert "No cell was left out of training to measure this space" in card
    assert "From a single training run." in card
    assert "Confidence is calibrated" not in card
    assert "cross-validation" not in card


def test_a_space_is_evaluated_by_default() -> None:
    run("atlas.h5ad", "--labels", "cell_type", "--batch", "batch", "--name", "measured", "--title", "Measured")
    manifest = smile_runtime.read_manifest(Path("measured"))
    assert manifest.title == "Measured"
    assert list(manifest.encoders["rna"].calibrations) == ["cell_type"]
    assert "No cell was left out" not in Path("measured/README.md").read_text("utf-8")


def test_several_files_become_one_space(folder: Path, simulated: Callable[..., anndata.AnnData]) -> None:
    simulated(seed=1).write_h5ad(folder / "second.h5ad")
    result = run("atlas.h5ad", "second.h5ad", "--labels", "cell_type", "--no-evaluation", "-o", "both")
    assert "note: cell names are repeated across files" in result.stderr
    manifest = smile_runtime.read_manifest(Path("both"))
    assert manifest.reference.n_cells == 360
    assert [source.name for source in manifest.sources] == ["not stated"] * 2
    assert read_recipe(Path("both/recipe.toml")).modalities["rna"].data.path == ["atlas.h5ad", "second.h5ad"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.toml", "b.h5ad"], "a.toml is a recipe, which is trained alone"),
        (["a.toml", "--labels", "x"], "--labels goes with data files; set it in the recipe instead"),
        (["a.toml", "--epochs", "3"], "--epochs goes with data files"),
        (["a.h5ad", "--data", "x"], "--data goes with a recipe, not with data files; omit it"),
        (["a.h5ad", "--epochs", "0"], "0 is not in the range"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(arguments: list[str], message: str) -> None:
    result = _invoke(arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_space_is_no_data(folder: Path) -> None:
    (folder / "space").mkdir()
    (folder / "space/config.json").touch()
    result = _invoke(["space"])
    assert result.exit_code == 2
    assert "space is a space; train its recipe again with: space/recipe.toml" in result.stderr


def test_many_cells_are_measured_by_one_training_on_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "_MAX_SMALL_CELLS", 100)
    run("atlas.h5ad", "--labels", "cell_type", "--batch", "batch")
    space = smile_runtime.open_space("atlas", device="cpu")
    recipe = read_recipe(Path("atlas/recipe.toml"))
    assert (recipe.reference.evaluation, recipe.training.max_steps) == ("sample", 3000)
    figures = {record.name: record.n_repeats for record in space.manifest.metrics if record.method == "smile"}
    assert {"label transfer accuracy", "label transfer accuracy of left-out batches"} <= set(figures)
    assert set(figures.values()) == {1}
    assert space.manifest.encoders["rna"].calibrations
    assert space.manifest.encoders["rna"].stress

    run("atlas.h5ad", "--labels", "cell_type", "--batch", "batch", "--evaluation", "full", "--force")
    assert read_recipe(Path("atlas/recipe.toml")).reference.evaluation is msgspec.UNSET
    run("atlas.h5ad", "--labels", "cell_type", "--evaluation", "none", "--force")
    assert not smile_runtime.open_space("atlas", device="cpu").manifest.encoders["rna"].calibrations


def test_contradicting_evaluations_are_wrong_usage() -> None:
    result = _invoke(["atlas.h5ad", "--labels", "cell_type", "--evaluation", "full", "--no-evaluation"])
    assert result.exit_code == 2
    assert "--no-evaluation and --evaluation full contradict one another" in result.stderr
