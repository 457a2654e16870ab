"""What drawing needs, checked before any work is done."""

from importlib.util import find_spec
from pathlib import Path

from smile_runtime import DependencyError

SUFFIXES = {".html": ("jinja2", "plotly"), ".png": ("matplotlib",)}
"""The kinds of report, and the packages that each needs."""


def require_drawable(path: Path) -> None:
    """Refuse to draw without the packages that it takes.

    Parameters
    ----------
    path
        The report, which ends in one of `SUFFIXES`.

    Raises
    ------
    DependencyError
        If one is not installed.
    """
    absent = [name for name in SUFFIXES[path.suffix] if find_spec(name) is None]
    if absent:
        raise DependencyError(
            f"writing {path} needs {' and '.join(absent)}; install with: pip install 'smile-zoo[plot]', "
            "or leave out --report"
        )
