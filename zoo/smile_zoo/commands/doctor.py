"""``smile-zoo doctor``."""

import platform
from importlib import metadata
from typing import Any

import click

from smile_runtime import SmileError, open_space
from smile_runtime.session import import_onnxruntime, installed_packages
from smile_zoo import options
from smile_zoo.catalogue import list_spaces
from smile_zoo.console import print_fields, print_json

_PACKAGES = ("smile-zoo", "numpy", "scipy", "anndata", "torch", "matplotlib")


@click.command()
@options.as_json
def doctor(*, as_json: bool) -> None:
    """Say what is installed here and which device works.

    Exits with 1 if cells cannot be projected here.

    \b
    Example:
      smile-zoo doctor --json
    """
    findings = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: _version(name) for name in _PACKAGES},
        "onnxruntime packages": installed_packages() or None,
        **_providers(),
        **{f"device {device}": _try_device(device) for device in ("cpu", "cuda")},
    }
    if as_json:
        print_json(findings)
    else:
        print_fields([(key, _text(value)) for key, value in findings.items()])
    if findings["device cpu"] != "works":
        click.get_current_context().exit(1)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _providers() -> dict[str, Any]:
    try:
        return {"providers built in": import_onnxruntime().get_available_providers()}
    except SmileError:
        return {"providers built in": None}


def _try_device(device: options.DeviceName) -> str:
    """Open a real session of a packaged space on a device, and say how it went."""
    try:
        for entry in list_spaces()[:1]:
            for encoder in open_space(entry.path, device=device).encoders.values():
                encoder.session  # noqa: B018 (opening it is the test)
    except SmileError as error:
        return str(error)
    return "works"


def _text(value: object) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
