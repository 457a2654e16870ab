"""Projection of the cells of an AnnData by one encoder."""

from typing import TYPE_CHECKING

from smile_runtime.arrays import DaskRows
from smile_runtime.projection.dask import project_dask
from smile_runtime.projection.finish import finish_projection
from smile_runtime.projection.preparation import ProjectionOptions, prepare
from smile_runtime.projection.streaming import Progress, project_rows, rows_per_read
from smile_runtime.query import AnnDataQuery
from smile_runtime.results import MemoryResults, Projection, make_clusters
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


def project_anndata(adata: "AnnData", space: Space, options: ProjectionOptions, progress: Progress) -> Projection:
    """Return the projection of an AnnData, which stays as it is; raises as `project` does."""
    clusters = options.clusters
    groups = None if clusters is None else make_clusters(AnnDataQuery(adata).obs(clusters), clusters)
    prepared = prepare(AnnDataQuery(adata), space, options)
    matrix, projector = prepared.matrix, prepared.projector
    results = MemoryResults(prepared.interpretation)
    if isinstance(matrix, DaskRows):
        project_dask(matrix.array, projector, space, results, progress)
    else:
        project_rows(matrix, projector, results, progress=progress, n_read=rows_per_read(matrix))
    return finish_projection(space, prepared, results, options, groups)
