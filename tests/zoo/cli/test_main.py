"""The command itself: help, exit codes and start-up."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from smile_runtime import DependencyError
from smile_zoo.cli.main import BUILT_IN, GROUPS, TRAINING, LazyGroup, cli


def test_help_lists_every_command_in_one_group(run) -> None:
    done = run("--help")
    assert done.returncode == 0
    groups = done.stdout.split("Options:")[1]
    assert [line.rstrip(":") for line in groups.splitlines() if line.endswith(":") and line[0] != " "] == list(GROUPS)
    for name in (*BUILT_IN, *TRAINING):
        assert groups.count(f"\n  {name} ") == 1, f"add {name} to GROUPS in zoo/smile_zoo/cli/main.py"


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_command_has_an_example_and_its_line_of_help(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command.help.splitlines()[0] == BUILT_IN[name]
    assert f"  smile-zoo {name}" in command.help.partition("Example:")[2]


def test_help_loads_neither_anndata_nor_onnxruntime_nor_torch() -> None:
    code = """
import sys
from smile_zoo.cli.main import cli
cli.main(["--help"], standalone_mode=False)
loaded = {"anndata", "onnxruntime", "torch", "pandas", "matplotlib", "huggingface_hub"} & set(sys.modules)
sys.exit(", ".join(loaded) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["projct"], "No such command 'projct'"),
        (["project", "query.h5ad", "pbmc"], "Missing option '-o'"),
        (["project", "query.h5ad", "pbmc", "-o", "out.h5ad", "--device", "tpu"], "'tpu' is not one of"),
        (["project", "query.h5ad", "pbmc", "-o", "out.h5ad", "--batch-size", "0"], "0 is not in the range x>=1"),
        (["project", "query.h5ad", "pbmc", "-o", "out.h5ad", "--report", "map.pdf"], "does not end in .html or .png"),
        (
            ["project", "query.h5ad", "pbmc", "-o", "out.csv"],
            "-o: out.csv does not end in .h5ad or .h5mu or .zarr or",
        ),
        (["project", "query.h5ad", "pbmc", "-o", "out"], "out does not end in .h5ad"),
        (["project", "query.h5ad", "pbmc", "-o", ".", "--force"], ". does not end in .h5ad"),
        (["project", "query.h5ad", "pbmc", "-o", "x.html", "--report", "x.html"], "x.html does not end in .h5ad"),
        (
            ["project", "query.h5ad", "pbmc", "-o", "x.h5ad", "--report", "x.html", "--report", "no/../x.html"],
            "--report: x.html is given twice",
        ),
    ],
)
def test_wrong_usage_exits_with_2(run, arguments: list[str], text: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stdout == ""


def test_commands_of_training_open_spaces_by_name() -> None:
    @click.command()
    @click.pass_obj
    def show(load) -> None:
        click.echo(load("pbmc").revision)

    group = LazyGroup(callback=cli.callback, params=cli.params)
    group.get_command = lambda _ctx, _name: show
    assert CliRunner().invoke(group, ["show"]).stdout == "packaged\n"


def test_a_subcommand_that_an_older_installation_lacks_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smile_zoo.cli.main.metadata.entry_points", lambda **_selection: ())
    with pytest.raises(DependencyError, match=r"`smile-zoo evaluate` is not part of this installation.*pip install"):
        cli.main(["evaluate", "x.toml"], standalone_mode=False)
