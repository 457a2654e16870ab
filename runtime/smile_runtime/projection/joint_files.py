"""Joint projection of the cells of an open query file."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smile_runtime.formats import FREQUENT_BARCODES, BarcodeSelection
from smile_runtime.io import FRAGMENTS, SCRATCH_PREFIX, TABLE, recognize_format
from smile_runtime.projection.joint_projection import (
    Joiner,
    finish_joint,
    is_joint_request,
    join_records,
    joint_fields,
    joint_modalities,
    options_of_part,
    require_joint_options,
)
from smile_runtime.projection.joint_tables import JointFileQuery, find_modalities, find_tables, require_tables_of
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.projection.stored_projection import open_encoder_query, project_stored, resumable_results
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import open_query
from smile_runtime.results import Projection, make_clusters, require_free_fields
from smile_runtime.space import Space


def may_be_joint(query: Path, space: Space, options: ProjectionOptions, table: str | None) -> bool:
    """Return whether several encoders may label the cells of a file together: those of one table, or of all."""
    by_name = table is None and is_joint_request(space, options.modality)
    return by_name and recognize_format(query) not in (FRAGMENTS, TABLE)


@contextmanager
def open_joint_query(
    query: Path, space: Space, options: ProjectionOptions, scratch: Path, *, barcodes: BarcodeSelection
) -> Iterator[JointFileQuery]:
    """Open a query file whose cells several encoders label together.

    Raises
    ------
    UnknownModalityError
        If the query and the space share fewer than two modalities, or the space cannot join them.
    QueryError, DependencyError
        As `open_query`.
    """
    with open_query(query, "", scratch, barcodes=barcodes, whole=True) as opened:
        tables: dict[str, str] = {}
        if opened.kind == "h5mu":
            with opened.reading():
                tables = find_tables(space, list(opened.root["mod"]))
            shared = list(tables)
        else:
            shared = find_modalities(space, opened.var(options.location))
        modalities = joint_modalities(space, options.modality, shared)
        if opened.kind == "h5mu":
            require_tables_of(modalities, tables, list(opened.root["mod"]), str(query))
        yield JointFileQuery.of(opened, modalities, tables)


@contextmanager
def project_stored_jointly(
    stored: JointFileQuery,
    space: Space,
    options: ProjectionOptions,
    folder: Path,
    progress: Progress,
    *,
    barcodes: BarcodeSelection = FREQUENT_BARCODES,
) -> Iterator[Projection]:
    """Project an open query file, and yield the projection; arguments as in `project_stored`.

    Only joint results are saved: a resumed run projects each modality again.
    """
    require_joint_options(options)
    if not options.overwrite:
        require_free_fields(stored, joint_fields(space, options))
    clusters = options.clusters
    groups = None if clusters is None else make_clusters(stored.obs(clusters), clusters)
    rows = [stored.rows(modality) for modality in stored.modalities]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{SCRATCH_PREFIX}joint-", dir=folder)))
        parts, queries = {}, {}
        for modality in stored.modalities:
            encoder, table = space.encoder(modality), stored.tables.get(modality)
            opened = open_encoder_query(stored.path, space, encoder, scratch, table=table)
            queries[modality] = stack.enter_context(opened)
        n_total = sum(query.n_obs for query in queries.values())
        for modality, query in queries.items():
            own = scratch / modality
            own.mkdir()
            part = project_stored(
                query, space, options_of_part(options, modality), own, lambda n, _total: progress(n, n_total)
            )
            parts[modality] = stack.enter_context(part)
        joiner = Joiner.of(space, parts, rows, options.unknown_rate)
        first = next(iter(parts.values())).results.interpretation
        results = stack.enter_context(
            resumable_results(folder, stored, space, options, barcodes, dtype=joiner.dtype, interpretation=first)
        )
        join_records(joiner, stored.n_obs, results)
        yield finish_joint(space, parts, results, options, groups)
