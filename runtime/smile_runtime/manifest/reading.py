"""Reading and writing of a space's manifest."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from smile_runtime.errors import FormatVersionError, SpaceError, SpaceNotFoundError
from smile_runtime.manifest.checks import require_consistent
from smile_runtime.manifest.records import (
    CARD_NAME,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    Manifest,
)

_PATH_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
"""A field or an index in a path of msgspec, such as ``$.sources[0].name``."""


class _Header(msgspec.Struct):
    """Fields of a manifest that are read before all others, whatever its version."""

    format: str = ""
    format_version: int = 0
    versions: Any = None

    @property
    def stated(self) -> object:
        """Version of smile-zoo that wrote the manifest; None if it is not stated."""
        return self.versions.get("smile-zoo") if isinstance(self.versions, dict) else None

    @property
    def writer(self) -> str:
        """Stated version beside that of this release, as an error quotes it; empty if it is the same or not stated."""
        own = metadata.version("smile-zoo")
        return f" (it states {self.stated!r:.40}, this is {own!r})" if self.stated and self.stated != own else ""


def read_manifest(space: Path) -> Manifest:
    """Read and validate the manifest of a space directory.

    Raises
    ------
    SpaceNotFoundError
        If the directory does not exist or has no manifest.
    FormatVersionError
        If this release cannot read the manifest's format version.
    SpaceError
        If the file is not a manifest, or lists a file that a space may not contain.
    """
    return parse_manifest(read_manifest_bytes(space), str(space / MANIFEST_NAME))


def read_manifest_bytes(space: Path) -> bytes:
    """Return the content of the manifest of a space directory; raise SpaceNotFoundError if there is none."""
    path = space / MANIFEST_NAME
    if not path.is_file():
        problem = f"is not a space directory: it has no {MANIFEST_NAME}" if space.exists() else "does not exist"
        raise SpaceNotFoundError(f"{space} {problem}; use a space directory or a name from `smile-zoo list`")
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise SpaceError(_too_large(str(path)))
        return path.read_bytes()
    except OSError as error:
        raise SpaceError(f"cannot read {path}: {error.strerror or error}") from error


def _too_large(origin: str) -> str:
    return f"{origin} has more than {MAX_MANIFEST_BYTES:,} bytes, which no manifest needs; do not use it"


def parse_manifest(content: bytes, origin: str) -> Manifest:
    """Decode a manifest; ``origin`` names its source in errors, which are those of `read_manifest`."""
    if len(content) > MAX_MANIFEST_BYTES:
        raise SpaceError(_too_large(origin))
    try:
        header = msgspec.json.decode(content, type=_Header)
        if header.format != FORMAT:
            raise SpaceError(f"{origin} has format {header.format!r}, not {FORMAT!r}; use a space directory")
        if header.format_version != FORMAT_VERSION:
            newer = header.format_version > FORMAT_VERSION
            raise FormatVersionError(
                f"{origin} was written by {'a newer' if newer else 'an older'} version of smile-zoo{header.writer}: it "
                f"has format version {header.format_version}, this release reads version {FORMAT_VERSION}; "
                + (
                    "upgrade with: pip install -U smile-zoo"
                    if newer
                    else "pull the space again, or train it again: smile-zoo train recipe.toml --data FOLDER"
                )
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if _is_of_fields(error) and header.stated != metadata.version("smile-zoo"):
            raise FormatVersionError(
                f"{origin} was written by a different version of smile-zoo{header.writer}, whose manifests have other "
                f"fields ({error}); upgrade with: pip install -U smile-zoo, or pull or build the space again"
            ) from error
        found = _value_found(content, error)
        raise SpaceError(
            f"{origin} is not a smile-zoo manifest: {error}{found}; pull or build the space again"
        ) from error
    require_consistent(manifest, origin)
    files = {name: record for name, record in manifest.files.items() if name != CARD_NAME}  # earlier releases pinned it
    return msgspec.structs.replace(manifest, files=files)


def _is_of_fields(error: Exception) -> bool:
    """Return whether an error of msgspec is about a field that is missing, or not known."""
    return isinstance(error, msgspec.ValidationError) and str(error).startswith(
        ("Object missing required field", "Object contains unknown field")
    )


def _value_found(content: bytes, error: Exception) -> str:
    """Return a clause with the value that an error of msgspec is about, if its path leads to one."""
    _, is_path, path = str(error).rpartition(" - at `$")
    if not is_path or "[...]" in path or not path.endswith("`"):
        return ""
    value: Any = msgspec.json.decode(content)
    for name, index in _PATH_STEP.findall(path):
        value = value[name] if name else value[int(index)]
    return f", which is {value!r:.100}" if isinstance(value, str | int | float) else ""


def encode_manifest(manifest: Manifest) -> bytes:
    """Encode a manifest as the content of its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
