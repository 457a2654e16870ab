"""Projection of an open query file, whose results are saved in a folder meanwhile."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np

from smile_runtime.encoder import Encoder
from smile_runtime.features import words_of_kind
from smile_runtime.formats import FREQUENT_BARCODES, BarcodeSelection, files_of
from smile_runtime.io import file_states
from smile_runtime.projection.encoder_query import kind_of_encoder
from smile_runtime.projection.finish import finish_projection
from smile_runtime.projection.preparation import ProjectionOptions, prepare
from smile_runtime.projection.streaming import Progress, project_rows, rows_per_read
from smile_runtime.query import FileQuery, ValueInterpretation, open_query
from smile_runtime.results import Projection, ResumableResults, make_clusters
from smile_runtime.space import Space


def open_encoder_query(
    query: Path,
    space: Space,
    encoder: Encoder,
    scratch: Path | None,
    *,
    table: str | None = None,
    barcodes: BarcodeSelection = FREQUENT_BARCODES,
) -> AbstractContextManager[FileQuery]:
    """Open a query file for an encoder of a space; arguments and errors are those of `open_query`."""
    synonyms = words_of_kind(kind_of_encoder(space, encoder))
    return open_query(
        query, encoder.modality, scratch, encoder.features.ids, table=table, synonyms=synonyms, barcodes=barcodes
    )


@contextmanager
def project_stored(
    stored: FileQuery,
    space: Space,
    options: ProjectionOptions,
    folder: Path,
    progress: Progress,
    *,
    barcodes: BarcodeSelection = FREQUENT_BARCODES,
) -> Iterator[Projection]:
    """Project an open query file, and yield the projection, whose results are saved in a folder meanwhile."""
    clusters = options.clusters
    groups = None if clusters is None else make_clusters(stored.obs(clusters), clusters)
    prepared = prepare(stored, space, options)
    with resumable_results(
        folder,
        stored,
        space,
        options,
        barcodes,
        dtype=prepared.projector.mapper.record_dtype,
        interpretation=prepared.interpretation,
    ) as results:
        matrix = prepared.matrix
        if len(results):
            progress(len(results), matrix.shape[0])
        project_rows(matrix, prepared.projector, results, progress=progress, n_read=rows_per_read(matrix))
        yield finish_projection(space, prepared, results, options, groups)


def resumable_results(
    folder: Path,
    query: FileQuery,
    space: Space,
    options: ProjectionOptions,
    barcodes: BarcodeSelection,
    *,
    dtype: np.dtype[np.void],
    interpretation: ValueInterpretation,
) -> ResumableResults:
    """Return the saved results of this very projection, or empty ones."""
    depends_on = [
        sorted(state for path in files_of(query.source.resolve()) for state in file_states(path)),
        query.table,
        space.manifest_sha256,
        space.precision,
        {**asdict(options), **barcodes.stated},
        metadata.version("smile-zoo"),
        dtype.descr,
    ]
    return ResumableResults(
        folder,
        dtype=dtype,
        fingerprint=hashlib.sha256(msgspec.json.encode(depends_on, enc_hook=np.generic.item)).hexdigest(),
        interpretation=interpretation,
    )
