"""Explanation of the labels of a query's cells: their projection, sampling, and the effects of their features."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows
from smile_runtime.errors import QueryError
from smile_runtime.explanation.cell_drivers import CellDrivers
from smile_runtime.explanation.explanation import Explanation, label_table
from smile_runtime.explanation.feature_effects import CELLS_PER_BLOCK, CellValues, FeatureEffects, measure_effects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_effects import LabelEffects
from smile_runtime.explanation.label_tree import label_tree
from smile_runtime.explanation.programs import program_table
from smile_runtime.explanation.query_labels import LabelResults, sample_cells
from smile_runtime.explanation.request import Request
from smile_runtime.io import default_threads, map_in_order, single_threaded_blas
from smile_runtime.projection import (
    Progress,
    ProjectionOptions,
    Projector,
    finish_projection,
    open_encoder_query,
    prepare,
    project_rows,
    read_chunks,
    rows_per_read,
)
from smile_runtime.query import AnnDataQuery, FileQuery, ValueInterpretation
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


@contextmanager
def opened_query(
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
    with open_encoder_query(Path(query), space, space.encoder(modality), None, table=table) as opened:
        yield opened


def explain_query(
    query: AnnDataQuery | FileQuery, space: Space, options: ProjectionOptions, request: Request, progress: Progress
) -> Explanation:
    """Explain the cells of a query and their labels; arguments and errors as in `smile_runtime.explain`."""
    prepared = prepare(query, space, options)
    projector, matrix, n = prepared.projector, prepared.matrix, query.n_obs
    names, features = projector.mapper.columns[request.column].labels, projector.encoder.features.ids
    results = LabelResults(prepared.interpretation)
    most = n + min(n, request.max_cells * len(names))
    project_rows(matrix, projector, results, progress=lambda k, _n: progress(k, most), n_read=rows_per_read(matrix))
    provenance = finish_projection(space, prepared, results, options).provenance
    labels = results.labels(request.column)
    sample = sample_cells(labels, request.max_cells, request.seed)
    explainer = _CellExplainer(
        projector=projector,
        interpretation=results.interpretation,
        centers=LabelCenters.of(projector.mapper.reference, request.column),
        labels=labels,
        weights=_balanced(labels, sample) if request.programs else None,
    )
    on_labels, on_cells = LabelEffects(len(names), len(features)), CellDrivers(names, features)
    on_dimensions = np.zeros((len(features), projector.encoder.record.n_latent))
    with single_threaded_blas():
        for found in map_in_order(explainer, _blocks(matrix, sample), default_threads()):
            for cells, effects in found:
                on_labels.add(labels[cells], effects)
                if request.cells:
                    on_cells.add(cells, effects)
                if effects.on_dimensions is not None:
                    on_dimensions += effects.on_dimensions
                progress(len(cells), n + len(sample))
    centers, modality = explainer.centers, projector.encoder.modality
    n_labeled = np.bincount(labels[labels >= 0], minlength=len(names))
    programs = program_table(on_dimensions, centers, names, features, modality) if request.programs else None
    return Explanation(
        labels=label_table(on_labels, names, features, n_labeled=n_labeled, average=False),
        cells=on_cells.table(_obs_names(query), labels, results.confidence(request.column)) if request.cells else None,
        programs=programs,
        tree=label_tree(centers, names),
        provenance={
            **provenance,
            "label_column": projector.mapper.columns[request.column].name,
            "n_cells": n,
            "n_unknown": int(np.count_nonzero(labels < 0)),
            "n_explained": len(sample),
            "max_cells": request.max_cells,
            "seed": request.seed,
        },
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _CellExplainer:
    """Measures the effects of features on the cells of a block, on one thread.

    Attributes
    ----------
    projector
        Projector of the query.
    interpretation
        Interpretation of its values.
    centers
        Centers of the labels.
    labels
        Label of each cell of the query, shape ``(n_obs,)``.
    weights
        Weight of each cell for effects on dimensions, shape ``(n_obs,)``; None to leave them out.
    """

    projector: Projector
    interpretation: ValueInterpretation
    centers: LabelCenters
    labels: NDArray[np.int64]
    weights: NDArray[np.float64] | None

    def __call__(self, block: tuple[NDArray[np.intp], Matrix]) -> list[tuple[NDArray[np.intp], FeatureEffects]]:
        """Return the cells that measured the same features, by their indices in the query, and the effects on them."""
        found = []
        for part, rows, match in self.projector.split(block[1]):
            cells = block[0][part]
            raw, size_factor, _ = self.projector.encoder_input(rows, match, self.interpretation)
            effects = measure_effects(
                self.projector.encoder,
                self.centers,
                self.labels[cells],
                values=CellValues(raw, size_factor, match.measured),
                batch_size=self.projector.batch_size,
                weights=None if self.weights is None else self.weights[cells],
            )
            found.append((cells, effects))
        return found


def _balanced(labels: NDArray[np.int64], sample: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return weights of the sampled cells that sum to 1 and are equal for all labels, zero for others, ``(n,)``."""
    weights = np.zeros(len(labels))
    _, index, n_cells = np.unique(labels[sample], return_inverse=True, return_counts=True)
    weights[sample] = 1 / (n_cells[index] * len(n_cells))
    return weights


def _blocks(matrix: Rows, sample: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], Matrix]]:
    """Read the sampled rows, and yield their indices and values in blocks for one thread each."""
    start = 0
    for rows in read_chunks(matrix, 0, rows_per_read(matrix)):
        chosen = sample[np.searchsorted(sample, start) : np.searchsorted(sample, start + rows.shape[0])]
        for first in range(0, len(chosen), CELLS_PER_BLOCK):
            cells = chosen[first : first + CELLS_PER_BLOCK]
            yield cells, rows[cells - start]
        start += rows.shape[0]


def _obs_names(query: AnnDataQuery | FileQuery) -> Sequence[str]:
    names = query.adata.obs_names if isinstance(query, AnnDataQuery) else query.obs_names(slice(0, query.n_obs))
    return list(map(str, names))
