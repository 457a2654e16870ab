"""What is fitted before training: highly variable features, preprocessing statistics, the stem."""

import warnings

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.sparsefuncs import mean_variance_axis

from smile_runtime.errors import RecipeError
from smile_runtime.preprocessing import Preprocessing
from smile_training.cells import Cells
from smile_training.recipe import PreprocessingSettings


def select_features(cells: Cells, n_top: int, *, log1p: bool = True) -> Cells:
    """Keep the features that vary most, counted over batches; all where there are no more than ``n_top``.

    ``log1p`` says whether the values are logarithms, which is what the method takes.

    The method is scanpy's ``seurat`` flavour: normalised dispersion within each batch, features ranked by the number
    of batches in which they stand out.
    """
    if cells.logged.shape[1] <= n_top:
        return cells
    import scanpy  # takes seconds to import, and small panels never need it

    obs = pd.DataFrame({"batch": pd.Categorical(cells.batches)}, index=[str(row) for row in range(len(cells))])
    logged = cells.logged if log1p else cells.logged.log1p()
    adata = anndata.AnnData(logged, obs=obs, var=pd.DataFrame(index=list(cells.features)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scanpy and pandas disagree over deprecations that do not concern the result
        scanpy.pp.highly_variable_genes(adata, n_top_genes=n_top, batch_key="batch", flavor="seurat")
    return cells.with_features(np.flatnonzero(adata.var["highly_variable"].to_numpy()))


def fit_preprocessing(cells: Cells, settings: PreprocessingSettings) -> Preprocessing:
    """Measure each feature's mean and standard deviation over the cells.

    Raises
    ------
    RecipeError
        If every feature is constant.
    """
    mean, variance = mean_variance_axis(cells.logged.astype(np.float64), axis=0)
    std: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0.0))
    std[std < 1e-6 * np.maximum(np.abs(mean), 1.0)] = 0.0  # rounding, not variation
    if not std.any():
        raise RecipeError(
            f"all {len(std):,} features are constant over the {len(cells):,} cells; nothing can be learned"
        )
    return Preprocessing(settings.total, settings.log1p, settings.scaling, mean, std)
