"""The optional packages that reports need, checked before any work is done."""

from importlib.util import find_spec
from pathlib import Path

from smile_runtime import DependencyError

DRAWING_PACKAGES = {".html": ("jinja2", "plotly"), ".png": ("matplotlib",)}
"""Packages needed to write a report, by the suffix of its name."""


def require_drawing_packages(path: Path) -> None:
    """Raise unless the packages that a report needs are installed.

    Parameters
    ----------
    path
        Report to write, with one of the suffixes in `DRAWING_PACKAGES`.

    Raises
    ------
    DependencyError
        If a package is not installed.
    """
    missing = [name for name in DRAWING_PACKAGES[path.suffix] if find_spec(name) is None]
    if missing:
        raise DependencyError(
            f"writing {path} needs {' and '.join(missing)}; install with: pip install 'smile-zoo[plot]', "
            "or leave this report out"
        )
