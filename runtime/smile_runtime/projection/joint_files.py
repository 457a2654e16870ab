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
    naming_modality,
    options_of_part,
    require_joint_options,
)
from smile_runtime.projection.joint_tables import JointFileQuery, find_modalities, find_tables, require_tables_of
from smile_runtime.projection.modality_choice import (
    ModalityChoice,
    choose_for_fragments,
    choose_modality,
    choose_table,
)
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.projection.stored_projection import open_encoder_query, project_stored, resumable_results
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import FileQuery, open_query
from smile_runtime.results import Projection, make_clusters, require_free_fields
from smile_runtime.space import Space


@contextmanager
def open_any_query(
    query: Path,
    space: Space,
    options: ProjectionOptions,
    scratch: Path | None,
    *,
    table: str | None = None,
    barcodes: BarcodeSelection = FREQUENT_BARCODES,
) -> Iterator[tuple[FileQuery, ModalityChoice | None]]:
    """Open a query file for the named encoders or, if none is named, for those that its features are for.

    Yields a `JointFileQuery` if several encoders label the cells together, and the choice if one was chosen.

    Raises
    ------
    UnknownModalityError
        If the space has no such encoder, cannot join the modalities, or the features do not show which is meant.
    QueryError, DependencyError
        As `open_query`.
    """
    with ExitStack() as stack:
        if not is_joint_request(space, options.modality) or (table is not None and options.modality is not None):
            encoder = space.encoder(options.modality)
            opened = open_encoder_query(query, space, encoder, scratch, table=table, barcodes=barcodes)
            yield stack.enter_context(opened), None
            return
        found = recognize_format(query)
        if found == FRAGMENTS and options.modality is None:
            choice = choose_for_fragments(space)
            opened = open_encoder_query(query, space, space.encoder(choice.modality), scratch, barcodes=barcodes)
            yield stack.enter_context(opened), choice
            return
        known = {each for encoder in space.encoders.values() for each in encoder.features.ids} if found == TABLE else ()
        whole = stack.enter_context(
            open_query(query, "values", scratch, known, table=table, barcodes=barcodes, whole=table is None)
        )
        if whole.kind == "h5mu" and table is None:
            tables = find_tables(space, whole.table_names)
            if options.modality is None and len(tables) < 2:
                choice = choose_table(space, tables, whole.table_names, str(query))
                encoder, name = space.encoder(choice.modality), tables[choice.modality]
                yield stack.enter_context(open_encoder_query(query, space, encoder, scratch, table=name)), choice
                return
            modalities = joint_modalities(space, options.modality, list(tables))
            require_tables_of(modalities, tables, whole.table_names, str(query))
            yield JointFileQuery.of(whole, modalities, tables), None
            return
        var = whole.var(options.location)
        shared = find_modalities(space, var)
        if options.modality is None and (len(shared) < 2 or table is not None):
            yield whole, choose_modality(space, var, options)
            return
        yield JointFileQuery.of(whole, joint_modalities(space, options.modality, shared), {}), None


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
            with naming_modality(modality):
                parts[modality] = stack.enter_context(part)
        joiner = Joiner.of(space, parts, rows, options.unknown_rate)
        first = next(iter(parts.values())).results.interpretation
        results = stack.enter_context(
            resumable_results(folder, stored, space, options, barcodes, dtype=joiner.dtype, interpretation=first)
        )
        join_records(joiner, stored.n_obs, results)
        yield finish_joint(space, parts, results, options, groups)
