"""Inputs of the baselines: each modality's usual preprocessing, fitted on the training cells."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_runtime.manifest import Scaling
from smile_training.data import Cells
from smile_training.evaluation.baselines import Values
from smile_training.model import fit_preprocessing, select_features
from smile_training.recipe import Modality, PreprocessingSettings


def baseline_values(train: Cells, left_out: Cells, modality: Modality) -> tuple[Values, Values]:
    """Return values of training and left-out cells, each of shape ``(n, n_features)``: see `fit_baseline_values`."""
    selected = select_features(train, modality.data, modality.preprocessing)
    values, scale = fit_baseline_values(selected, modality.preprocessing)
    return values, scale(left_out)


def fit_baseline_values(selected: Cells, settings: PreprocessingSettings) -> tuple[Values, Callable[[Cells], Values]]:
    """Return the scaled values of training cells with selected features, and the function that scales other cells.

    TF-IDF values of peaks and bins are not scaled, centered log-ratios of surface proteins are z-scores, and all others
    are divided by the square root of the standard deviation: z-scores give the noise of rare genes the same say as
    markers. In one fold of mouse cortex Paired-Tag RNA, label transfer by 30 principal components has an accuracy of
    0.708 with z-scores and 0.878 with values / sqrt(sd); of pbmc, 0.860 and 0.883.

    Sparse values are scaled but not centered; methods that need centering do it themselves. Missing values are set
    to the feature's mean.
    """
    fitted = replace(fit_preprocessing(selected, settings), scaling=_scaling(settings))
    train_values = _scaled(selected, fitted)

    def scale(cells: Cells) -> Values:
        values = _scaled(cells.with_features(feature_columns(cells, selected.features)), fitted)
        if is_sparse(train_values) and not is_sparse(values):  # the former are not centered
            values = values - fitted.centered(np.zeros((1, len(selected.features)), np.float32))
        return values

    return train_values, scale


def feature_columns(cells: Cells, features: tuple[str, ...]) -> NDArray[np.intp]:
    """Return the columns of some features in other cells, shape ``(n_features,)``."""
    column_of = {name: column for column, name in enumerate(cells.features)}
    return np.array([column_of[name] for name in features], np.intp)


def _scaling(settings: PreprocessingSettings) -> Scaling:
    if settings.tfidf:
        return "none"
    return "sd" if settings.clr else "sqrt_sd"


def _scaled(cells: Cells, fitted: Preprocessing) -> Values:
    transformed: Matrix = fitted.transform(cells.raw, cells.size_factor)
    if is_sparse(transformed):
        return scipy.sparse.csr_matrix(transformed.multiply(fitted.scale), dtype=np.float64)
    return np.nan_to_num(fitted.centered(transformed))
