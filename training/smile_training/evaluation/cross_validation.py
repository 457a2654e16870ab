"""Cross-validation: the metrics of the SMILE paper, and of label transfer to left-out cells.

Each repeat is a cross-validation with its own seed. Label transfer and FOSCTTM are measured on left-out cells,
silhouettes and ARI on the training cells, which form the reference. The baselines see the same cells.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, MetricRecord, SimilarityRecord
from smile_runtime.mapping import find_nearest_neighbors, mean_distance, transfer_labels
from smile_training.data import Cells, Dataset, Fold, degrade_cells, split_folds
from smile_training.evaluation import metrics
from smile_training.evaluation.baseline_metrics import log_baselines
from smile_training.evaluation.calibration_fit import calibrate, calibrate_similarity
from smile_training.evaluation.metric_log import (
    SMILE,
    Embeddings,
    LabelSource,
    Measurement,
    MetricLog,
    Prediction,
)
from smile_training.evaluation.structure import measure_pairs, measure_structure
from smile_training.loop import Encoders
from smile_training.recipe import Recipe
from smile_training.reference import build_reference

Train = Callable[[Dataset, int, str], Encoders]
"""Trains encoders on a dataset with a seed; the text names the run."""
Distances = dict[LabelSource, list[NDArray[np.float32]]]
"""Mean distances of left-out cells to the reference, one array per fold and degradation, each of shape ``(n,)``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """Result of a cross-validation.

    Attributes
    ----------
    metrics
        All metrics, as mean and standard deviation over repeats.
    label_modalities
        Modalities whose reference cells label a query, by modality of the query.
    calibrations
        Calibrations of the confidence, by modality and label column; empty without labels.
    similarities
        Distances of known-type cells to the reference, by modality.
    example
        First fold and the encoders trained on it, for a picture.
    """

    metrics: list[MetricRecord]
    label_modalities: dict[str, list[str]]
    calibrations: dict[str, dict[str, CalibrationRecord]]
    similarities: dict[str, SimilarityRecord]
    example: tuple[Fold, Encoders]


@dataclass(frozen=True, eq=False)
class _FoldResult:
    measurements: list[Measurement]
    predictions: list[Prediction]
    distances: Distances


def structure_records(dataset: Dataset, embedding: Embeddings, seed: int) -> list[MetricRecord]:
    """Return the structure metrics of one embedding of all cells."""
    log = MetricLog(dataset, n_repeats=1)
    log.add(0, measure_structure(SMILE, dataset, embedding, seed))
    return log.records()


def evaluate(
    dataset: Dataset,
    recipe: Recipe,
    train: Train,
    *,
    measured: Iterable[str] | None = None,
    kept: Iterable[str] = (),
) -> Evaluation:
    """Cross-validate a recipe.

    Parameters
    ----------
    dataset
        All cells.
    recipe
        Recipe with the numbers of folds and repeats and the settings of the reference.
    train
        Trains the encoders.
    measured
        Modalities to measure; None for all. Others have been trained on the left-out cells, too.
    kept
        Modalities of a reference that is kept as it is; empty if all modalities are in the reference.
    """
    settings, kept = recipe.reference, list(kept) or list(recipe.modalities)
    measured = list(recipe.modalities if measured is None else measured)
    sources = {name: _label_sources(name, kept) for name in measured}
    log = MetricLog(dataset, settings.repeats)
    distances: Distances = defaultdict(list)
    names, labels = dataset.names()
    if not dataset.label_names:
        labels = np.zeros(len(names), np.int64)
    example: tuple[Fold, Encoders] | None = None
    for repeat in range(settings.repeats):
        seed = recipe.seed + repeat
        for number, (rows, left_out) in enumerate(split_folds(labels, settings.folds, seed)):
            fold = Fold(dataset.subset(names[rows]), dataset.subset(names[left_out]))
            encoders = train(fold.train, seed, f"repeat-{repeat}-fold-{number}")
            example = example or (fold, encoders)
            result = _measure_fold(fold, encoders, recipe, sources, degradation_seed=seed)
            log.add(repeat, result.measurements, result.predictions)
            for source, values in result.distances.items():
                distances[source] += values
            log_baselines(log, repeat, fold.train, fold.left_out, recipe=recipe, measured=measured)
    assert example is not None
    chosen = {name: LabelSource(name, (name,) if name in kept else (kept[0],)) for name in recipe.modalities}
    calibrations = {}
    if dataset.label_names:
        for name in measured:
            chosen[name] = _most_accurate(log, dataset.cells[name].labels, sources[name])
            calibrations[name] = _calibrations(log, dataset.cells[name], chosen[name])
            log.choose(chosen[name], keep_source=len(sources[name]) > 1)
    return Evaluation(
        metrics=log.records(),
        label_modalities={name: list(source.label_modalities) for name, source in chosen.items()},
        calibrations=calibrations,
        similarities={
            name: calibrate_similarity(distances[chosen[name]], len(dataset.cells[name])) for name in measured
        },
        example=example,
    )


