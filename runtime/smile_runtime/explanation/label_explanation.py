"""Explanation of labels: sampling of cells, and the effects of their features."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows
from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder, require_positive
from smile_runtime.errors import QueryError, SpaceError
from smile_runtime.explanation.average_cells import average_cells
from smile_runtime.explanation.cell_drivers import CellDrivers
from smile_runtime.explanation.explanation import Explanation, label_table
from smile_runtime.explanation.feature_effects import CellValues, FeatureEffects, measure_effects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_effects import LabelEffects
from smile_runtime.explanation.query_labels import LabelResults, sample_cells
from smile_runtime.features import words_of_kind
from smile_runtime.io import default_threads, map_in_order, single_threaded_blas
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import (
    Progress,
    ProjectionOptions,
    finish_projection,
    kind_of_encoder,
    prepare,
    project_rows,
    read_chunks,
    rows_per_read,
)
from smile_runtime.query import AnnDataQuery, FileQuery, MatrixLocation, open_query
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData

MAX_CELLS = 1000
"""Number of cells per label that are explained unless another one is requested."""
_CELLS_PER_BLOCK = 64  # one thread's work at a time: some hundred thousand embeddings at most


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
    progress
        Called with the number of cells just projected or explained and the number of all cells to project and explain.

    Returns
    -------
        Tables of labels and, if requested, of cells.

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
    request = _Request(column=_column(space, label_column), max_cells=max_cells, seed=seed, cells=cells)
    _require_removable(space, space.encoder(modality))
    if query is None:
        _require_no_query_options(options, request)
        return _explain_profiles(space, space.checked_encoder(modality), request)
    with _opened(query, space, modality, table) as opened:
        return _explain_query(opened, space, options, request, progress)


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What is explained: a label column, by its index, on how many cells per label, and whether cell by cell."""

    column: int
    max_cells: int
    seed: int
    cells: bool


def _explain_query(
    query: AnnDataQuery | FileQuery, space: Space, options: ProjectionOptions, request: _Request, progress: Progress
) -> Explanation:
    prepared = prepare(query, space, options)
    projector, matrix, n = prepared.projector, prepared.matrix, query.n_obs
    names = projector.mapper.columns[request.column].labels
    features = projector.encoder.features.ids
    results = LabelResults(prepared.interpretation)
    most = n + min(n, request.max_cells * len(names))
    project_rows(matrix, projector, results, progress=lambda k, _n: progress(k, most), n_read=rows_per_read(matrix))
    provenance = finish_projection(space, projector, results).provenance
    labels = results.labels(request.column)
    sample = sample_cells(labels, request.max_cells, request.seed)
    centers = LabelCenters.of(projector.mapper.reference, request.column)
    effects, drivers = LabelEffects(len(names), len(features)), CellDrivers(names, features)

    def measure(block: tuple[NDArray[np.intp], Matrix]) -> list[tuple[NDArray[np.intp], FeatureEffects]]:
        cells, rows = block
        found = []
        for part, values, match in projector.split(rows):
            raw, size_factor, _ = projector.encoder_input(values, match, results.interpretation)
            cell_values = CellValues(raw, size_factor, match.measured)
            found.append((cells[part], measure_effects(projector.encoder, centers, labels[cells[part]], cell_values)))
        return found

    with single_threaded_blas():
        for found in map_in_order(measure, _blocks(matrix, sample), default_threads()):
            for cells, each in found:
                effects.add(labels[cells], each)
                if request.cells:
                    drivers.add(cells, each)
                progress(len(cells), n + len(sample))
    n_labeled = np.bincount(labels[labels >= 0], minlength=len(names))
    return Explanation(
        labels=label_table(effects, names, features, n_labeled=n_labeled, average=False),
        cells=drivers.table(_obs_names(query), labels) if request.cells else None,
        provenance={**provenance, **_provenance(space, request), "max_cells": request.max_cells, "seed": request.seed},
    )


