"""Explanation of labels, of a query's cells or by the profiles of a space."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.encoder import DEFAULT_BATCH_SIZE, require_positive
from smile_runtime.errors import QueryError
from smile_runtime.explanation.explanation import Explanation
from smile_runtime.explanation.opened_query import opened_query
from smile_runtime.explanation.profile_explanation import explain_profiles
from smile_runtime.explanation.query_explanation import explain_query
from smile_runtime.explanation.request import Request
from smile_runtime.explanation.requirements import find_label_column, require_removable
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import Progress, ProjectionOptions
from smile_runtime.query import AnnDataQuery, MatrixLocation
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData

MAX_CELLS = 1000
"""Number of cells per label that are explained unless another one is requested."""


def explain(
    query: "AnnData | Path | str | None",
    space: Space,
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
    batch_size: int = DEFAULT_BATCH_SIZE,
    label_column: str | None = None,
    max_cells: int = MAX_CELLS,
    seed: int = 0,
    cells: bool = False,
    programs: bool = False,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> Explanation:
    """Find the features that carry the labels of cells.

    Cells are projected, which labels them. Then each nonzero feature of each cell is set to zero, one at a time, before
    centering; factors of the whole cell, such as its size factor, stay as they are. The cell is embedded again, and the
    effect of the feature is the decrease of the cosine similarity to the center of the cell's label, the normalized
    mean of the label's reference points (after Xu, Das & McCord 2022, who leave genes out in the same way).

    Parameters
    ----------
    query
        Query cells, as an AnnData or the path of a file that `project_file` reads; None to explain the average cell of
        each label, from the profiles of the space.
    space
        Open space.
    table
        Name of the table in an ``.h5mu`` file, as in `project_file`.
    modality, layer, use_raw, values, target_sum, features, overlap, min_matched, unknown_rate, batch_size
        As in `project`.
    label_column
        Label column of the space to explain; None for the primary one.
    max_cells
        Maximum number of cells per label, chosen at random if there are more.
    seed
        Seed of the choice.
    cells
        Whether to return a table of cells, too.
    programs
        Whether to return a table of the features that drive each dimension of the embedding, too.
    progress
        Called with the number of cells just projected or explained and the number of all cells to project and explain.

    Returns
    -------
        Tables of labels and, if requested, of cells and programs.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be read, projected or explained; without a query, if the space has no suitable profiles.
    UnknownModalityError
        If the space has no encoder of the modality.
    SpaceError
        If the space has no labels, or its encoder no sparse first layer.
    DependencyError, DeviceError
        As `project`.
    """
    require_positive(max_cells=max_cells)
    options = ProjectionOptions(
        modality=modality,
        location=MatrixLocation(layer, use_raw),
        values=values,
        target_sum=target_sum,
        features=features,
        overlap=overlap,
        min_matched=min_matched,
        unknown_rate=unknown_rate,
        batch_size=batch_size,
        overwrite=True,  # no field is written
    )
    request = Request(
        column=find_label_column(space, label_column), max_cells=max_cells, seed=seed, cells=cells, programs=programs
    )
    if query is None:
        require_removable(space, space.encoder(modality))
        _require_no_query_options(options, request, table)
        return explain_profiles(space, space.checked_encoder(modality), programs=programs)
    with opened_query(query, space, options, table) as (opened, choice):
        if choice is not None:
            options = replace(options, modality=choice.modality)
        require_removable(space, space.encoder(options.modality))
        found = explain_query(opened, space, options, request, progress)
        source = {} if isinstance(opened, AnnDataQuery) else opened.table_provenance
        chosen = {} if choice is None else choice.provenance
        return replace(found, provenance={**found.provenance, **source, **chosen})


def _require_no_query_options(options: ProjectionOptions, request: Request, table: str | None) -> None:
    """Raise QueryError if something is requested that only a query has."""
    if request.cells:
        raise QueryError(
            "without a query there are no cells to list; pass one, or omit the table of cells", options={"cells": False}
        )
    if request.column != 0:
        raise QueryError(
            "the profiles of a space are those of its primary labels; pass a query to explain another label column",
            options={"label_column": None},
        )
    default = ProjectionOptions(modality=options.modality, overwrite=True)
    named = [each.name for each in fields(options) if each.name != "location"]
    changed = [name for name in named if getattr(options, name) != getattr(default, name)]
    given = [*options.location.options, *changed, *([] if table is None else ["table"])]
    if given:
        raise QueryError(
            "some options describe a query, but no query is given; pass one, or leave these options out",
            options=dict.fromkeys(given),
        )
