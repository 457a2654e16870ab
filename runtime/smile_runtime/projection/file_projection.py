"""Projection from file to file: streamed, and written completely or not at all."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.errors import OutputError
from smile_runtime.formats import FREQUENT_BARCODES, BarcodeSelection
from smile_runtime.io import ZARR_STORE, require_apart, require_free
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection.joint_files import open_any_query, project_stored_jointly
from smile_runtime.projection.joint_projection import is_joint_request
from smile_runtime.projection.joint_tables import JointFileQuery
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.projection.stored_projection import project_stored
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import FileQuery, MatrixLocation, require_cell_names, require_tables
from smile_runtime.results import (
    AgreementCounts,
    Projection,
    ProjectionSummary,
    is_finished,
    make_batches,
    require_kind,
    summarize_projection,
    unfinished_folder,
    unfinished_path,
    write_output,
)
from smile_runtime.space import Space


def project_file(
    query: Path | str,
    space: Space,
    output: Path | str,
    *,
    modality: str | None = None,
    table: str | None = None,
    layer: str | None = None,
    use_raw: bool = False,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    features: str | None = None,
    overlap: bool = False,
    min_matched: float | None = None,
    unknown_rate: float = UNKNOWN_RATE,
    probabilities: bool = False,
    coverage: float | None = None,
    clusters: str | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    key_added: str = "smile",
    overwrite: bool = False,
    only_embedding: bool = False,
    barcodes: Path | str | None = None,
    min_fragments: int | None = None,
    force: bool = False,
    resume: bool = False,
    batch_keys: Sequence[str] = (),
    truth: str | None = None,
    n_sample: int = 0,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> ProjectionSummary:
    """Project the cells of a file and write them, with the results, to another file.

    Cells are streamed, so memory does not grow with their number. Until the output is complete, everything written is
    kept in a folder beside it, ``OUTPUT.unfinished``.

    Parameters
    ----------
    query
        File to read: ``.h5ad``, ``.h5mu``, or the folder of a ``.zarr`` store. A
        Cell Ranger matrix (``.h5``, or a folder with ``matrix.mtx``), a ``.loom`` file or a text table is converted in
        memory first. An ATAC fragments file is counted on the peaks of the encoder.
    space
        Open space.
    output
        File to write: a copy of the query, in the same format (``.h5ad`` if it was converted), with the fields that
        `project` writes; if several tables of an ``.h5mu`` file are projected together, they are in its own ``obs``.
    table
        Name of the table in an ``.h5mu`` file; None for the one that is named like the modality, or by a common synonym
        such as ``gex`` or ``prot``.
    modality, layer, use_raw, values, target_sum, features, overlap, min_matched
        As in `project`.
    unknown_rate, probabilities, coverage, clusters, batch_size, key_added, overwrite
        As in `project`.
    only_embedding
        Whether to write only the results, as ``.h5ad`` or ``.parquet``.
    barcodes
        List of the barcodes of a fragments file that are cells, one a line.
    min_fragments
        Number of fragments of a barcode that is a cell, if none are listed; None for 1,000.
    force
        Whether to replace ``output`` and the results of an interrupted projection.
    resume
        Whether to continue an interrupted projection, if there is one.
    batch_keys
        Columns of ``obs`` with the batch of each cell, for the summary.
    truth
        Column of ``obs`` with the known label of each cell, for the summary; cells without one have no value there.
    n_sample
        Number of cells in the summary's sample.
    progress
        Called with the number of cells just projected and the number of all cells.

    Returns
    -------
        Counts over all cells, and a sample of them.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be read or projected.
    UnknownModalityError
        If the space has no encoder of the modality.
    DependencyError, DeviceError, SpaceError
        If ONNX Runtime, the device or the encoder does not work, or a package that the file needs is missing.
    OutputError
        If ``output`` exists, is complete already, is being written by another projection, is the query or lies within
        it, or cannot be written. Nothing is left half-written.
    """
    query, output = Path(query), Path(output)
    options = ProjectionOptions(
        modality=modality,
        location=MatrixLocation(layer, use_raw),
        values=values,
        target_sum=target_sum,
        features=features,
        overlap=overlap,
        min_matched=min_matched,
        unknown_rate=unknown_rate,
        probabilities=probabilities,
        coverage=coverage,
        clusters=clusters,
        batch_size=batch_size,
        key_added=key_added,
        overwrite=overwrite,
    )
    selection = BarcodeSelection(None if barcodes is None else Path(barcodes), min_fragments)
    replaceable = ZARR_STORE if output.suffix == ".zarr" else None
    require_apart(output, query)
    require_apart(unfinished_path(output), query)
    stated = _options_text(space, options, table, selection, only_embedding=only_embedding)
    if resume and is_finished(
        output, query, manifest_sha256=space.manifest_sha256, key_added=key_added, options=stated
    ):
        raise OutputError(
            f"{output} is complete, so there is nothing to resume; to replace it, project again",
            options={"resume": False, "force": True},
        )
    if resume and not force and output.exists() and not unfinished_path(output).exists():
        raise OutputError(
            f"{output} exists, but is not from this query, space and options, so there is nothing to resume; choose "
            "another name or allow replacing it",
            options={"force": True},
        )
    require_free(output, force=force, replaceable=replaceable)
    if not is_joint_request(space, modality):
        space.encoder(modality)
    with (
        unfinished_folder(output, resume=resume, force=force, replaceable=replaceable) as folder,
        open_any_query(query, space, options, folder, table=table, barcodes=selection) as (stored, choice),
    ):
        if choice is not None:
            options = replace(options, modality=choice.modality)
        source = {**stored.table_provenance, **({} if choice is None else choice.provenance)}
        require_kind(stored, output, only_embedding=only_embedding)
        batches = {key: make_batches(stored.obs(key), key) for key in batch_keys}
        agreement = None if truth is None else _count_agreement(stored, truth, space)
        require_cell_names(stored)
        if not only_embedding:
            require_tables(stored)
        with _project(stored, space, options, folder, progress, barcodes=selection) as projection:
            projection = replace(projection, provenance={**projection.provenance, **source, "options": stated})
            summary = summarize_projection(projection, stored.obs_names, batches, n_sample, agreement=agreement)
            write_output(stored, projection, key_added, folder / output.name, only_embedding=only_embedding)
    return summary


def _project(
    stored: FileQuery,
    space: Space,
    options: ProjectionOptions,
    folder: Path,
    progress: Progress,
    *,
    barcodes: BarcodeSelection,
) -> AbstractContextManager[Projection]:
    if isinstance(stored, JointFileQuery):
        return project_stored_jointly(stored, space, options, folder, progress, barcodes=barcodes)
    return project_stored(stored, space, options, folder, progress, barcodes=barcodes)


def _count_agreement(query: FileQuery, column: str, space: Space) -> AgreementCounts:
    """Return the counts for the known labels in a column of a query, before any cell is projected."""
    known = make_batches(query.obs(column), column, noun="label", option="truth")
    return AgreementCounts(known.names, known.ids, space.reference.label_columns)


def is_projected(
    query: Path,
    space: Space,
    output: Path,
    options: ProjectionOptions,
    *,
    table: str | None = None,
    only_embedding: bool = False,
    barcodes: BarcodeSelection = FREQUENT_BARCODES,
) -> bool:
    """Return whether an output is the complete projection of a query, with the same options and newer than it."""
    return is_finished(
        output,
        query,
        manifest_sha256=space.manifest_sha256,
        key_added=options.key_added,
        options=_options_text(space, options, table, barcodes, only_embedding=only_embedding),
    )


def _options_text(
    space: Space, options: ProjectionOptions, table: str | None, barcodes: BarcodeSelection, *, only_embedding: bool
) -> str:
    """Return the options that an output depends on as JSON, as its provenance records them."""
    location = options.location
    values = {
        "modality": options.modality
        if is_joint_request(space, options.modality)
        else space.encoder(options.modality).modality,
        "table": table,
        "layer": location.layer,
        "raw": location.use_raw,
        "values": options.values,
        "target_sum": options.target_sum,
        "features": options.features,
        "overlap": options.overlap,
        "unknown_rate": options.unknown_rate,
        "probabilities": options.probabilities,
        "coverage": options.coverage,
        "clusters": options.clusters,
        "precision": space.precision,
        "only_embedding": only_embedding,
        **barcodes.stated,
    }
    return msgspec.json.encode(values, enc_hook=np.generic.item).decode()
