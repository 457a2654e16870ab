"""Imputation of the cells of an AnnData."""

from typing import TYPE_CHECKING

import numpy as np

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.imputation.imputer import UNS_KEY, Imputer
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import Progress, project_anndata, require_anndata
from smile_runtime.query import MatrixLocation
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


def impute(
    adata: "AnnData",
    space: Space,
    *,
    modality_to: str,
    modality_from: str | None = None,
    layer: str | None = None,
    use_raw: bool = False,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    features: str | None = None,
    overlap: bool = False,
    min_matched: float | None = None,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> "AnnData":
    """Return the values of another modality that are expected of query cells, such as surface proteins for RNA.

    A cell's expected values are the mean of its nearest reference points, weighted as their votes for a label are. The
    values of a point come from the cells near it that were measured in both modalities when the space was trained.
    These are values typical of such cells, not a measurement: they cannot tell what sets a cell apart from its
    neighbors.

    Parameters
    ----------
    adata
        Query cells, as for `project`; they are not changed.
    space
        Open space.
    modality_to
        Modality to impute.
    modality_from
        Modality of the query; None if the space imputes ``modality_to`` for queries of one modality only.
    layer, use_raw, values, target_sum, features, overlap, min_matched, batch_size, progress
        As in `project`.
    unknown_rate
        Cells with a similarity below this get no values; about this share of known-type cells does not.

    Returns
    -------
        The expected values, as an AnnData with the cells of the query:

        ``X``
            Expected values, float32, shape ``(n_obs, n_features)``; NaN for unknown cells.
        ``obs``
            That of the query.
        ``var``
            Imputed features: those that are predicted better than by their mean in cells left out of training. The
            columns ``correlation`` and ``correlation_knn`` are the Pearson correlations of expected and measured values
            in these cells, for the space and for the 15 nearest training cells by PCA.
        ``uns["smile"]``
            Provenance of the projection, and ``modality_from``, ``modality_to`` and ``unit`` of the values.

    Raises
    ------
    UnknownModalityError
        If the space has no expected values of the modality.
    QueryError, FeatureMatchError, ValueKindError, DependencyError, DeviceError, SpaceError
        As `project`.
    """
    from anndata import AnnData

    require_anndata(adata, "smile_runtime.impute_file")
    imputer = Imputer.of(space, modality_to, modality_from, unknown_rate)
    options = imputer.options(
        MatrixLocation(layer, use_raw),
        values=values,
        target_sum=target_sum,
        features=features,
        overlap=overlap,
        min_matched=min_matched,
        batch_size=batch_size,
    )
    projection = project_anndata(adata, space, options, progress)
    expected = np.concatenate(list(imputer.blocks(projection)))
    return AnnData(expected, obs=adata.obs.copy(), var=imputer.var(), uns={UNS_KEY: imputer.provenance(projection)})
