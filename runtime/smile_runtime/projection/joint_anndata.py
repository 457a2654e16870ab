"""Joint projection of the cells of an AnnData or a MuData in memory."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from smile_runtime.errors import QueryError
from smile_runtime.projection.joint_projection import (
    Joiner,
    finish_joint,
    join_records,
    joint_fields,
    joint_modalities,
    naming_modality,
    options_of_part,
    require_joint_options,
)
from smile_runtime.projection.joint_tables import (
    find_modalities,
    find_tables,
    joined_column,
    require_tables_of,
    rows_of_cells,
)
from smile_runtime.projection.modality_choice import choose_modality, choose_table
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.projection.single_projection import project_anndata
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import AnnDataQuery
from smile_runtime.results import MemoryResults, Projection, make_clusters, require_free_fields
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def is_mudata(adata: object) -> bool:
    """Return whether an object is a MuData, without importing its package."""
    return hasattr(adata, "mod") and hasattr(adata, "obs_names")


def project_jointly(
    adata: Any,  # noqa: ANN401 (an AnnData, or a MuData, whose package is optional)
    space: Space,
    options: ProjectionOptions,
    progress: Progress,
) -> Projection:
    """Return the projection of an AnnData or MuData, which stays as it is, by all encoders for its features.

    Raises
    ------
    UnknownModalityError
        If the space cannot join the modalities, or no encoder is for the features of the query.
    SmileError
        As `smile_runtime.project`.
    """
    tables = find_tables(space, list(adata.mod)) if is_mudata(adata) else {}
    shared = list(tables) if is_mudata(adata) else find_modalities(space, AnnDataQuery(adata).var(options.location))
    if options.modality is None and len(shared) < 2:
        return _project_chosen(adata, space, options, progress, tables)
    require_joint_options(options)
    modalities = joint_modalities(space, options.modality, shared)
    if is_mudata(adata):
        require_tables_of(modalities, tables, list(adata.mod), "the query")
    if not options.overwrite:
        require_free_fields(AnnDataQuery(adata), joint_fields(space, options))
    clusters = options.clusters
    groups = None if clusters is None else make_clusters(_column(adata, clusters), clusters)
    queries: dict[str, AnnData] = {each: adata.mod[tables[each]] if tables else adata for each in modalities}
    rows = [
        rows_of_cells(adata.obs_names, query.obs_names, name) if tables else np.arange(adata.n_obs)
        for name, query in queries.items()
    ]
    n_total = sum(query.n_obs for query in queries.values())
    parts = {}
    for name, query in queries.items():
        with naming_modality(name):
            parts[name] = project_anndata(
                query, space, options_of_part(options, name), lambda n, _total: progress(n, n_total)
            )
    results = MemoryResults(next(iter(parts.values())).results.interpretation)
    join_records(Joiner.of(space, parts, rows, options.unknown_rate), adata.n_obs, results)
    return finish_joint(space, parts, results, options, groups)


def _project_chosen(
    adata: Any,  # noqa: ANN401 (as above)
    space: Space,
    options: ProjectionOptions,
    progress: Progress,
    tables: Mapping[str, str],
) -> Projection:
    """Return the projection by the encoder that suits the features of an AnnData; refuse a MuData."""
    if is_mudata(adata):
        table = tables[choose_table(space, tables, list(adata.mod), "the query").modality]
        raise QueryError(
            f"of the tables of the query, only {table!r} is of a modality of the space {space.name}; pass that table "
            f"alone: mod[{table!r}]"
        )
    choice = choose_modality(space, AnnDataQuery(adata).var(options.location), options)
    projection = project_anndata(adata, space, replace(options, modality=choice.modality), progress)
    return replace(projection, provenance={**projection.provenance, **choice.provenance})


def _column(adata: Any, column: str) -> "pd.Series[Any]":  # noqa: ANN401 (as above)
    """Return a column of ``obs``, or of the tables of a MuData that have it."""
    columns = [table.obs[column] for table in adata.mod.values() if column in table.obs] if is_mudata(adata) else []
    if columns and column not in adata.obs:
        return joined_column(columns, adata.obs_names)
    return AnnDataQuery(adata).obs(column)
