"""The most variable features, ranked from sums over cells as scanpy ranks them from the cells."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse, map_values
from smile_runtime.encoder import Preprocessing
from smile_training.data.feature_sums import FeatureSums
from smile_training.recipe import PreprocessingSettings

_N_BINS = 20


def plain_preprocessing(n_features: int, settings: PreprocessingSettings) -> Preprocessing:
    """Return the preprocessing of values whose variation decides which features are kept: nothing fitted to cells."""
    return Preprocessing(
        target_sum=settings.total,
        log1p=settings.log1p or settings.values == "expression",
        scaling="none",
        mean=np.zeros(n_features),
        std=np.zeros(n_features),
    )


def ranked_values(raw: Matrix, size_factor: NDArray[np.float32], settings: PreprocessingSettings) -> Matrix:
    """Return the values of expression that `rank_features` needs the sums of, shape ``(n_cells, n_features)``.

    A value that was not measured is replaced by the mean of the feature's logarithms.
    """
    logged = plain_preprocessing(raw.shape[1], settings).transform(raw, size_factor)
    if not is_sparse(logged):
        logged = np.where(np.isnan(logged), np.nanmean(logged, axis=0), logged)
    return map_values(logged, np.expm1)  # with the rounding of a logarithm, as scanpy sees it


def rank_features(sums: FeatureSums, n_top: int) -> NDArray[np.intp]:
    """Rank features by their variation within batches, as ``scanpy.pp.highly_variable_genes(flavor="seurat")`` does.

    In each batch, features are binned by their mean, and each one's dispersion is compared with those of its bin
    (Satija et al. 2015). Features rank by the number of batches in which they are among the ``n_top``, then by their
    normalized dispersion averaged over batches, then by name.

    Parameters
    ----------
    sums
        Sums over each batch of the cells' values, scaled to one total but not logarithms.
    n_top
        Number of features to choose in each batch.

    Returns
    -------
        Indices of all features, most variable first, shape ``(n_features,)``.
    """
    n_features = len(sums.features)
    n_chosen, n_known = np.zeros((2, n_features), np.int64)
    total = np.zeros(n_features)
    for batch in np.flatnonzero(sums.n_cells):
        detected = sums.n_detected[batch] > 0
        normalized = np.zeros(n_features)  # features without a value count as 0 in the average, and are never chosen
        normalized[detected] = _normalized_dispersion(
            sums.total[batch, detected], sums.square[batch, detected], int(sums.n_cells[batch])
        )
        known = ~np.isnan(normalized)
        n_chosen[known & detected] += _among_highest(normalized[known & detected], n_top)
        total[known] += normalized[known]
        n_known += known
    average = np.divide(total, n_known, out=np.full(n_features, -np.inf), where=n_known > 0)
    by_name = np.argsort(np.argsort(np.array(sums.features, dtype=object)))
    return np.lexsort((by_name, -average, -n_chosen))


def _normalized_dispersion(
    total: NDArray[np.float64], square: NDArray[np.float64], n_cells: int
) -> NDArray[np.float64]:
    """Return the normalized dispersion of each feature, shape ``(n_features,)``; NaN for a constant one."""
    if len(total) == 0:
        return total
    mean = total / n_cells
    variance = square / n_cells - mean**2
    if n_cells > 1:
        variance *= n_cells / (n_cells - 1)
    mean = np.where(mean == 0, 1e-12, mean)
    ratio = variance / mean
    with np.errstate(invalid="ignore"):  # rounding can leave a variance below zero
        dispersion = pd.Series(np.log(np.where(ratio == 0, np.nan, ratio)))
    by_bin = dispersion.groupby(pd.Series(pd.cut(np.log1p(mean), bins=_N_BINS)), observed=True)
    center, spread = by_bin.transform("mean"), by_bin.transform("std")
    alone = spread.isna()  # in its bin, where its normalized dispersion is 1
    normalized: NDArray[np.float64] = ((dispersion - center.mask(alone, 0.0)) / spread.mask(alone, center)).to_numpy()
    return normalized


def _among_highest(values: NDArray[np.float64], n: int) -> NDArray[np.bool_]:
    """Return whether each value is among the ``n`` highest or equal to the last of them, shape ``(n_values,)``."""
    if len(values) <= n:
        return np.ones(len(values), bool)
    lowest: float = np.partition(values, len(values) - n)[len(values) - n]
    return values >= lowest
