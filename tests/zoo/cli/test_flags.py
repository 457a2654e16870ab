"""Options of errors as flags of the command."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import smile_runtime
import smile_zoo
from smile_runtime import SmileError
from smile_runtime.explanation import write_tables
from smile_zoo.cli.flags import error_text, warning_text
from smile_zoo.cli.main import BUILT_IN, TRAINING, cli
from smile_zoo.transfer import pack, unpack

ROOT = Path(__file__).parents[3]
IRREGULAR = {
    "as_json": "--json",
    "batch_keys": "--batch",
    "check_all": "--all",
    "commit_message": "--message",
    "create_pr": "--pr",
    "data_folder": "--data",
    "local_dir": "--to",
    "modalities": "--modality",
    "modality_from": "--from",
    "modality_to": "--to",
    "on_hub": "--hub",
    "reports": "--report",
    "show_all": "--all",
    "use_raw": "--raw",
}
"""Flags that are not spelled like their Python argument."""
PYTHON_ONLY = {"copy"}
"""Arguments of functions that no command calls."""
FUNCTIONS = {
    "bundle": [pack],
    "explain": [smile_runtime.explain, smile_runtime.screen_pairs, smile_zoo.load, write_tables],
    "impute": [smile_runtime.impute_file, smile_zoo.load],
    "project": [smile_runtime.project_file, smile_zoo.load],
    "publish": [smile_zoo.publish],
    "pull": [smile_zoo.pull, unpack],
}


def load_command(name: str) -> click.Command:
    if name in TRAINING:
        pytest.importorskip("torch")
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def options(command: click.Command) -> Iterator[click.Option]:
    commands = [command, *(command.commands.values() if isinstance(command, click.Group) else [])]
    return (parameter for each in commands for parameter in each.params if isinstance(parameter, click.Option))


def error_options(package: str) -> set[str]:
    """Return the names of all options that the sources of a package give to errors."""
    names = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "options":
                dicts = (each for each in ast.walk(node.value) if isinstance(each, ast.Dict))
                names |= {key.value for each in dicts for key in each.keys if isinstance(key, ast.Constant)}
    return names


@pytest.mark.parametrize("name", [*BUILT_IN, *TRAINING])
def test_flags_are_spelled_like_their_arguments(name: str) -> None:
    for option in options(load_command(name)):
        regular = f"--{option.name.replace('_', '-')}"
        assert error_text(SmileError("no", options={option.name: None}), click.Command("x", params=[option])) == (
            f"no ({IRREGULAR.get(option.name, regular)})"
        )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_of_a_command_are_arguments_of_its_function(name: str) -> None:
    arguments = {argument for function in FUNCTIONS[name] for argument in inspect.signature(function).parameters}
    assert {option.name for option in options(load_command(name))} - arguments <= {"as_json", "reports", "tables"}


@pytest.mark.parametrize(
    ("package", "commands"),
    [("runtime/smile_runtime", BUILT_IN), ("zoo/smile_zoo", BUILT_IN), ("training/smile_training", TRAINING)],
)
def test_every_option_of_an_error_has_a_flag(package: str, commands: dict[str, str]) -> None:
    known = {option.name for name in commands for option in options(load_command(name))}
    assert error_options(package) - known <= PYTHON_ONLY


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "the query has no X"),
        ({"layer": None, "use_raw": True}, "the query has no X (--layer, --raw)"),
        ({"use_raw": False}, "the query has no X (without --raw)"),
        ({"device": "cpu", "target_sum": 1e4}, "the query has no X (--device cpu, --target-sum 10000.0)"),
        ({"layer": "log counts"}, "the query has no X (--layer 'log counts')"),
        ({"output": None}, "the query has no X (--output)"),
        ({"local_dir": None}, "the query has no X"),
    ],
)
def test_errors_name_the_flags_of_the_command(options: dict[str, object], text: str) -> None:
    assert error_text(SmileError("the query has no X", options=options), load_command("project")) == text


def test_flags_come_before_a_list() -> None:
    error = SmileError("no such layer; choose one of these\n- a\n- b", options={"layer": "a"})
    assert error_text(error, load_command("project")) == "no such layer; choose one of these (--layer a)\n- a\n- b"


def messages(package: str) -> Iterator[str]:
    """Yield the texts of several words in the sources of a package, without the docstrings."""
    for path in (ROOT / package).rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        lone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in lone:
                yield node.value if " " in node.value.strip() else ""


def test_warnings_name_flags_in_place_of_python_arguments() -> None:
    names = {option.name for option in options(load_command("project")) if "_" in option.name}
    named = {text: found for text in messages("runtime/smile_runtime") if (found := names & set(text.split()))}
    assert {name for found in named.values() for name in found} == {"min_matched", "target_sum"}
    for text, found in named.items():
        shown = warning_text(text)
        assert all(f"--{name.replace('_', '-')}" in shown and name not in shown for name in found)
    assert warning_text("no column 'target_sum'") == "no column 'target_sum'"
