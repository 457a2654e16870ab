"""Cells left out of training: how often their transferred labels are right, and how sure one can be."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedKFold

from smile_runtime.calibration import confidence
from smile_runtime.errors import RecipeError
from smile_runtime.labels import transfer_labels
from smile_runtime.manifest import CalibrationRecord, MetricRecord
from smile_runtime.neighbours import nearest_neighbours
from smile_runtime.reference import Reference
from smile_training.cells import Cells
from smile_training.landmarks import fit_landmarks
from smile_training.loop import TrainedEncoder
from smile_training.recipe import Recipe
from smile_training.recipe import Reference as ReferenceSettings

Train = Callable[[Cells, int, str], TrainedEncoder]
"""Trains on cells with a seed; the text names the run."""

_BINS = 10


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Labels of cells that no encoder had seen, one row a repeat.

    Attributes
    ----------
    true
        Label ids, shape ``(n_cells,)``.
    predicted
        Transferred label ids, shape ``(n_repeats, n_cells)``.
    share
        Share of the vote that the label won, shape ``(n_repeats, n_cells)``.
    """

    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    share: NDArray[np.float32]

    def metrics(self) -> list[MetricRecord]:
        """Return accuracy and macro-F1 of label transfer, mean and standard deviation over repeats."""
        accuracy = [accuracy_score(self.true, row) for row in self.predicted]
        macro_f1 = [f1_score(self.true, row, average="macro", zero_division=0) for row in self.predicted]
        return [
            metric_record("label transfer accuracy, left-out cells", accuracy),
            metric_record("label transfer macro-F1, left-out cells", macro_f1),
        ]


def metric_record(name: str, values: list[float]) -> MetricRecord:
    """Return a figure measured in several repeats."""
    return MetricRecord(name=name, mean=float(np.mean(values)), std=float(np.std(values)), n_repeats=len(values))


def require_folds(labels: NDArray[np.int64], n_folds: int) -> None:
    """Refuse labels of which none can be spread over all folds.

    Raises
    ------
    RecipeError
        If no label has as many cells as there are folds.
    """
    most = int(np.bincount(labels[labels >= 0]).max(initial=0))
    if most < n_folds:
        raise RecipeError(
            f"the most frequent label has {most} cells, too few for reference.folds = {n_folds}; "
            "merge labels, set reference.folds lower, or leave out data.label_key"
        )


def folds(labels: NDArray[np.int64], n_folds: int, seed: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the rows to train on and the rows left out, labels spread evenly; unlabelled cells are never left out."""
    require_folds(labels, n_folds)
    labelled = np.flatnonzero(labels >= 0)
    unlabelled = np.flatnonzero(labels < 0)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label with fewer cells than folds is left out whole at times
        for train, left_out in splitter.split(labelled, labels[labelled]):
            yield np.sort(np.concatenate([labelled[train], unlabelled])), labelled[left_out]


def cross_validate(cells: Cells, recipe: Recipe, train: Train) -> LeftOut:
    """Train on all folds but one, transfer labels to the cells of that one, and so on for each fold and repeat.

    Parameters
    ----------
    cells
        Cells with labels.
    recipe
        Says how many folds and repeats, and how the reference is made.
    train
        Trains an encoder.
    """
    settings = recipe.reference
    predicted = np.full((settings.repeats, len(cells)), -1, np.int64)
    share = np.zeros((settings.repeats, len(cells)), np.float32)
    for repeat in range(settings.repeats):
        seed = recipe.seed + repeat
        for number, (rows, left_out) in enumerate(folds(cells.labels, settings.folds, seed)):
            encoder = train(cells.subset(rows), seed, f"repeat-{repeat}-fold-{number}")
            points = summarise(cells.subset(rows), encoder, settings, recipe.seed)
            neighbours = nearest_neighbours(
                encoder.embed(cells.subset(left_out)), points.embedding, settings.n_neighbors
            )
            transfer = transfer_labels(neighbours, points)
            predicted[repeat, left_out], share[repeat, left_out] = transfer.label, transfer.share
    labelled = cells.labels >= 0
    return LeftOut(cells.labels[labelled], predicted[:, labelled], share[:, labelled])


def summarise(
    cells: Cells,
    encoder: TrainedEncoder,
    settings: ReferenceSettings,
    seed: int,
    position: NDArray[np.float32] | None = None,
) -> Reference:
    """Return the reference that a space keeps of some cells: of those with a label, where there are labels."""
    kept = np.flatnonzero(cells.labels >= 0) if cells.label_names else np.arange(len(cells))
    position = np.zeros((len(cells), 2), np.float32) if position is None else position
    points = Reference(
        embedding=encoder.embed(cells.subset(kept)),
        weight=np.ones(len(kept), np.float32),
        map=position[kept],
        label=cells.labels[kept],
        labels=cells.label_names,
    )
    return fit_landmarks(points, settings.n_landmarks, seed) if settings.kind == "landmarks" else points


def calibrate(left_out: LeftOut) -> CalibrationRecord:
    """Fit the probability of a right label on the share of the vote, by isotonic regression.

    The expected calibration error (Guo et al. 2017, ten equal bins) is measured on the half of the cells that a fit on
    the other half did not use, both ways.
    """
    right = left_out.predicted == left_out.true
    half = np.arange(right.shape[1]) % 2 == 0
    fitted = np.empty(right.shape, np.float32)
    for part in (half, ~half):
        record = _isotonic(left_out.share[:, part], right[:, part])
        fitted[:, ~part] = confidence(left_out.share[:, ~part], record)
    error = _expected_calibration_error(fitted.ravel(), right.ravel())
    return _isotonic(left_out.share, right, error)


def _isotonic(share: NDArray[np.float32], right: NDArray[np.bool_], error: float = float("nan")) -> CalibrationRecord:
    fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(share.ravel(), right.ravel().astype(float))
    return CalibrationRecord(
        share=[float(value) for value in fit.X_thresholds_],
        probability=[float(value) for value in fit.y_thresholds_],
        expected_calibration_error=error,
        n_cells=int(share.shape[1]),
    )


def _expected_calibration_error(probability: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(probability[bins == each].mean() - right[bins == each].mean()) * np.mean(bins == each)
        for each in np.unique(bins)
    ]
    return float(np.sum(gaps))
