"""Baselines fitted on the training cells of one fold, for whatever is measured with them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import is_sparse
from smile_training.data import Cells
from smile_training.evaluation import baselines
from smile_training.evaluation.baseline_inputs import feature_columns, fit_baseline_values
from smile_training.evaluation.metrics import Floats, Ids
from smile_training.model import select_features
from smile_training.recipe import Modality, PreprocessingSettings

LOGISTIC_REGRESSION = "logistic regression"


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedBaselines:
    """PCA or LSI and logistic regression of one modality; each is fitted once, when it is first needed.

    Attributes
    ----------
    train
        Cells to train on, with selected features.
    preprocessing
        Settings of the preprocessing.
    seed
        Seed of the methods.
    chosen
        Number of components and C of logistic regression; None to choose them by cross-validation.
    """

    train: Cells
    preprocessing: PreprocessingSettings
    seed: int
    chosen: tuple[int, float] | None = None

    @classmethod
    def of(cls, train: Cells, modality: Modality, seed: int) -> "FittedBaselines":
        """Return the baselines of a modality, with features selected on its training cells."""
        selected = select_features(train, modality.data, modality.preprocessing)
        return cls(train=selected, preprocessing=modality.preprocessing, seed=seed)

    @property
    def reduce(self) -> baselines.Reduce:
        """Reduction to components: `lsi` of TF-IDF values, `pca` of all others."""
        return baselines.lsi if self.preprocessing.tfidf else baselines.pca

    @property
    def values(self) -> baselines.Values:
        """Values of the training cells, shape ``(n_train, n_features)``."""
        return self._inputs[0]

    def scale(self, cells: Cells) -> baselines.Values:
        """Return the values of other cells, shape ``(n, n_features)``."""
        return self._inputs[1](cells)

    @cached_property
    def components(self) -> Floats:
        """Components of the training cells, shape ``(n_train, n_components)``."""
        return self.project(self.values)

    @cached_property
    def project(self) -> baselines.Project:
        """Projection of values on the components."""
        fit = baselines.fit_lsi if self.reduce is baselines.lsi else baselines.fit_pca
        return fit(self.values, self.n_components, self.seed)

    @cached_property
    def classify(self) -> baselines.LogisticLabels:
        """Prediction of the labels from values by logistic regression."""
        return baselines.fit_logistic_regression(self.values, self.train.labels, self.settings[1])

    @cached_property
    def n_components(self) -> int:
        """Number of components."""
        if self.chosen is not None:
            return self.chosen[0]
        return baselines.choose_n_components(self.values, self.train.labels, self.reduce, self.seed)

    @cached_property
    def settings(self) -> tuple[int, float]:
        """Number of components, and C of logistic regression."""
        if self.chosen is not None:
            return self.chosen
        return self.n_components, baselines.choose_inverse_penalty(self.values, self.train.labels, self.seed)

    def predict(self, cells: Cells) -> dict[str, Ids]:
        """Return the label ids that each method predicts for other cells, each of shape ``(n,)``."""
        values = self.scale(cells)
        nearest = baselines.nearest_neighbor_labels(self.components, self.train.labels, self.project(values))
        return {self.reduce.__name__: nearest, LOGISTIC_REGRESSION: self.classify(values)}

    def on_features_of(self, cells: Cells) -> "FittedBaselines":
        """Return the baselines on the features that other cells measured, with the settings chosen on all features."""
        measured = self.measured(cells)
        if measured.all():
            return self
        return replace(self, train=self.train.with_features(np.flatnonzero(measured)), chosen=self.settings)

    def measured(self, cells: Cells) -> NDArray[np.bool_]:
        """Return which features other cells measured, shape ``(n_features,)``."""
        raw = cells.with_features(feature_columns(cells, self.train.features)).raw
        return np.ones(raw.shape[1], bool) if is_sparse(raw) else np.any(~np.isnan(raw), axis=0)

    @cached_property
    def _inputs(self) -> tuple[baselines.Values, Callable[[Cells], baselines.Values]]:
        return fit_baseline_values(self.train, self.preprocessing)
