"""Imputation measured on left-out cells: expected values of a modality beside those that were measured in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.manifest import ImputationRecord, ImputedFeature, MetricRecord
from smile_runtime.mapping import Reference
from smile_training.data import Dataset, Fold
from smile_training.evaluation.correlation import correlation_lead, correlations, explained_variance
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.evaluation.metric_log import SMILE, metric_record
from smile_training.evaluation.metrics import Floats
from smile_training.recipe import Recipe
from smile_training.reference import (
    expected_values_name,
    fit_expected_values,
    has_imputed_values,
    imputed_values,
    unit_of,
)

IMPUTATION = "correlation of imputed values"
N_NEIGHBORS_KNN = 15
MIN_MEASURED_CELLS = 50
"""Fewest left-out cells on which features are compared: the standard error of a correlation of 0 is then 0.14."""


class ImputationLog:
    """Expected and measured values of left-out cells, over all folds and repeats.

    Parameters
    ----------
    dataset
        All cells of the cross-validation.
    recipe
        Recipe of the space.
    n_repeats
        Number of repeats.
    measured
        Modalities that the space adds; between two others, nothing is measured.
    kept
        Points of a reference that is kept as it is; None to build them from the training cells.
    """

    def __init__(
        self, dataset: Dataset, recipe: Recipe, *, n_repeats: int, measured: Iterable[str], kept: Reference | None
    ) -> None:
        self._recipe, self._kept, measured = recipe, kept, set(measured)
        self._pairs = [
            _PairLog.of(dataset, recipe, one, other, n_repeats)
            for one in dataset.cells
            for other in dataset.cells
            if one != other
            and not measured.isdisjoint((one, other))
            and recipe.reference.kind == "landmarks"  # the values of cells as points would be those of single cells
            and has_imputed_values(dataset.cells[other], recipe.modalities[other].preprocessing)
        ]

    def add(
        self,
        repeat: int,
        fold: Fold,
        *,
        train: Mapping[str, NDArray[np.float32]],
        left_out: Mapping[str, NDArray[np.float32]],
        points: Reference,
        fitted: Mapping[str, FittedBaselines],
    ) -> None:
        """Add the left-out cells of a fold.

        Parameters
        ----------
        repeat
            Index of the repeat.
        fold
            Cells to train on, and cells that were left out.
        train, left_out
            Their embeddings by modality, each of shape ``(n, n_latent)``.
        points
            Reference of the training cells.
        fitted
            Baselines fitted on the training cells, by modality.
        """
        reference = self._kept or points
        for pair in self._pairs:
            one, other = pair.modality_from, pair.modality_to
            rows, others = fold.train.pairs(one, other)
            asked, _ = fold.left_out.pairs(one, other)
            if len(rows) < N_NEIGHBORS_KNN or len(asked) == 0:
                continue
            settings, n_neighbors = self._recipe.modalities[other].preprocessing, self._recipe.reference.n_neighbors
            values = fit_expected_values(
                fold.train,
                train,
                reference,
                settings,
                modality_from=one,
                modality_to=other,
                n_neighbors=n_neighbors,
            )
            known = imputed_values(fold.train.cells[other].subset(others), settings)
            cells = fold.left_out.cells[one].subset(asked)
            pair.add(
                repeat,
                cells.names,
                values.at(left_out[one][asked], reference, n_neighbors),
                _nearest_mean(
                    fitted[one].components[rows], known, fitted[one].project(fitted[one].scale(cells)), N_NEIGHBORS_KNN
                ),
                fitted[one].reduce.__name__,
            )

    def metrics(self) -> Iterator[MetricRecord]:
        """Yield the correlation of each pair of modalities, averaged over features, for us and for the baseline."""
        for pair in self._pairs:
            yield from pair.metrics()

    def records(self) -> list[ImputationRecord]:
        """Return what the manifest states of those pairs of modalities of which at least one feature is predicted."""
        records = [pair.record(self._recipe) for pair in self._pairs if pair.is_measured]
        return [record for record in records if record.predicted]


@dataclass(eq=False)
class _PairLog:
    """Values of one modality, measured and predicted from another in left-out cells.

    ``measured`` has shape ``(n_pairs, n_features)``; ``own`` and ``knn`` ``(n_repeats, n_pairs, n_features)``, NaN for
    cells that were not left out.
    """

    modality_from: str
    modality_to: str
    names: pd.Index
    features: tuple[str, ...]
    measured: NDArray[np.float32]
    own: NDArray[np.float32]
    knn: NDArray[np.float32]
    baseline: str = ""

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe, one: str, other: str, n_repeats: int) -> "_PairLog":
        rows, others = dataset.pairs(one, other)
        cells = dataset.cells[other].subset(others)
        measured = imputed_values(cells, recipe.modalities[other].preprocessing)
        own, knn = np.full((2, n_repeats, *measured.shape), np.nan, np.float32)
        return cls(one, other, pd.Index(dataset.cells[one].names[rows]), cells.features, measured, own, knn)

    def add(
        self,
        repeat: int,
        names: NDArray[np.object_],
        own: NDArray[np.float32],
        knn: NDArray[np.float32],
        baseline: str,
    ) -> None:
        rows = self.names.get_indexer(pd.Index(names))
        self.own[repeat, rows], self.knn[repeat, rows], self.baseline = own, knn, baseline

    @property
    def n_cells(self) -> int:
        """Number of cells that were left out in any repeat and measured in both modalities."""
        return int((~np.isnan(self.own)).any(axis=(0, 2)).sum())

    @property
    def is_measured(self) -> bool:
        """Whether enough cells were compared, and a feature varies in them."""
        return self.n_cells >= MIN_MEASURED_CELLS and not np.isnan(self.correlations(self.own)).all()

    def correlations(self, predicted: NDArray[np.float32]) -> Floats:
        """Return the correlation of each feature in each repeat, shape ``(n_repeats, n_features)``."""
        return np.concatenate([correlations(self.measured, each) for each in predicted])

    def metrics(self) -> Iterator[MetricRecord]:
        if not self.is_measured:
            return
        subject = f"{self.modality_to} from {self.modality_from}"
        lead = correlation_lead(self.measured, self.own, self.knn)
        for method, predicted in ((SMILE, self.own), (self.baseline, self.knn)):
            by_repeat = np.nanmean(self.correlations(predicted), axis=1)
            yield metric_record(IMPUTATION, subject, method, by_repeat, lead=None if method == SMILE else lead)

    def record(self, recipe: Recipe) -> ImputationRecord:
        explained = np.mean([explained_variance(self.measured, each) for each in self.own], axis=0)
        own, knn = self.correlations(self.own).mean(axis=0), self.correlations(self.knn).mean(axis=0)
        return ImputationRecord(
            modality_from=self.modality_from,
            modality_to=self.modality_to,
            values=expected_values_name(self.modality_from, self.modality_to),
            unit=unit_of(recipe.modalities[self.modality_to].preprocessing),
            features=[
                ImputedFeature(
                    id=name,
                    correlation=float(own[index]),
                    correlation_knn=float(knn[index]),
                    explained=float(explained[index]),
                )
                for index, name in enumerate(self.features)
                if np.isfinite([own[index], knn[index], explained[index]]).all()
            ],
            n_cells=self.n_cells,
        )


def _nearest_mean(known: Floats, values: NDArray[np.float32], asked: Floats, n_neighbors: int) -> NDArray[np.float32]:
    """Return the mean values of the nearest cells, shape ``(n, n_features)``; NaN if none of them measured a feature.

    Parameters
    ----------
    known
        Components of cells with values, shape ``(n_known, n_components)``.
    values
        Their values, shape ``(n_known, n_features)``.
    asked
        Components of other cells, shape ``(n, n_components)``.
    n_neighbors
        Number of nearest cells.
    """
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(n_neighbors, len(known))).fit(known)
    nearest = model.kneighbors(asked, return_distance=False)  # (n, k)
    sums, n_measured = np.zeros((2, len(asked), values.shape[1]))
    for column in nearest.T:
        measured = ~np.isnan(values[column])
        sums += np.where(measured, values[column], 0)
        n_measured += measured
    mean = np.divide(sums, n_measured, out=np.full_like(sums, np.nan), where=n_measured > 0)
    return mean.astype(np.float32)
