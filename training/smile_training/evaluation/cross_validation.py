"""How good a space is: the figures of the SMILE paper and of a reference's user, on cells left out of training.

Each repeat is a cross-validation with a seed of its own. Label transfer and FOSCTTM are of left-out cells; silhouettes
and ARI are of the cells trained on, the reference. The peers see the same cells.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, MetricRecord, SimilarityRecord
from smile_runtime.mapping import find_nearest_neighbors, mean_distance, transfer_labels
from smile_training.data import Cells, Dataset, Split, degraded, split_folds
from smile_training.evaluation import metrics
from smile_training.evaluation.baseline_metrics import measure_baselines
from smile_training.evaluation.calibration_fit import calibrate, calibrate_similarity
from smile_training.evaluation.metric_log import SMILE, Embeddings, MetricLog, label_source
from smile_training.evaluation.structure import measure_pairs, measure_structure
from smile_training.loop import Encoders
from smile_training.recipe import Recipe
from smile_training.reference import summarize

Distances = dict[str, list[NDArray[np.float32]]]
"""Of left-out cells to the reference, by modality and voters, fold by fold."""
Train = Callable[[Dataset, int, str], Encoders]
"""Trains on cells with a seed; the text names the run."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a cross-validation found.

    Attributes
    ----------
    metrics
        Every figure, mean and standard deviation over repeats.
    voters
        For each modality, the modalities whose reference cells give its queries their labels.
    calibrations
        For each modality, the confidence in these labels, by label column; empty without labels.
    similarities
        For each modality, how far its cells lie from the reference.
    example
        The first fold, and the encoders that were trained on it, for a picture.
    """

    metrics: list[MetricRecord]
    label_modalities: dict[str, list[str]]
    calibrations: dict[str, dict[str, CalibrationRecord]]
    similarities: dict[str, SimilarityRecord]
    example: tuple[Split, Encoders]


def structure_records(dataset: Dataset, embedding: Embeddings, seed: int) -> list[MetricRecord]:
    """Return how types, batches and modalities lie in one embedding of all cells."""
    notes = MetricLog(dataset, n_repeats=1)
    measure_structure(notes, 0, SMILE, dataset, embedding, seed)
    return notes.records()


def evaluate(
    dataset: Dataset,
    recipe: Recipe,
    train: Train,
    measured: Iterable[str] | None = None,
    kept: Iterable[str] = (),
) -> Evaluation:
    """Train on all folds but one, look at the cells of that one, and so on for each fold and repeat.

    Parameters
    ----------
    dataset
        All cells.
    recipe
        Says how many folds and repeats, and how the reference is made.
    train
        Trains the encoders.
    measured
        Modalities to measure; None: all. The others were trained on the left-out cells too.
    kept
        Modalities of a reference that stays as it is; empty: all modalities are in the reference.
    """
    settings, kept = recipe.reference, list(kept) or list(recipe.modalities)
    measured = list(recipe.modalities if measured is None else measured)
    notes = MetricLog(dataset, settings.repeats)
    distances: Distances = defaultdict(list)
    names, labels = dataset.names()
    if not dataset.label_names:
        labels = np.zeros(len(names), np.int64)
    example: tuple[Split, Encoders] | None = None
    for repeat in range(settings.repeats):
        seed = recipe.seed + repeat
        for number, (rows, left_out) in enumerate(split_folds(labels, settings.folds, seed)):
            split = Split(dataset.subset(names[rows]), dataset.subset(names[left_out]))
            encoders = train(split.train, seed, f"repeat-{repeat}-fold-{number}")
            example = example or (split, encoders)
            sources = {name: _ways(name, kept) for name in measured}
            _measure_smile(notes, distances, repeat, split, encoders, recipe, sources)
            measure_baselines(notes, repeat, split.train, split.left_out, recipe, seed, measured)
    assert example is not None
    label_modalities = {name: [name] if name in kept else [kept[0]] for name in recipe.modalities}
    calibrations = {}
    if dataset.label_names:
        for name in measured:
            rules = _ways(name, kept)
            label_modalities[name] = _best_label_modalities(notes, dataset, name, rules)
            calibrations[name] = _calibrations(notes, dataset.cells[name], name, label_modalities[name])
            notes.choose(name, label_modalities[name], len(rules))
    similarities = {
        name: calibrate_similarity(distances[label_source(name, label_modalities[name])], len(dataset.cells[name]))
        for name in measured
    }
    return Evaluation(notes.records(), label_modalities, calibrations, similarities, example)


def _ways(modality: str, kept: list[str]) -> list[list[str]]:
    """Return whose labels cells of a modality may get: its own, those of the first modality, of both."""
    first = kept[0]
    if modality == first:
        return [[modality]]
    return [[modality], [first], [first, modality]] if modality in kept else [[first]]


def _best_label_modalities(notes: MetricLog, dataset: Dataset, modality: str, rules: list[list[str]]) -> list[str]:
    """Return the voters that were right most often."""
    true = dataset.cells[modality].labels

    def score(label_modalities: list[str]) -> float:
        predicted = notes.votes(modality, label_modalities).predicted
        return float(np.mean([metrics.accuracy(np.where(row >= 0, true, -1), row) for row in predicted]))

    return max(rules, key=score)


def _calibrations(
    notes: MetricLog, cells: Cells, modality: str, label_modalities: list[str]
) -> dict[str, CalibrationRecord]:
    """Return the confidence in the labels of each column, calibrated on the cells that were left out."""
    calibrations = {}
    for place, labels in enumerate(cells.columns):
        votes = notes.votes(modality, label_modalities, place)
        known = (votes.predicted >= 0).all(axis=0) & (labels.ids >= 0)
        right = votes.predicted[:, known] == labels.ids[known]
        calibrations[labels.column.name] = calibrate(right, votes.share[:, known])
    return calibrations


def _measure_smile(
    notes: MetricLog,
    distances: Distances,
    repeat: int,
    split: Split,
    encoders: Encoders,
    recipe: Recipe,
    rules: dict[str, list[list[str]]],
) -> None:
    settings = recipe.reference
    reference = {name: encoders[name].embed(cells) for name, cells in split.train.cells.items()}
    left_out = {name: encoders[name].embed(cells) for name, cells in split.left_out.cells.items()}
    points = summarize(split.train, reference, settings, recipe.seed)
    for name in rules:
        worse = degraded(split.left_out.cells[name], recipe.seed + repeat)
        looked_at = [encoders[name].embed(cells) for cells in worse]
        for label_modalities in rules[name]:
            chosen = points.select_modalities(label_modalities)
            if len(chosen) == 0 or len(left_out[name]) == 0:
                continue
            source = label_source(name, label_modalities)
            for embedding in looked_at:
                neighbors = find_nearest_neighbors(embedding, chosen.embedding, settings.n_neighbors)
                distances[source].append(mean_distance(neighbors))
            if split.train.label_names:
                neighbors = find_nearest_neighbors(left_out[name], chosen.embedding, settings.n_neighbors)
                for place, won in enumerate(transfer_labels(neighbors, chosen)):
                    notes.vote(repeat, source, SMILE, split.left_out, won.label, won.share, place)
    measure_structure(notes, repeat, SMILE, split.train, reference, recipe.seed)
    measure_pairs(notes, repeat, SMILE, split.left_out, left_out, list(rules))
