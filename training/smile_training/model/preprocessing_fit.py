"""What is fitted before training: which features are kept, and the statistics of the preprocessing."""

import warnings

import anndata
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray
from sklearn.utils.sparsefuncs import mean_variance_axis

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.data import Cells, bands, parse_pairs
from smile_training.recipe import Data, PreprocessingSettings


def select_features(cells: Cells, data: Data, settings: PreprocessingSettings) -> Cells:
    """Keep the features that the recipe asks for; all where there are no more than ``n_top_features``.

    Raises
    ------
    RecipeError
        If ``min_cells`` leaves none.
    """
    n_cells = _cells_of(cells.raw)
    frequent = np.flatnonzero(n_cells >= data.min_cells)
    if len(frequent) == 0:
        raise RecipeError(f"no feature is seen in data.min_cells = {data.min_cells} cells; lower it")
    if len(frequent) < len(cells.features):
        cells, n_cells = cells.with_features(frequent), n_cells[frequent]
    if len(cells.features) <= data.n_top_features:
        return cells
    if data.select == "variable":
        order = _by_variation(cells, data.n_top_features, settings)
    else:
        order = np.argsort(-n_cells if data.select == "count" else n_cells, kind="stable")
    return cells.with_features(np.sort(order[: data.n_top_features]))


def _cells_of(raw: Matrix) -> NDArray[np.int64]:
    """Return in how many cells each feature was seen, shape ``(n_features,)``."""
    counts = raw.getnnz(axis=0) if is_sparse(raw) else (~np.isnan(raw)).sum(axis=0)
    return np.asarray(counts, dtype=np.int64)


def _by_variation(cells: Cells, n_top: int, settings: PreprocessingSettings) -> NDArray[np.intp]:
    """Return the features that vary most.

    For expression scanpy's ``seurat`` flavour: normalized dispersion of logarithms within each batch, features ranked
    by the number of batches in which they stand out. For all else the variance.
    """
    nothing = np.zeros((2, len(cells.features)))
    if settings.values != "expression":
        _, std = _moments(
            Preprocessing(
                target_sum=settings.total, log1p=settings.log1p, scaling="none", mean=nothing[0], std=nothing[1]
            ),
            cells,
        )
        return np.argsort(-std, kind="stable")
    import scanpy  # takes seconds to import, and small panels never need it

    plain = Preprocessing(target_sum=settings.total, log1p=True, scaling="none", mean=nothing[0], std=nothing[1])
    logged = plain.transform(cells.raw, cells.size_factor)
    if not is_sparse(logged):  # not measured everywhere: scanpy knows no NaN
        logged = np.where(np.isnan(logged), np.nanmean(logged, axis=0), logged)
    obs = pd.DataFrame({"batch": pd.Categorical(cells.batches)}, index=[str(row) for row in range(len(cells))])
    adata = anndata.AnnData(logged, obs=obs, var=pd.DataFrame(index=list(cells.features)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scanpy and pandas disagree over deprecations that do not concern the result
        scanpy.pp.highly_variable_genes(adata, n_top_genes=n_top, batch_key="batch", flavor="seurat")
    return np.flatnonzero(adata.var["highly_variable"].to_numpy())


def fit_preprocessing(cells: Cells, settings: PreprocessingSettings) -> Preprocessing:
    """Measure what the preprocessing needs over the cells: idf, bands, each feature's mean and standard deviation.

    Raises
    ------
    RecipeError
        If every feature is constant.
    """
    n_features = len(cells.features)
    band = bands(parse_pairs(cells.features)) if settings.per_band else None
    fitted = Preprocessing(
        target_sum=settings.total,
        log1p=settings.log1p,
        scaling=settings.scaling,
        mean=np.zeros(n_features),
        std=np.zeros(n_features),
        binarize=settings.binarize,
        clr=settings.clr,
        idf=np.log1p(len(cells) / np.maximum(_cells_of(cells.raw), 1)) if settings.tfidf else None,
        band=band,
        band_mean=None if band is None else _band_means(cells, band),
    )
    mean, std = _moments(fitted, cells)
    if not std.any():
        raise RecipeError(
            f"all {len(std):,} features are constant over the {len(cells):,} cells; nothing can be learned"
        )
    return Preprocessing(**{**vars(fitted), "mean": mean, "std": std})


def _band_means(cells: Cells, band: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each band adds up to in a cell, on average, shape ``(n_bands,)``."""
    mean = np.asarray(cells.raw.mean(axis=0), dtype=np.float64).ravel()
    return np.bincount(band, mean).astype(np.float64)


def _moments(preprocessing: Preprocessing, cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each feature where it was measured, shape ``(n_features,)`` each."""
    transformed = preprocessing.transform(cells.raw, cells.size_factor)
    if is_sparse(transformed):
        mean, variance = mean_variance_axis(scipy.sparse.csr_matrix(transformed, dtype=np.float64), axis=0)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a feature that was measured nowhere
            mean = np.nanmean(transformed, axis=0, dtype=np.float64)
            variance = np.nanvar(transformed, axis=0, dtype=np.float64)
    mean, std = np.nan_to_num(mean), np.sqrt(np.maximum(np.nan_to_num(variance), 0.0))
    std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 0.0  # rounding, not variation
    return mean, std