def _explain_profiles(space: Space, encoder: Encoder, request: _Request) -> Explanation:
    """Explain the average cell of each label that has reference points and a profile."""
    reference = space.reference.select_modalities(encoder.record.label_modalities)
    names, centers = reference.label_columns[0].labels, LabelCenters.of(reference, 0)
    n_cells = np.bincount(reference.label[:, 0], reference.weight, len(names)).round().astype(np.int64)
    labels = np.flatnonzero(centers.known)
    raw = average_cells(space, encoder, n_cells)[labels]
    effects = LabelEffects(len(names), len(encoder.features))
    cell_values = CellValues(raw, np.ones((len(raw), 1), np.float32), None)
    with single_threaded_blas():
        effects.add(labels, measure_effects(encoder, centers, labels, cell_values))
    return Explanation(
        labels=label_table(effects, names, encoder.features.ids, n_labeled=n_cells, average=True),
        cells=None,
        provenance={
            "space": space.name,
            "revision": space.revision,
            "manifest_sha256": space.manifest_sha256,
            "modality": encoder.modality,
            **_provenance(space, request),
        },
    )


def _provenance(space: Space, request: _Request) -> dict[str, object]:
    return {"label_column": space.manifest.reference.label_columns[request.column].name}


def _blocks(matrix: Rows, sample: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], Matrix]]:
    """Read the sampled rows, and yield their indices and values in blocks for one thread each."""
    start = 0
    for rows in read_chunks(matrix, 0, rows_per_read(matrix)):
        chosen = sample[np.searchsorted(sample, start) : np.searchsorted(sample, start + rows.shape[0])]
        for first in range(0, len(chosen), _CELLS_PER_BLOCK):
            cells = chosen[first : first + _CELLS_PER_BLOCK]
            yield cells, rows[cells - start]
        start += rows.shape[0]


@contextmanager
def _opened(
    query: "AnnData | Path | str", space: Space, modality: str | None, table: str | None
) -> Iterator[AnnDataQuery | FileQuery]:
    """Open a query; raise QueryError unless it is an AnnData or a path."""
    from anndata import AnnData

    if isinstance(query, AnnData):
        yield AnnDataQuery(query)
        return
    if not isinstance(query, str | Path):
        raise QueryError(
            f"an AnnData or the path of a file is needed, got {type(query).__name__}; build an AnnData from values and "
            "names: anndata.AnnData(X, var=pandas.DataFrame(index=genes))"
        )
    encoder = space.encoder(modality)
    synonyms = words_of_kind(kind_of_encoder(space, encoder))
    with open_query(
        Path(query), encoder.modality, None, encoder.features.ids, table=table, synonyms=synonyms
    ) as opened:
        yield opened


def _obs_names(query: AnnDataQuery | FileQuery) -> Sequence[str]:
    names = query.adata.obs_names if isinstance(query, AnnDataQuery) else query.obs_names(slice(0, query.n_obs))
    return list(map(str, names))


def _column(space: Space, name: str | None) -> int:
    """Return the index of a label column; raise if there is none of this name."""
    known = [column.name for column in space.manifest.reference.label_columns]
    if not known:
        raise SpaceError(f"the space {space.name} has no labels, so none can be explained; choose a space with labels")
    if name is None:
        return 0
    if name not in known:
        raise QueryError(
            f"the space {space.name} has no label column {name!r}; it has: {', '.join(known)}",
            options={"label_column": None},
        )
    return known.index(name)


def _require_removable(space: Space, encoder: Encoder) -> None:
    """Raise SpaceError if features of the encoder cannot be left out one at a time."""
    if not encoder.record.sparse:
        raise SpaceError(
            f"the {encoder.modality} encoder of the space {space.name} has no sparse first layer, from which features "
            f"can be left out (its values are {encoder.record.preprocessing.values}); choose another encoder"
        )


def _require_no_query_options(options: ProjectionOptions, request: _Request) -> None:
    """Raise QueryError if something is requested that only a query has."""
    if request.cells:
        raise QueryError("without a query there are no cells to list; pass one, or omit the table of cells")
    if request.column != 0:
        raise QueryError(
            "the profiles of a space are those of its primary labels; pass a query to explain another label column",
            options={"label_column": None},
        )
    default = ProjectionOptions(modality=options.modality, overwrite=True)
    if changed := [each.name for each in fields(options) if getattr(options, each.name) != getattr(default, each.name)]:
        raise QueryError(f"{', '.join(changed)} describes a query, but there is none; pass one, or omit it")
