"""``smile-zoo extend``: the report on stdout, all else on stderr."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import smile_runtime
from smile_runtime import RecipeError
from smile_training.cli import extend

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **more: CliRunner().invoke(
        extend, [str(each) for each in arguments], catch_exceptions=False, **more
    )


def test_json_on_stdout(run: Run, known_space: Path, folder: Path) -> None:
    title = ("--title", "Known and more", "--source-name", "My cells")
    result = run(folder / "added.h5ad", known_space, "--labels", "cell_type", "-o", "out", *title, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    manifest = smile_runtime.read_manifest(Path("out"))
    assert report["space"] == "out"
    assert report["extension"]["new_labels"] == ["type3"]
    assert {each["name"] for each in report["metrics"]} >= {"label transfer accuracy of added cells, My cells"}
    assert all("added cells" in each["name"] for each in report["metrics"])
    assert (manifest.name, manifest.title) == ("out", "Known and more")
    assert result.stderr.splitlines()[-1].startswith("wrote out: 180 cells added to known as ")


def test_by_default_the_space_is_named_after_the_former_one(run: Run, known_space: Path, folder: Path) -> None:
    result = run(folder / "added.h5ad", known_space, "--labels", "cell_type")
    assert result.exit_code == 0
    assert smile_runtime.read_manifest(Path("known-extended")).name == "known-extended"
    assert result.stdout.startswith("| metric | modality | smile |")


def test_a_name_is_opened_by_the_command_that_calls(run: Run, known_space: Path, folder: Path) -> None:
    opened: list[str] = []

    def load(name: str) -> smile_runtime.Space:
        opened.append(name)
        return smile_runtime.open_space(known_space, device="cpu")

    with pytest.raises(RecipeError, match="has no column 'type'"):
        run(folder / "added.h5ad", "org/known", "--labels", "type", obj=load)
    assert opened == ["org/known"]


@pytest.mark.parametrize("arguments", [[], ["space"], ["a.h5ad", "space", "--epochs", "3"]])
def test_wrong_usage_is_exit_2(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_example_is_that_of_the_command() -> None:
    assert extend.help is not None
    assert "smile-zoo extend own.h5ad pbmc --labels cell_type" in extend.help.partition("Example:")[2]
