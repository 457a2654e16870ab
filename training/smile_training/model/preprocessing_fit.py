"""Fitting of the preprocessing: selected features and their statistics."""

import warnings
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray
from sklearn.utils.sparsefuncs import incr_mean_variance_axis

from smile_runtime.arrays import Matrix, dense, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.data import (
    Cells,
    FeatureSums,
    distance_bands,
    parse_pairs,
    plain_preprocessing,
    rank_features,
    ranked_values,
)
from smile_training.model.cell_blocks import row_blocks
from smile_training.recipe import Data, PreprocessingSettings

SUMMED_CELLS = 1024
"""Number of cells that are added to sums at a time, which changes no sum."""


def select_features(cells: Cells, data: Data, settings: PreprocessingSettings) -> Cells:
    """Select features as the recipe states; keep all if there are at most ``n_top_features``.

    Raises
    ------
    RecipeError
        If no feature is found in ``min_cells`` cells.
    """
    n_cells = _n_cells_by_feature(cells.raw)
    frequent = np.flatnonzero(n_cells >= data.min_cells)
    if len(frequent) == 0:
        raise RecipeError(f"no feature is found in data.min_cells = {data.min_cells} cells; lower it")
    if len(frequent) < len(cells.features):
        cells, n_cells = cells.with_features(frequent), n_cells[frequent]
    if len(cells.features) <= data.n_top_features:
        return cells
    if data.select == "variable":
        order = _most_variable(cells, data.n_top_features, settings)
    else:
        order = np.argsort(-n_cells if data.select == "count" else n_cells, kind="stable")
    return cells.with_features(np.sort(order[: data.n_top_features]))


def _n_cells_by_feature(raw: Matrix) -> NDArray[np.int64]:
    """Return the number of cells with each feature, shape ``(n_features,)``."""
    if not is_sparse(raw):
        return np.asarray((~np.isnan(raw)).sum(axis=0), dtype=np.int64)
    counts = np.zeros(raw.shape[1], np.int64)
    for rows in row_blocks(raw):
        counts += np.bincount(raw.indices[raw.indptr[rows.start] : raw.indptr[rows.stop]], minlength=len(counts))
    return counts


def _most_variable(cells: Cells, n_top: int, settings: PreprocessingSettings) -> NDArray[np.intp]:
    """Return the indices of all features, most variable first, shape ``(n_features,)``.

    For expression, as `rank_features` ranks them by batch. For other values, by variance.
    """
    if settings.values != "expression":
        plain = plain_preprocessing(len(cells.features), settings)
        return np.argsort(-_moments(plain, cells)[1], kind="stable")
    sums = FeatureSums.zeros(len(cells.batch_names), cells.features)
    for rows in row_blocks(cells.raw, SUMMED_CELLS):
        sums.add(ranked_values(cells.raw[rows], cells.size_factor[rows], settings), cells.batches[rows])
    if cells.left_out is None:
        return rank_features(sums, n_top)
    order = rank_features(sums.beside(cells.left_out), n_top)
    return order[order < len(cells.features)]


def fit_preprocessing(cells: Cells, settings: PreprocessingSettings) -> Preprocessing:
    """Fit the preprocessing on cells: TF-IDF weights, distance bands, and each feature's mean and standard deviation.

    Raises
    ------
    RecipeError
        If every feature is constant.
    """
    n_features = len(cells.features)
    band = distance_bands(parse_pairs(cells.features)) if settings.per_band else None
    fitted = Preprocessing(
        target_sum=settings.total,
        log1p=settings.log1p,
        scaling=settings.scaling,
        mean=np.zeros(n_features),
        std=np.zeros(n_features),
        binarize=settings.binarize,
        clr=settings.clr,
        idf=np.log1p(len(cells) / np.maximum(_n_cells_by_feature(cells.raw), 1)) if settings.tfidf else None,
        band=band,
        band_mean=None if band is None else _band_means(cells, band),
    )
    mean, std = _moments(fitted, cells)
    if not std.any():
        raise RecipeError(
            f"all {len(std):,} features are constant over the {len(cells):,} cells; nothing can be learned"
        )
    return replace(fitted, mean=mean, std=std)


def _band_means(cells: Cells, band: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each band's sum of contacts in a cell, averaged over cells, shape ``(n_bands,)``."""
    mean = np.asarray(cells.raw.mean(axis=0), dtype=np.float64).ravel()
    return np.bincount(band, mean).astype(np.float64)


def _moments(preprocessing: Preprocessing, cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each feature's mean and standard deviation over the cells that measured it, each ``(n_features,)``."""
    if is_sparse(cells.raw):
        mean, variance, n_cells = np.zeros((3, len(cells.features)))
        for rows in row_blocks(cells.raw):
            block = preprocessing.transform(cells.raw[rows], cells.size_factor[rows])
            mean, variance, n_cells = incr_mean_variance_axis(
                scipy.sparse.csr_matrix(block, dtype=np.float64),
                axis=0,
                last_mean=mean,
                last_var=variance,
                last_n=n_cells,
            )
    else:
        transformed = dense(preprocessing.transform(cells.raw, cells.size_factor))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of features without any measurement
            mean = np.nanmean(transformed, axis=0, dtype=np.float64)
            variance = np.nanvar(transformed, axis=0, dtype=np.float64)
    mean, std = np.nan_to_num(mean), np.sqrt(np.maximum(np.nan_to_num(variance), 0.0))
    std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 0.0  # this small, it is rounding and not variation
    return mean, std
