"""Inputs of the baselines: each modality's usual preprocessing, fitted on the training cells."""

from dataclasses import replace

import numpy as np
import scipy

from smile_runtime.arrays import Matrix, is_sparse
from smile_runtime.encoder import Preprocessing
from smile_training.data import Cells
from smile_training.evaluation.baselines import Values
from smile_training.model import fit_preprocessing, select_features
from smile_training.recipe import Modality


def baseline_values(train: Cells, left_out: Cells, modality: Modality) -> tuple[Values, Values]:
    """Return z-scores of training and left-out cells, each of shape ``(n, n_features)``.

    Sparse values are scaled but not centered; methods that need centering do it themselves.
    """
    selected = select_features(train, modality.data, modality.preprocessing)
    fitted = fit_preprocessing(selected, modality.preprocessing)
    fitted = replace(fitted, scaling="sd")
    column_of = {name: column for column, name in enumerate(left_out.features)}
    known = left_out.with_features(np.array([column_of[name] for name in selected.features]))
    return _scaled(selected, fitted), _scaled(known, fitted)


def _scaled(cells: Cells, fitted: Preprocessing) -> Values:
    transformed: Matrix = fitted.transform(cells.raw, cells.size_factor)
    if is_sparse(transformed):
        return scipy.sparse.csr_matrix(transformed.multiply(fitted.scale), dtype=np.float64)
    return np.nan_to_num(fitted.centered(transformed))
