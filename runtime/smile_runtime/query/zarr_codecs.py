"""Codecs of zarr stores: only those that merely transform bytes, because others can run code from the file."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smile_runtime.errors import QueryError
from smile_runtime.io import unreadable_file

ALLOWED_CODECS = {
    *("blosc", "bz2", "gzip", "lz4", "lzma", "pcodec", "zfpy", "zlib", "zstd"),
    *("adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"),
    *("astype", "base64", "bitround", "cast_value", "categorize", "delta", "fixedscaleoffset", "packbits", "quantize"),
    *("bytes", "scale_offset", "sharding_indexed", "shuffle", "transpose", "vlen-array", "vlen-bytes", "vlen-utf8"),
}
"""Codecs of zarr and numcodecs, in formats 2 and 3, that only transform bytes."""

_METADATA_FILES = (".zarray", ".zmetadata", "zarr.json")
_CODEC_FIELDS = ("compressor", "compressors", "filters", "codecs", "index_codecs", "serializer", "array_to_bytes")
_OBJECT_CODECS = {"vlen-array", "vlen-bytes", "vlen-utf8"}
_OBJECT_TYPE = re.compile(r"[|<>=]?O\d*")


def require_codecs(store: Path) -> None:
    """Validate the codecs in all metadata of a zarr store, without opening it.

    Raises
    ------
    QueryError
        If an array uses another codec, or holds Python objects, or the metadata are not JSON.
    """
    for path in _metadata_files(store):
        for array in _arrays(_read_json(path, store)):
            _require_array(array, path)


def _metadata_files(store: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, names, files in os.walk(store, followlinks=True):
        target = os.path.realpath(folder)
        if target in seen:  # links to folders may form a loop
            names.clear()
            continue
        seen.add(target)
        yield from (Path(folder, name) for name in files if name.lower() in _METADATA_FILES)


def _read_json(path: Path, store: Path) -> Any:  # noqa: ANN401 (whatever the file holds)
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable_file(store, "zarr", ValueError(f"{path.name} is not JSON")) from error


def _arrays(document: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 (any JSON)
    """Yield the metadata of an array or group, and of all those that it consolidates."""
    if not isinstance(document, dict):
        return
    yield document
    consolidated = document.get("consolidated_metadata") or {}
    for listing in (document, consolidated):
        nodes = listing.get("metadata") if isinstance(listing, dict) else None
        for name, node in nodes.items() if isinstance(nodes, dict) else ():
            if not name.endswith(".zattrs"):
                yield from _arrays(node)


def _require_array(array: Mapping[str, Any], path: Path) -> None:
    codecs = set(_codecs(array))
    if refused := sorted(codecs - ALLOWED_CODECS):
        raise QueryError(
            f"{path} has the codec {refused[0]!r}, which is not among those that only transform bytes and might run "
            "code from the file; write the store again with anndata"
        )
    if _holds_objects(array.get("dtype")) and not codecs & _OBJECT_CODECS:
        raise QueryError(f"{path} describes Python objects instead of text; write the store again with anndata")


def _codecs(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the codecs in the metadata of an array or of a codec."""
    for field in _CODEC_FIELDS:
        value = record.get(field) or []
        for codec in value if isinstance(value, list) else [value]:
            if not isinstance(codec, dict):
                yield str(codec)
                continue
            yield str(codec.get("id", codec.get("name"))).removeprefix("numcodecs.")
            yield from _codecs(codec)
            if isinstance(settings := codec.get("configuration"), dict):
                yield from _codecs(settings)


def _holds_objects(dtype: Any) -> bool:  # noqa: ANN401 (any JSON)
    """Return whether a data type of format 2 is that of Python objects, or has a field of that type."""
    if isinstance(dtype, list):  # of fields: name, type, shape
        return any(_holds_objects(field[1]) for field in dtype if isinstance(field, list) and len(field) > 1)
    return isinstance(dtype, str) and _OBJECT_TYPE.fullmatch(dtype) is not None