def _label_sources(modality: str, kept: list[str]) -> list[LabelSource]:
    """Return the possible label sources of a modality: its own cells, those of the first modality, and both."""
    first = kept[0]
    if modality == first:
        return [LabelSource(modality, (modality,))]
    if modality not in kept:
        return [LabelSource(modality, (first,))]
    return [LabelSource(modality, each) for each in ((modality,), (first,), (first, modality))]


def _most_accurate(log: MetricLog, true: NDArray[np.int64], sources: list[LabelSource]) -> LabelSource:
    """Return the label source with the highest mean accuracy."""

    def accuracy(source: LabelSource) -> float:
        predicted = log.votes(source).label
        return float(np.mean([metrics.accuracy(np.where(row >= 0, true, -1), row) for row in predicted]))

    return max(sources, key=accuracy)


def _calibrations(log: MetricLog, cells: Cells, source: LabelSource) -> dict[str, CalibrationRecord]:
    """Calibrate the confidence in the labels of each column on the left-out cells."""
    calibrations = {}
    for index, labels in enumerate(cells.columns):
        votes = log.votes(source, index)
        known = (votes.label >= 0).all(axis=0) & (labels.ids >= 0)
        right = votes.label[:, known] == labels.ids[known]
        calibrations[labels.column.name] = calibrate(right, votes.share[:, known])
    return calibrations


def _measure_fold(
    fold: Fold,
    encoders: Encoders,
    recipe: Recipe,
    sources: Mapping[str, list[LabelSource]],
    *,
    degradation_seed: int,
) -> _FoldResult:
    """Measure our encoders on one fold."""
    k = recipe.reference.n_neighbors
    train = {name: encoders[name].embed(cells) for name, cells in fold.train.cells.items()}
    left_out = {name: encoders[name].embed(cells) for name, cells in fold.left_out.cells.items()}
    points = build_reference(fold.train, train, recipe.reference, recipe.seed)
    distances: Distances = defaultdict(list)
    predictions = []
    for name in sources:
        cells = fold.left_out.cells[name]
        embeddings = [encoders[name].embed(worse) for worse in degrade_cells(cells, degradation_seed)]
        for source in sources[name]:
            reference = points.select_modalities(source.label_modalities)
            if len(reference) == 0 or len(left_out[name]) == 0:
                continue
            for embedding in embeddings:
                neighbors = find_nearest_neighbors(embedding, reference.embedding, k)
                distances[source].append(mean_distance(neighbors))
            if fold.train.label_names:
                neighbors = find_nearest_neighbors(left_out[name], reference.embedding, k)
                predictions += [
                    Prediction(source, SMILE, cells.names, transfer.label, transfer.share, column)
                    for column, transfer in enumerate(transfer_labels(neighbors, reference))
                ]
    measurements = [
        *measure_structure(SMILE, fold.train, train, recipe.seed),
        *measure_pairs(SMILE, fold.left_out, left_out, list(sources)),
    ]
    return _FoldResult(measurements, predictions, distances)
