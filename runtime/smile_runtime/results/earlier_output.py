"""Outputs of earlier projections, recognized by the provenance that they hold."""

import json
import os
from pathlib import Path
from typing import Any

from smile_runtime.formats import files_of
from smile_runtime.io import file_states
from smile_runtime.results.output_file import OUTPUTS
from smile_runtime.results.resumable_results import unfinished_path


def is_finished(output: Path, query: Path, *, manifest_sha256: str, key_added: str, options: str) -> bool:
    """Return whether an output is complete: of the same space and options, and newer than the query."""
    try:
        changed = max(state.modified_ns for path in files_of(query) for state in file_states(path))
        newer = _written_ns(output) >= changed
        if not newer or os.path.lexists(unfinished_path(output)):
            return False
        return (manifest_sha256, options) in _projections(output, key_added)
    except Exception:  # noqa: BLE001 (whatever a library raises for a file that is no output)
        return False


def _written_ns(output: Path) -> int:
    return max(state.modified_ns for state in file_states(output))


def _projections(output: Path, key: str) -> list[tuple[str, str]]:
    """Return the sha256 of the space's manifest and the options of all projections in the provenance of a file."""
    kind = OUTPUTS.get(output.suffix)
    if kind == "parquet":
        from pyarrow import parquet

        metadata = parquet.read_schema(output).metadata or {}
        provenance = json.loads(metadata[key.encode()])
        return [(provenance["manifest_sha256"], provenance["options"])]
    if kind == "zarr":
        import zarr

        return _stored_projections(zarr.open_group(output, mode="r"), key)
    import h5py

    with h5py.File(output, "r") as file:
        return _stored_projections(file, key)


def _stored_projections(root: Any, key: str) -> list[tuple[str, str]]:  # noqa: ANN401 (a group of h5py or zarr)
    """Return the sha256 and the options in every table of a file that holds results."""
    from anndata.io import read_elem

    tables = [root, *(root["mod"][name] for name in root["mod"])] if "mod" in root else [root]
    stored = [table[f"uns/{key}"] for table in tables if f"uns/{key}" in table]
    return [(read_elem(each["manifest_sha256"]), read_elem(each["options"])) for each in stored]
