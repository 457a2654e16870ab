"""The file that a projection is written to: a copy of the query with the results in it, or the results alone."""

import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smile_runtime.errors import OutputError
from smile_runtime.io import handle_deferred_signal, open_hdf5
from smile_runtime.query import StoredQuery
from smile_runtime.results.parquet import require_pyarrow, write_parquet
from smile_runtime.results.results import Projection
from smile_runtime.results.stored_fields import write_stored

if TYPE_CHECKING:
    import h5py

OutputKind = Literal["h5ad", "h5mu", "zarr", "parquet"]
OUTPUTS: dict[str, OutputKind] = {".h5ad": "h5ad", ".h5mu": "h5mu", ".zarr": "zarr", ".parquet": "parquet"}
"""Kinds of files that are written, by the ends of their names."""
_NAMES_AT_ONCE = 65536


def output_kind(output: Path) -> OutputKind:
    """Return the kind of file that a name ends in.

    Raises
    ------
    OutputError
        If it ends in none.
    """
    if output.suffix not in OUTPUTS:
        raise OutputError(f"{output} does not end in {' or '.join(OUTPUTS)}; choose another name")
    return OUTPUTS[output.suffix]


def require_kind(query: StoredQuery, output: Path, *, only_embedding: bool) -> None:
    """Refuse, before any cell is projected, an output that cannot be made of the query.

    Raises
    ------
    OutputError
        If its name ends in another kind of file than can be written.
    DependencyError
        If parquet is asked for and pyarrow is not installed.
    """
    kind = output_kind(output)
    if only_embedding:
        if kind not in ("h5ad", "parquet"):
            raise OutputError(
                f"the embedding alone is written as .h5ad or .parquet, got {output.name}; choose another name"
            )
        if kind == "parquet":
            require_pyarrow()
    elif kind != query.kind:
        raise OutputError(
            f"{output.name} would be {kind}, but a full copy of {query.path.name} is {query.kind}; "
            f"end its name in .{query.kind}, or write the results alone (--only-embedding, .h5ad or .parquet)"
        )


def require_apart(query: Path, output: Path) -> None:
    """Refuse, before anything is written, an output that lies in its query, or has its query in it.

    The copy would be copied into itself, or the query replaced along with the folder that it is in.

    Raises
    ------
    OutputError
        If one of them, a zarr store, contains the other.
    """
    source, target = query.resolve(), output.parent.resolve() / output.name
    if source in target.parents:
        raise OutputError(f"{output} lies within the query {query}; choose a place outside of it")
    if target in source.parents:
        raise OutputError(f"{output} would replace the query {query}, which lies within it; choose another name")


def write_output(
    query: StoredQuery, projection: Projection, key_added: str, path: Path, *, only_embedding: bool
) -> None:
    """Write a projection to a new file.

    Parameters
    ----------
    query
        The query.
    projection
        Its projection.
    key_added
        Stem of the names of the fields.
    path
        Where to; nothing is there yet.
    only_embedding
        Whether the results alone are written, without the values and what else the query holds.
    """
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


def _write_zarr(query: StoredQuery, projection: Projection, key_added: str, path: Path) -> None:
    import zarr

    _copy_folder(query.path, path)
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "zarr v3 autosharding|Consolidated metadata")  # what they plan for version 3
        write_stored(root, projection, key_added)
        if query.root.metadata.consolidated_metadata is not None:
            zarr.consolidate_metadata(path)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder without its modes, for into the copy of one that is read-only nothing could be written."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            _copy_folder(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def _write_results(query: StoredQuery, projection: Projection, key_added: str, path: Path) -> None:
    import anndata
    from anndata.io import write_elem

    with open_hdf5(path, "w") as file:
        write_elem(file, "/", anndata.AnnData())
        _write_names(file["obs"], query)
        write_stored(file, projection, key_added)


def _write_names(obs: "h5py.Group", query: StoredQuery) -> None:
    """Put the names of the query's cells in place of an empty index."""
    import h5py

    attributes = dict(obs["_index"].attrs)
    del obs["_index"]
    n = query.n_obs
    names = obs.create_dataset(
        "_index", (n,), h5py.string_dtype(), chunks=(min(n, _NAMES_AT_ONCE),), compression="gzip"
    )
    names.attrs.update(attributes)
    for start in range(0, n, _NAMES_AT_ONCE):
        handle_deferred_signal()
        rows = slice(start, min(start + _NAMES_AT_ONCE, n))
        names[rows] = query.obs_names(rows)
