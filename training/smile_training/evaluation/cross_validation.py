"""Cross-validation: the metrics of the SMILE paper, and of label transfer to left-out cells.

Each repeat is a cross-validation with its own seed; with many cells, one training on a sample takes its place. Label
transfer and FOSCTTM are measured on left-out cells, silhouettes and ARI on the training cells, which form the
reference. The baselines see the same cells.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_runtime.manifest import (
    CalibrationRecord,
    DissimilarityRecord,
    ImputationRecord,
    JointRecord,
    LabelSetRecord,
    MetricRecord,
    SimilarityRecord,
    StressRecord,
    is_finer_level,
)
from smile_runtime.mapping import Reference
from smile_training.data import Cells, Dataset, Fold, degrade_cells, mix_pairs
from smile_training.evaluation import metrics
from smile_training.evaluation.baseline_metrics import log_baselines
from smile_training.evaluation.calibration_fit import MIN_CALIBRATION_CELLS, calibrate, counted_cells
from smile_training.evaluation.confusion import Confusion, confuse
from smile_training.evaluation.dissimilarity_fit import fit_similarity
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.evaluation.imputation import ImputationLog
from smile_training.evaluation.joint_evaluation import LeftOutCells, join_modalities
from smile_training.evaluation.label_set_evaluation import (
    SetPeers,
    fit_sets,
    measure_sets_of_batches,
    measure_sets_of_cells,
    score_by_regression,
)
from smile_training.evaluation.metric_log import (
    SMILE,
    Embeddings,
    LabelSource,
    Measurement,
    MetricLog,
    Prediction,
)
from smile_training.evaluation.queried_cells import QueriedCells, query_cells
from smile_training.evaluation.splits import Split, full_splits, sample_split
from smile_training.evaluation.stress import (
    BaselineHits,
    StressedCells,
    query_stressed,
    stress_baselines,
    stress_records,
)
from smile_training.evaluation.structure import measure_pairs, measure_structure
from smile_training.loop import Encoders
from smile_training.recipe import Recipe
from smile_training.reference import build_reference, fit_label_profiles, has_profiles, profiles_name

Train = Callable[[Dataset, int, str], Encoders]
"""Trains encoders on a dataset with a seed; the text names the run."""

N_DOUBLETS = 400
LEFT_OUT_BATCHES = "of left-out batches"

logger = logging.getLogger(__name__)


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
        Dissimilarity of known-type cells to the reference, by modality.
    label_sets
        Limits of sets of primary labels, by modality; empty without labels.
    stress
        Accuracy on degraded cells of the first repeat, by modality; empty without labels.
    confusions
        Labels of left-out batches, or of left-out cells if there is one batch, by modality; empty without labels.
    imputations
        Correlation of expected and measured values of one modality for queries of another, by feature.
    joints
        How modalities that were measured in the same cells are joined; empty without labels.
    """

    metrics: list[MetricRecord]
    label_modalities: dict[str, list[str]]
    calibrations: dict[str, dict[str, CalibrationRecord]]
    similarities: dict[str, SimilarityRecord]
    label_sets: dict[str, LabelSetRecord]
    stress: dict[str, list[StressRecord]]
    confusions: dict[str, Confusion]
    imputations: list[ImputationRecord]
    joints: list[JointRecord]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Queried:
    """Left-out cells of one modality that took labels from one source, by fold."""

    trainings: list[str] = field(default_factory=list)
    """Name of the training that left out each of the measured cells."""
    measured: list[QueriedCells] = field(default_factory=list)
    degraded: list[QueriedCells] = field(default_factory=list)
    doublets: list[QueriedCells] = field(default_factory=list)
    batch_trainings: list[str] = field(default_factory=list)
    """Name of the training that left out each of the batches."""
    between: list[list[QueriedCells]] = field(default_factory=list)
    """Cells of left-out batches, as measured and degraded."""
    stressed: list[StressedCells] = field(default_factory=list)


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
    points: Reference | None = None,
    show: Callable[[Fold, Encoders], object] = lambda _fold, _encoders: None,
) -> Evaluation:
    """Cross-validate a recipe.

    Parameters
    ----------
    dataset
        All cells, or a sample of them (`draw_sample`).
    recipe
        Recipe with the numbers of folds and repeats and the settings of the reference.
    train
        Trains the encoders.
    measured
        Modalities to measure; None for all. Others have been trained on the left-out cells, too.
    kept
        Modalities of a reference that is kept as it is; empty if all modalities are in the reference.
    points
        Points of that reference, which expected values are fitted to; None to build them from the training cells.
    show
        Called with the first fold and the encoders trained on it.
    """
    settings, kept = recipe.reference, list(kept) or list(recipe.modalities)
    measured = list(recipe.modalities if measured is None else measured)
    sources = {name: _label_sources(name, kept) for name in measured}
    splits: Iterable[Split]
    if settings.evaluation == "sample":
        splits, n_repeats = [sample_split(dataset, recipe.seed)], 1
    else:
        splits, n_repeats = full_splits(dataset, settings, recipe.seed), settings.repeats
    log, between = MetricLog(dataset, n_repeats), MetricLog(dataset, 1, of=LEFT_OUT_BATCHES)
    queried: dict[LabelSource, _Queried] = defaultdict(_Queried)
    peers: dict[str, list[BaselineHits]] = defaultdict(list)
    set_peers: dict[str, SetPeers] = defaultdict(SetPeers)
    imputed = ImputationLog(dataset, recipe, n_repeats=n_repeats, measured=measured, kept=points)
    shown, repeats = False, {}
    for split in splits:
        repeats[split.name] = split.repeat
        try:
            encoders = train(split.train, split.seed, split.name)
        except RecipeError as error:
            if split.cells is not None:
                raise
            logger.warning("cells of left-out batches are not measured: %s", error)
            continue
        fitted = _baselines(split.train, recipe, split.seed)
        if split.cells is not None:
            fold = Fold(split.train, split.cells)
            if not shown:
                show(fold, encoders)
                shown = True
            stressed = split.repeat == 0 and bool(dataset.label_names)
            impute = partial(imputed.add, split.repeat, fold, fitted=fitted)
            ours = _measure_fold(fold, encoders, recipe, sources, queried, impute, split, stressed=stressed)
            log.add(split.repeat, *ours)
            log_baselines(log, split.repeat, fold.train, fold.left_out, fitted=fitted, measured=measured)
            for name in measured if dataset.label_names else ():
                set_peers[name].within.append(score_by_regression(fitted[name], split.cells.cells[name]))
            for name in measured if stressed else ():
                if len(split.cells.cells[name]):
                    cells = encoders[name].align_features(split.cells.cells[name])
                    peers[name].append(stress_baselines(fitted[name], cells, scaled=_scaled(recipe, name)))
        if split.batches is not None:
            fold = Fold(split.train, split.batches)
            between.add(0, [], _measure_batches(fold, encoders, recipe, sources, queried, split))
            log_baselines(
                between, 0, fold.train, fold.left_out, fitted=fitted, measured=measured, structure=split.cells is None
            )
            for name in (each for each in measured if len(split.batches.cells[each])):
                set_peers[name].between.append(score_by_regression(fitted[name], split.batches.cells[name]))
    chosen = {name: LabelSource(name, (name,) if name in kept else (kept[0],)) for name in recipe.modalities}
    for name in measured if dataset.label_names else ():
        chosen[name] = _most_accurate(log, dataset.cells[name].labels, sources[name])
        for each in (log, between):
            each.choose(chosen[name], keep_source=len(sources[name]) > 1)
    similarities = {
        name: fit_similarity(
            [*queried[chosen[name]].measured, *queried[chosen[name]].degraded],
            queried[chosen[name]].between,
            profiles_name(name)
            if has_profiles(dataset.cells[name], recipe.modalities[name].preprocessing.values)
            else None,
            len(dataset.cells[name]),
        )
        for name in measured
    }
    calibrations = {
        name: _calibrations(queried[chosen[name]], dataset, similarities[name].dissimilarity)
        for name in (measured if dataset.label_names else ())
    }
    label_sets: dict[str, LabelSetRecord] = {}
    set_metrics: list[MetricRecord] = []
    for name, by_column in calibrations.items():
        primary, units = next(iter(by_column.values())), similarities[name].dissimilarity
        limits, figures = _label_sets(name, queried[chosen[name]], primary, units, set_peers[name])
        if limits is not None:
            label_sets[name] = limits
        set_metrics += figures
    left_out = {
        name: _left_out(queried[chosen[name]], by_column, similarities[name].dissimilarity)
        for name, by_column in calibrations.items()
        if name not in recipe.simulated  # of which nothing can be learned about cells
    }
    joints = list(join_modalities(left_out, dataset, repeats, LEFT_OUT_BATCHES))
    joint_metrics = [metric for _, figures in joints for metric in figures]
    return Evaluation(
        metrics=sorted(
            [*log.records(), *between.records(), *set_metrics, *imputed.metrics(), *joint_metrics],
            key=lambda record: record.name,
        ),
        label_modalities={name: list(source.label_modalities) for name, source in chosen.items()},
        calibrations=calibrations,
        similarities=similarities,
        label_sets=label_sets,
        stress={
            name: stress_records(
                queried[chosen[name]].stressed, peers[name], next(iter(each.values())), similarities[name]
            )
            for name, each in calibrations.items()
        },
        confusions={name: confusion for name in calibrations if (confusion := _confusion(dataset, name, log, between))},
        imputations=imputed.records(),
        joints=[record for record, _ in joints],
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
        predicted = log.predicted(source)
        return float(np.mean([metrics.accuracy(np.where(row >= 0, true, -1), row) for row in predicted]))

    return max(sources, key=accuracy)


def _calibrations(
    queried: _Queried, dataset: Dataset, record: DissimilarityRecord | None
) -> dict[str, CalibrationRecord]:
    """Calibrate the confidence in the labels of each column on the left-out cells.

    A level finer than the primary column is left out if too few of them say something about it.
    """
    degraded, doublets = (queried.degraded, queried.doublets) if record is not None else ([], [])
    return {
        column.name: calibrate(queried.measured, degraded, doublets, index, record)
        for index, column in enumerate(dataset.label_columns)
        if not is_finer_level(column, dataset.label_columns)
        or sum(int(counted_cells(each, index).sum()) for each in queried.measured) >= MIN_CALIBRATION_CELLS
    }


def _left_out(
    queried: _Queried, calibrations: dict[str, CalibrationRecord], record: DissimilarityRecord | None
) -> LeftOutCells:
    """Return the left-out cells of a modality by training, with what was fitted to them."""
    batches = (cells[0] for cells in queried.between)  # the others are degraded
    return LeftOutCells(
        measured=dict(zip(queried.trainings, queried.measured, strict=True)),
        degraded=queried.degraded,
        doublets=queried.doublets,
        between=dict(zip(queried.batch_trainings, batches, strict=True)),
        calibrations=calibrations,
        record=record,
    )


def _label_sets(
    name: str,
    queried: _Queried,
    calibration: CalibrationRecord,
    record: DissimilarityRecord | None,
    peers: SetPeers,
) -> tuple[LabelSetRecord | None, list[MetricRecord]]:
    """Return the limits of label sets of a modality, and the figures of 90% sets."""
    within = [*queried.measured, *queried.degraded]
    figures = [
        *measure_sets_of_cells(name, queried.measured, queried.degraded, queried.doublets, record, peers),
        *measure_sets_of_batches(name, queried.between, calibration, record, peers, LEFT_OUT_BATCHES),
    ]
    return fit_sets(within, queried.between, calibration, record), figures


def _confusion(dataset: Dataset, name: str, log: MetricLog, between: MetricLog) -> Confusion | None:
    """Return the confusion of left-out batches, or of left-out cells if no batch was left out."""
    source, true = LabelSource(name), dataset.cells[name].labels
    if between.has_predicted(source):
        return confuse("left-out batches", dataset, true, between.predicted(source))
    return confuse("left-out cells", dataset, true, log.predicted(source))


def _measure_fold(
    fold: Fold,
    encoders: Encoders,
    recipe: Recipe,
    sources: Mapping[str, list[LabelSource]],
    queried: Mapping[LabelSource, _Queried],
    impute: Callable[..., None],
    split: Split,
    *,
    stressed: bool,
) -> tuple[list[Measurement], list[Prediction]]:
    """Measure our encoders on one fold, and collect its left-out cells for the calibration and the stress test."""
    train = {name: encoders[name].embed(cells) for name, cells in fold.train.cells.items()}
    left_out = {name: encoders[name].embed(cells) for name, cells in fold.left_out.cells.items()}
    points = build_reference(fold.train, train, recipe.reference, recipe.seed)
    impute(train=train, left_out=left_out, points=points)
    predictions = []
    for source, query in _queries(fold, encoders, recipe, sources, points):
        cells = encoders[source.modality].align_features(fold.left_out.cells[source.modality])
        scaled = _scaled(recipe, source.modality)
        measured = query(cells)
        queried[source].trainings.append(split.name)
        queried[source].measured.append(measured)
        queried[source].degraded.extend(map(query, _degraded(cells, split.seed, scaled=scaled)))
        doublets = mix_pairs(cells, N_DOUBLETS, split.seed, scaled=scaled)
        if doublets is not None:
            queried[source].doublets.append(query(doublets))
        if stressed:
            levels = query_stressed(cells, encoders[source.modality], query, split.seed, scaled=scaled)
            queried[source].stressed.extend(levels)
        predictions += _predictions(source, measured)
    measurements = [
        *measure_structure(SMILE, fold.train, train, recipe.seed),
        *measure_pairs(SMILE, fold.left_out, left_out, list(sources)),
    ]
    return measurements, predictions


def _measure_batches(
    fold: Fold,
    encoders: Encoders,
    recipe: Recipe,
    sources: Mapping[str, list[LabelSource]],
    queried: Mapping[LabelSource, _Queried],
    split: Split,
) -> list[Prediction]:
    """Return the labels of left-out batches, and collect their cells for the calibration."""
    train = {name: encoders[name].embed(cells) for name, cells in fold.train.cells.items()}
    points = build_reference(fold.train, train, recipe.reference, recipe.seed)
    predictions = []
    for source, query in _queries(fold, encoders, recipe, sources, points):
        cells = encoders[source.modality].align_features(fold.left_out.cells[source.modality])
        measured = query(cells)
        degraded = _degraded(cells, recipe.seed, scaled=_scaled(recipe, source.modality))
        queried[source].batch_trainings.append(split.name)
        queried[source].between.append([measured, *map(query, degraded)])
        predictions += _predictions(source, measured)
    return predictions


def _queries(
    fold: Fold,
    encoders: Encoders,
    recipe: Recipe,
    sources: Mapping[str, list[LabelSource]],
    points: Reference,
) -> Iterator[tuple[LabelSource, Callable[[Cells], QueriedCells]]]:
    """Yield each label source of a fold's reference, with the function that maps cells onto its points."""
    for name in sources:
        if len(fold.left_out.cells[name]) == 0:
            continue
        cells = encoders[name].align_features(fold.train.cells[name])
        profiles = None
        if has_profiles(cells, recipe.modalities[name].preprocessing.values):
            profiles = fit_label_profiles(cells, encoders[name])
        for source in sources[name]:
            reference = points.select_modalities(source.label_modalities)
            if len(reference):
                yield (
                    source,
                    partial(
                        query_cells,
                        encoder=encoders[name],
                        reference=reference,
                        profiles=profiles,
                        n_neighbors=recipe.reference.n_neighbors,
                        further_distances=len(sources) > 1,
                    ),
                )


def _baselines(train: Dataset, recipe: Recipe, seed: int) -> dict[str, FittedBaselines]:
    return {name: FittedBaselines.of(train.cells[name], each, seed) for name, each in recipe.modalities.items()}


def _scaled(recipe: Recipe, name: str) -> bool:
    """Return whether cells of a modality are scaled to a target sum."""
    return recipe.modalities[name].preprocessing.total is not None


def _degraded(cells: Cells, seed: int, *, scaled: bool) -> Iterator[Cells]:
    return islice(degrade_cells(cells, seed, scaled=scaled), 1, None)  # the first are as measured


def _predictions(source: LabelSource, cells: QueriedCells) -> list[Prediction]:
    return [
        Prediction(source, SMILE, cells.names, cells.label[:, column], column) for column in range(cells.label.shape[1])
    ]
