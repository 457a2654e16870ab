"""Optional packages that reports need."""

import importlib.util
from pathlib import Path

import pytest

from smile_runtime import DependencyError
from smile_zoo.report.drawing_packages import require_drawing_packages


@pytest.mark.parametrize(("name", "package"), [("r.html", "plotly"), ("r.html", "jinja2"), ("m.png", "matplotlib")])
def test_missing_package_is_named_with_what_to_install(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "smile_zoo.report.drawing_packages.find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(DependencyError, match=rf"{name} needs {package}; .*pip install 'smile-zoo\[plot\]'"):
        require_drawing_packages(Path(name))
