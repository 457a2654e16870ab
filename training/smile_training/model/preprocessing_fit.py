"""Fitting of the preprocessing: selected features and their statistics."""

import warnings
from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray
from sklearn.utils.sparsefuncs import mean_variance_axis

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.data import Cells, distance_bands, parse_pairs
from smile_training.recipe import Data, PreprocessingSettings


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
    counts = raw.getnnz(axis=0) if is_sparse(raw) else (~np.isnan(raw)).sum(axis=0)
    return np.asarray(counts, dtype=np.int64)


def _most_variable(cells: Cells, n_top: int, settings: PreprocessingSettings) -> NDArray[np.intp]:
    """Return the indices of at least the ``n_top`` most variable features, shape ``(n_selected,)``.

    For expression, scanpy's ``seurat`` flavor: normalized dispersion of log values within each batch, with features
    ranked by the number of batches in which they are highly variable. For other values, the variance.
    """
    is_expression = settings.values == "expression"
    zeros = np.zeros(len(cells.features))
    log1p = is_expression or settings.log1p
    plain = Preprocessing(target_sum=settings.total, log1p=log1p, scaling="none", mean=zeros, std=zeros)
    if not is_expression:
        return np.argsort(-_moments(plain, cells)[1], kind="stable")
    import scanpy  # takes seconds to import, and small panels do not need it

    logged = plain.transform(cells.raw, cells.size_factor)
    if not is_sparse(logged):  # some values were not measured, and scanpy does not support NaN
        logged = np.where(np.isnan(logged), np.nanmean(logged, axis=0), logged)
    obs = pd.DataFrame({"batch": pd.Categorical(cells.batches)}, index=[str(row) for row in range(len(cells))])
    adata = anndata.AnnData(logged, obs=obs, var=pd.DataFrame(index=list(cells.features)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scanpy uses deprecated pandas functions, with the same result
        scanpy.pp.highly_variable_genes(adata, n_top_genes=n_top, batch_key="batch", flavor="seurat")
    return np.flatnonzero(adata.var["highly_variable"].to_numpy())


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
    transformed = preprocessing.transform(cells.raw, cells.size_factor)
    if is_sparse(transformed):
        mean, variance = mean_variance_axis(scipy.sparse.csr_matrix(transformed, dtype=np.float64), axis=0)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of features without any measurement
            mean = np.nanmean(transformed, axis=0, dtype=np.float64)
            variance = np.nanvar(transformed, axis=0, dtype=np.float64)
    mean, std = np.nan_to_num(mean), np.sqrt(np.maximum(np.nan_to_num(variance), 0.0))
    std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 0.0  # this small, it is rounding and not variation
    return mean, std
