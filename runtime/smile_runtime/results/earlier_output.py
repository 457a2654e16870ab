"""Outputs of earlier projections, recognized by the provenance that they hold."""

import json
import os
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

        return _stored_spaces(zarr.open_group(output, mode="r"), key)
    import h5py

    with h5py.File(output, "r") as file:
        return _stored_spaces(file, key)


def _stored_spaces(root: Any, key: str) -> list[str]:  # noqa: ANN401 (a group of h5py or zarr)
    """Return the sha256 in every table of a file that holds results."""
    from anndata.io import read_elem

    tables = [root["mod"][name] for name in root["mod"]] if "mod" in root else [root]
    return [read_elem(table[f"uns/{key}/manifest_sha256"]) for table in tables if f"uns/{key}" in table]
