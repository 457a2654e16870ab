"""The table of methods: what each needs, and which documented workflow it follows."""

import tomllib
from pathlib import Path

import msgspec

METHODS = Path(__file__).with_name("methods.toml")


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A method of ``methods.toml``.

    Attributes
    ----------
    title
        Name as in publications.
    script
        Adapter in ``methods/``, in Python or R.
    packages
        Packages of its environment: pins for pip, or Debian names for R; with none, the Python at hand.
    documentation
        Page of the workflow that is followed.
    environment
        Name of the environment, for methods that share one; by default the method's own.
    settings_chosen_on
        Data that its settings were chosen on, if any is measured here.
    """

    title: str
    script: str
    packages: list[str] = []
    documentation: str
    environment: str = ""
    settings_chosen_on: str = ""


def read_methods(kind: str, path: Path = METHODS) -> dict[str, Method]:
    """Return the methods of a kind of task by name."""
    tables = tomllib.loads(path.read_text("utf-8"))
    return msgspec.convert(tables[kind], dict[str, Method])
