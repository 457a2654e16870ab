"""Explanation of the labels of a query's cells: their projection, sampling, and the effects of their features."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.explanation.cell_drivers import CellDrivers
from smile_runtime.explanation.cell_explainer import CellExplainer
from smile_runtime.explanation.explanation import Explanation, label_table
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_effects import LabelEffects
from smile_runtime.explanation.label_tree import label_tree
from smile_runtime.explanation.opened_query import cell_names
from smile_runtime.explanation.programs import program_table
from smile_runtime.explanation.query_labels import LabelResults, sample_cells
from smile_runtime.explanation.request import Request
from smile_runtime.explanation.sampled_rows import read_blocks
from smile_runtime.projection import (
    Progress,
    ProjectionOptions,
    finish_projection,
    prepare,
    project_rows,
    rows_per_read,
)
from smile_runtime.query import AnnDataQuery, FileQuery
from smile_runtime.space import Space


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
    explainer = CellExplainer(
        projector=projector,
        interpretation=results.interpretation,
        centers=LabelCenters.of(projector.mapper.reference, request.column),
        labels=labels,
        weights=_balanced(labels, sample) if request.programs else None,
    )
    on_labels, on_cells = LabelEffects(len(names), len(features)), CellDrivers(names, features)
    on_dimensions = np.zeros((len(features), projector.encoder.record.n_latent))
    blocks = ((sample[places], values) for places, values in read_blocks(matrix, sample))
    for cells, effects in explainer.explain(blocks):
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
        cells=on_cells.table(cell_names(query), labels, results.confidence(request.column)) if request.cells else None,
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


def _balanced(labels: NDArray[np.int64], sample: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return weights of the sampled cells that sum to 1 and are equal for all labels, zero for others, ``(n,)``."""
    weights = np.zeros(len(labels))
    _, index, n_cells = np.unique(labels[sample], return_inverse=True, return_counts=True)
    weights[sample] = 1 / (n_cells[index] * len(n_cells))
    return weights
