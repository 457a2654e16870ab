"""Output file of a projection: a copy of the query with the results added, or the results alone."""

import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from smile_runtime.arrays import StoredGroup
from smile_runtime.errors import OutputError
from smile_runtime.io import handle_deferred_signal, open_hdf5
from smile_runtime.query import FileQuery
from smile_runtime.results.parquet import require_pyarrow, write_parquet
from smile_runtime.results.results import Projection
from smile_runtime.results.stored_fields import write_stored

if TYPE_CHECKING:
    import h5py

OutputKind = Literal["h5ad", "h5mu", "zarr", "parquet"]
OUTPUTS: dict[str, OutputKind] = {".h5ad": "h5ad", ".h5mu": "h5mu", ".zarr": "zarr", ".parquet": "parquet"}
"""Kind of output file, by suffix."""
NAMES_PER_BLOCK = 65536


def output_kind(output: Path) -> OutputKind:
    """Return the kind of an output file, or raise OutputError if its suffix is unknown."""
    if output.suffix not in OUTPUTS:
        raise OutputError(f"{output} does not end in {' or '.join(OUTPUTS)}; choose another name")
    return OUTPUTS[output.suffix]


def require_kind(query: FileQuery, output: Path, *, only_embedding: bool) -> None:
    """Raise OutputError if the query cannot be written as this kind of file, DependencyError if pyarrow is missing."""
    kind = output_kind(output)
    if only_embedding:
        if kind not in ("h5ad", "parquet"):
            raise OutputError(
                f"results alone can be written as .h5ad or .parquet, got {output.name}; choose another name"
            )
        if kind == "parquet":
            require_pyarrow()
    elif kind != query.kind:
        raise OutputError(
            f"{output.name} would be {kind}, but a full copy of {query.source.name} is {query.kind}; end its name in "
            f".{query.kind}, or write only the results as .h5ad or .parquet",
            options={"only_embedding": True},
        )


def write_output(query: FileQuery, projection: Projection, key_added: str, path: Path, *, only_embedding: bool) -> None:
    """Write a projection to a new file: a copy of the query with the results added, or only the results."""
    if only_embedding:
        if output_kind(path) == "parquet":
            write_parquet(query, projection, key_added, path)
        else:
            _write_results(query, projection, key_added, path)
    elif query.kind == "zarr":
        _write_zarr(query, projection, key_added, path)
    else:
        shutil.copyfile(query.path, path)
        with open_hdf5(path, "r+") as file:
            write_stored(file[query.table] if query.table else file, projection, key_added)


def _write_zarr(query: FileQuery, projection: Projection, key_added: str, path: Path) -> None:
    import zarr

    _copy_folder(query.path, path)
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "zarr v3 autosharding|Consolidated metadata")  # plans for later releases
        write_stored(cast("StoredGroup", root), projection, key_added)
        if cast("zarr.Group", query.root).metadata.consolidated_metadata is not None:
            zarr.consolidate_metadata(path)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder without its permissions, so that the copy of a read-only one can be written to."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            _copy_folder(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def _write_results(query: FileQuery, projection: Projection, key_added: str, path: Path) -> None:
    import anndata
    from anndata.io import write_elem

    with open_hdf5(path, "w") as file:
        write_elem(file, "/", anndata.AnnData())
        _write_names(file["obs"], query)
        write_stored(file, projection, key_added)


def _write_names(obs: "h5py.Group", query: FileQuery) -> None:
    """Replace the empty index with the names of the query's cells."""
    import h5py

    attributes = dict(obs["_index"].attrs)
    del obs["_index"]
    n = query.n_obs
    names = obs.create_dataset(
        "_index", (n,), h5py.string_dtype(), chunks=(min(n, NAMES_PER_BLOCK),), compression="gzip"
    )
    names.attrs.update(attributes)
    for start in range(0, n, NAMES_PER_BLOCK):
        handle_deferred_signal()
        rows = slice(start, min(start + NAMES_PER_BLOCK, n))
        names[rows] = query.obs_names(rows)
