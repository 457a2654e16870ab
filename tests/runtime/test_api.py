"""The public interface: names, import cost, signatures, docstrings and error tree."""

import builtins
import inspect
import re
import subprocess
import sys

import pytest

import smile_runtime
from smile_runtime import SmileError, errors

HEAVY = (
    "torch",
    "anndata",
    "onnxruntime",
    "onnx",
    "pandas",
    "h5py",
    "sklearn",
    "matplotlib",
    "click",
    "huggingface_hub",
)

ERRORS = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == errors.__name__
}


def public_callables():
    """Yield every exported function, and every public method of the exported classes except errors."""
    for name in smile_runtime.__all__:
        value = getattr(smile_runtime, name)
        if inspect.isfunction(value):
            yield name, value
        elif not issubclass(value, SmileError):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if not method.startswith("_") and function.__module__.startswith("smile_runtime"):
                    yield f"{name}.{method}", function


CALLABLES = dict(public_callables())


def section(docstring: str, title: str) -> str:
    """Return the body of a numpydoc section; empty if the section is missing."""
    body = re.split(rf"^{title}\n-+\n", docstring, flags=re.M)
    return re.split(r"^\w+\n-+\n", body[1], flags=re.M)[0] if len(body) == 2 else ""


def test_import_loads_nothing_heavy():
    code = f"import sys, smile_runtime; print(*[name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.split() == []
    assert run.stderr == ""


def test_all_is_sorted_and_complete():
    names = smile_runtime.__all__
    assert names == sorted(set(names))
    public = {name for name, value in vars(smile_runtime).items() if not name.startswith("_") and callable(value)}
    assert public == set(names)


def test_every_error_is_exported():
    assert set(ERRORS) <= set(smile_runtime.__all__)


@pytest.mark.parametrize("name", sorted(set(ERRORS) - {"SmileError"}))
def test_errors_derive_from_smile_error_and_a_builtin(name):
    base = re.search(rf"{name} \((\w+)\)", errors.__doc__ or "")
    parents = {parent for parent in ERRORS[name].__mro__ if parent.__module__ == "builtins"}
    assert issubclass(ERRORS[name], SmileError)
    assert parents - {object, BaseException, Exception}
    assert name in errors.__doc__
    if base:
        assert issubclass(ERRORS[name], getattr(builtins, base[1]))


@pytest.mark.parametrize("name", ["FormatVersionError", "IntegrityError", "SpaceNotFoundError"])
def test_space_errors_share_a_base(name):
    assert issubclass(ERRORS[name], smile_runtime.SpaceError)


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_signature(name):
    parameters = [p for key, p in inspect.signature(CALLABLES[name]).parameters.items() if key != "self"]
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 3
    assert [p.name for p in positional if isinstance(p.default, bool)] == []


@pytest.mark.parametrize("name", ["Encoder.encode", "open_space", "project", "project_file"])
def test_docstring_names_every_parameter(name):
    described = section(inspect.getdoc(CALLABLES[name]), "Parameters")
    names = {word for line in described.splitlines() if line[:1].isalpha() for word in line.split(", ")}
    assert names == set(inspect.signature(CALLABLES[name]).parameters) - {"self"}


@pytest.mark.parametrize("name", ["Encoder.encode", "Space.encoder", "open_space", "project", "project_file"])
def test_docstring_names_existing_errors(name):
    raised = section(inspect.getdoc(CALLABLES[name]), "Raises")
    names = {word for line in raised.splitlines() if line[:1].isalpha() for word in line.split(", ")}
    assert names
    assert names <= set(ERRORS)


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_docstring_describes_the_result(name):
    doc = inspect.getdoc(CALLABLES[name]) or ""
    assert section(doc, "Returns") or re.match(r"(Return|Read|Open|Write) ", doc)
