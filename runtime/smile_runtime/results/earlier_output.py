"""Outputs of earlier projections, recognized by the provenance that they hold."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smile_runtime.formats import files_of
from smile_runtime.io import file_states
from smile_runtime.results.output_file import OUTPUTS
from smile_runtime.results.resumable_results import unfinished_path


def is_finished(output: Path, query: Path, *, manifest_sha256: str, key_added: str) -> bool:
    """Return whether an earlier projection into an output is complete: of the same space, and newer than the query."""
    try:
        changed = max(state.modified_ns for path in files_of(query) for state in file_states(path))
        newer = _written_ns(output) >= changed
        return newer and not os.path.lexists(unfinished_path(output)) and manifest_sha256 in _spaces(output, key_added)
    except Exception:  # noqa: BLE001 (whatever a library raises for a file that is no output)
        return False


def _written_ns(output: Path) -> int:
    return max(state.modified_ns for state in file_states(output))


def _spaces(output: Path, key: str) -> list[str]:
    """Return the sha256 of the manifests of all spaces in the provenance of a file."""
    kind = OUTPUTS.get(output.suffix)
    if kind == "parquet":
        from pyarrow import parquet

        metadata = parquet.read_schema(output).metadata or {}
        return [json.loads(metadata[key.encode()])["manifest_sha256"]]
    if kind == "zarr":
        import zarr

        return [_text(table[f"uns/{key}/manifest_sha256"]) for table in _tables(zarr.open_group(output, mode="r"), key)]
    import h5py

    with h5py.File(output, "r") as file:
        return [_text(table[f"uns/{key}/manifest_sha256"]) for table in _tables(file, key)]


def _tables(root: Any, key: str) -> Iterator[Any]:  # noqa: ANN401 (a group of h5py or zarr)
    """Yield the tables of a file that hold results."""
    tables = [root["mod"][name] for name in root["mod"]] if "mod" in root else [root]
    yield from (table for table in tables if "uns" in table and key in table["uns"])


def _text(stored: Any) -> str:  # noqa: ANN401 (an array of h5py or zarr)
    value = stored[()]
    return value.decode() if isinstance(value, bytes) else str(value)
