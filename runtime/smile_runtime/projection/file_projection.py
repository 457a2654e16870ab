"""Projection of a file into another: streamed, and written whole or not at all."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.io import ZARR_STORE, require_free
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE, record_dtype
from smile_runtime.projection.anndata_projection import finish
from smile_runtime.projection.preparation import Options, Prepared, prepare
from smile_runtime.projection.streaming import Progress, project_rows, rows_at_once
from smile_runtime.query import MatrixLocation, open_query
from smile_runtime.results import (
    ProjectionSummary,
    UnfinishedResults,
    make_batches,
    require_apart,
    require_kind,
    summarize_projection,
    unfinished_folder,
    write_output,
)
from smile_runtime.space import Space


def project_file(
    query: Path | str,
    space: Space,
    output: Path | str,
    *,
    modality: str | None = None,
    layer: str | None = None,
    use_raw: bool = False,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    features: str | None = None,
    overlap: bool = False,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    key_added: str = "smile",
    overwrite: bool = False,
    only_embedding: bool = False,
    force: bool = False,
    resume: bool = False,
    batch_keys: Sequence[str] = (),
    n_sample: int = 0,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> ProjectionSummary:
    """Project the cells of a file and write them, with the results, to another.

    The cells are read some at a time, so the memory this takes does not grow with their number. What is written until
    the output is whole lies in a folder beside it, ``OUTPUT.unfinished``.

    Parameters
    ----------
    query
        The file to read: ``.h5ad``, ``.h5mu`` (its table named as the modality), or the folder of a ``.zarr`` store.
    space
        An open space.
    output
        The file to write: all that the query holds, in the same kind of file, and the fields that `project` writes.
    modality, layer, use_raw, values, target_sum, features, overlap, unknown_rate, batch_size, key_added, overwrite
        As `project`.
    only_embedding
        Whether the output holds the results alone, as ``.h5ad`` or ``.parquet``.
    force
        Whether ``output``, and what an interrupted projection left, may be replaced.
    resume
        Whether to go on where an interrupted projection stopped, if there was one.
    batch_keys
        Columns of ``obs`` that say which batch a cell is of, for the overview.
    n_sample
        Number of cells of which the overview holds the results.
    progress
        Called with the number of cells done now, and of all cells, each time some are done.

    Returns
    -------
        What was found: counts of all cells, and a sample of them.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be read or projected.
    UnknownModalityError
        If the space has no such encoder.
    DependencyError, DeviceError, SpaceError
        If ONNX Runtime, the device or the encoder does not work, or a package that the file needs is missing.
    OutputError
        If ``output`` exists, is being written by another projection, lies within the query, or cannot be written.
        Nothing is left half-written.
    """
    query, output, place = Path(query), Path(output), MatrixLocation(layer, use_raw)
    options = Options(
        modality, place, values, target_sum, features, overlap, unknown_rate, batch_size, key_added, overwrite
    )
    options.check()
    require_apart(query, output)
    require_free(output, force=force, replaceable=ZARR_STORE if output.suffix == ".zarr" else None)
    table = space.encoder(modality).modality
    with (
        unfinished_folder(output, resume=resume, force=force) as folder,
        open_query(query, table, folder) as stored,
    ):
        require_kind(stored, output, only_embedding=only_embedding)
        batches = {key: make_batches(stored.obs(key), key) for key in batch_keys}
        prepared = prepare(stored, space, options)
        with _results(folder, query, space, options, prepared) as results:
            matrix = prepared.matrix
            if len(results):
                progress(len(results), matrix.shape[0])
            project_rows(matrix, prepared.projector, results, progress, rows_at_once(matrix))
            projection = finish(space, prepared, results)
            overview = summarize_projection(projection, stored.obs_names, batches, n_sample)
            write_output(stored, projection, key_added, folder / output.name, only_embedding=only_embedding)
    return overview


def _results(folder: Path, query: Path, space: Space, options: Options, prepared: Prepared) -> UnfinishedResults:
    """Return what is done already of this very projection, or nothing yet."""
    mapper = prepared.projector.mapper
    dtype = record_dtype(prepared.projector.encoder.record.n_latent, len(mapper.columns))
    depends_on = [
        sorted(_files(query.resolve())),
        space.manifest_sha256,
        space.precision,
        asdict(options),
        metadata.version("smile-zoo"),
    ]
    fingerprint = hashlib.sha256(msgspec.json.encode(depends_on, enc_hook=np.generic.item)).hexdigest()
    return UnfinishedResults(folder, dtype, fingerprint, prepared.reading)


def _files(path: Path | os.DirEntry[str]) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of the last change of a file, or of every file in a folder.

    Those of the folder itself do not change with what is written to the files in it.
    """
    if path.is_dir():
        with os.scandir(path) as entries:
            for entry in entries:
                yield from _files(entry)
    else:
        status = path.stat()
        yield os.fspath(path), status.st_size, status.st_mtime_ns
