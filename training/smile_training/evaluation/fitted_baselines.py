"""Baselines fitted on the training cells of one fold, for whatever is measured with them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from smile_training.data import Cells
from smile_training.evaluation import baselines
from smile_training.evaluation.baseline_inputs import fit_baseline_values
from smile_training.evaluation.metrics import Floats, Ids
from smile_training.recipe import Modality

LOGISTIC_REGRESSION = "logistic regression"


@dataclass(frozen=True, eq=False)
class FittedBaselines:
    """PCA or LSI and logistic regression of one modality; each is fitted once, when it is first needed.

    Attributes
    ----------
    train
        Cells to train on.
    modality
        Recipe of the modality.
    seed
        Seed of the methods.
    """

    train: Cells
    modality: Modality
    seed: int

    @property
    def reduce(self) -> baselines.Reduce:
        """Reduction to components: `lsi` of TF-IDF values, `pca` of all others."""
        return baselines.lsi if self.modality.preprocessing.tfidf else baselines.pca

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
        n_components = baselines.choose_n_components(self.values, self.train.labels, self.reduce, self.seed)
        return fit(self.values, n_components, self.seed)

    @cached_property
    def classify(self) -> Callable[[baselines.Values], Ids]:
        """Prediction of the labels from values by logistic regression."""
        return baselines.fit_logistic_regression(self.values, self.train.labels, self.seed)

    def predict(self, cells: Cells) -> dict[str, Ids]:
        """Return the label ids that each method predicts for other cells, each of shape ``(n,)``."""
        values = self.scale(cells)
        nearest = baselines.nearest_neighbor_labels(self.components, self.train.labels, self.project(values))
        return {self.reduce.__name__: nearest, LOGISTIC_REGRESSION: self.classify(values)}

    @cached_property
    def _inputs(self) -> tuple[baselines.Values, Callable[[Cells], baselines.Values]]:
        return fit_baseline_values(self.train, self.modality)
