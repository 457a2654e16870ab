"""``smile-zoo doctor``."""

import platform
import time
from importlib import metadata
from typing import Any

import click

from smile_runtime import SmileError
from smile_runtime.encoder import import_onnxruntime, installed_packages
from smile_runtime.manifest import Device
from smile_zoo.cli import options
from smile_zoo.cli.console import print_fields, print_json, size_text
from smile_zoo.hub import Hub, hub_cache, is_offline
from smile_zoo.transfer import cache_size, load

_PACKAGES = ("smile-zoo", "numpy", "scipy", "anndata", "huggingface-hub", "torch", "numba", "matplotlib", "plotly")
_SMALL_SPACE = "pbmc"
_WORKS = "works"


@click.command("doctor")
@options.as_json
def command(*, as_json: bool) -> None:
    """Show what is installed and which devices work.

    Exits with 1 if cells cannot be projected on this machine.

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
        "cache": str(hub_cache()),
        "cache size": size_text(cache_size()),
        "endpoint": _try_endpoint(),
    }
    if as_json:
        print_json(findings)
    else:
        print_fields([(key, _finding_text(value)) for key, value in findings.items()])
    if not findings["device cpu"].startswith(_WORKS):
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


def _try_device(device: Device) -> str:
    """Open a session of the packaged space on a device, and report its provider or the error."""
    try:
        providers = {encoder.provider for encoder in load(_SMALL_SPACE, device=device).encoders.values()}
    except SmileError as error:
        return error.message
    return f"{_WORKS}, with {', '.join(providers)}"


def _try_endpoint() -> str:
    """Contact the Hub, and report its response time or the error."""
    if is_offline():
        return "offline: HF_HUB_OFFLINE is set"
    hub, start = Hub(), time.perf_counter()
    try:
        hub.check_connection()
    except SmileError as error:
        return error.message
    return f"{hub.endpoint} answers in {time.perf_counter() - start:.2f} s"


def _finding_text(value: object) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
