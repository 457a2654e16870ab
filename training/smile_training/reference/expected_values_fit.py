"""Expected values of another modality at points of a reference, fitted to cells that were measured in both."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from smile_runtime.arrays import dense
from smile_runtime.encoder import Preprocessing
from smile_runtime.mapping import ExpectedValues, Reference, find_nearest_neighbors, neighbor_weights
from smile_training.data import Cells, Dataset
from smile_training.recipe import PreprocessingSettings

MAX_IMPUTED_FEATURES = 500
"""Most features of a modality that is imputed: enough for panels of surface proteins, and for 1,000 points 2 MB."""
MIN_POINT_CELLS = 0.5
"""Sum of the weights of a point's cells below which it has no values, because all of its cells lie elsewhere."""


def expected_values_name(modality_from: str, modality_to: str) -> str:
    """Return the file of the expected values of one modality for queries of another."""
    return f"reference/{modality_to}_from_{modality_from}.safetensors"


def imputed_values(cells: Cells, settings: PreprocessingSettings) -> NDArray[np.float32]:
    """Return the values of cells that are imputed, shape ``(n_cells, n_features)``; NaN where a feature is missing.

    They are those of the preprocessing before centering, without TF-IDF: presence stays 0 or 1.
    """
    n_features = len(cells.features)
    plain = Preprocessing(
        target_sum=None if settings.binarize else settings.total,
        log1p=settings.log1p and not settings.binarize,
        scaling="none",
        mean=np.zeros(n_features),
        std=np.zeros(n_features),
        binarize=settings.binarize,
        clr=settings.clr,
    )
    return dense(plain.transform(cells.raw, cells.size_factor))


def unit_of(settings: PreprocessingSettings) -> str:
    """Describe the unit of `imputed_values`."""
    if settings.binarize:
        return "fraction of cells with the feature, 0 to 1"
    if settings.clr:
        return "centered log ratio: log(1 + count / geometric mean of the cell's counts plus one)"
    scaled = "value" if settings.total is None else f"value * {settings.total:g} / total of the cell"
    return f"log(1 + {scaled})" if settings.log1p else scaled


def has_imputed_values(cells: Cells, settings: PreprocessingSettings) -> bool:
    """Return whether a modality can be imputed: it has few features, and they do not depend on their distance."""
    return len(cells.features) <= MAX_IMPUTED_FEATURES and not settings.per_band


def fit_expected_values(
    dataset: Dataset,
    embedding: Mapping[str, NDArray[np.float32]],
    points: Reference,
    settings: PreprocessingSettings,
    *,
    modality_from: str,
    modality_to: str,
    n_neighbors: int,
) -> ExpectedValues:
    """Fit the expected values of one modality for queries of another.

    Each cell measured in both is assigned to its nearest points by the weights of their votes for a label, and a point
    has the weighted mean of its cells.

    Parameters
    ----------
    dataset
        Cells of both modalities.
    embedding
        Embedding of the cells by modality, each of shape ``(n, n_latent)``.
    points
        Reference; used are its points of ``modality_from``, or of the first modality if it has none.
    settings
        Preprocessing settings of ``modality_to``.
    modality_from, modality_to
        Modality of the queries, and modality that is imputed.
    n_neighbors
        Number of nearest points.
    """
    rows, others = dataset.pairs(modality_from, modality_to)
    value = imputed_values(dataset.cells[modality_to].subset(others), settings)  # (n_pairs, n_features)
    voting = _voting_points(points, modality_from)
    voters = points.select_points(voting)
    neighbors = find_nearest_neighbors(embedding[modality_from][rows], voters.embedding, n_neighbors)
    weights = neighbor_weights(neighbors, voters)
    starts = np.arange(len(rows) + 1) * weights.shape[1]
    shape = (len(rows), len(voters))
    of_point = csr_matrix((weights.ravel(), neighbors.indices.ravel(), starts), shape=shape).T.astype(np.float64)
    measured = ~np.isnan(value)
    total = of_point @ measured.astype(np.float64)  # (n_points, n_features)
    sums = of_point @ np.where(measured, value, 0).astype(np.float64)
    mean = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total >= MIN_POINT_CELLS)
    known = ~np.isnan(mean).all(axis=1)
    return ExpectedValues(point=voting[known], value=mean[known].astype(np.float32))


def _voting_points(points: Reference, modality: str) -> NDArray[np.int64]:
    """Return the rows of the points of a modality, or of the first one if it has none, shape ``(n,)``."""
    own = points.modalities.index(modality) if modality in points.modalities else 0
    rows = np.flatnonzero(points.modality == own)
    return rows if len(rows) else np.flatnonzero(points.modality == 0)
