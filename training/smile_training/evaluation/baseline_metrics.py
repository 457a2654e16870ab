"""Metrics of the baselines on the cells of a fold."""

from collections.abc import Iterator, Mapping

import numpy as np

from smile_runtime.errors import DependencyError
from smile_training.data import Dataset
from smile_training.evaluation import baselines
from smile_training.evaluation.baseline_inputs import baseline_values
from smile_training.evaluation.cca import cca, choose_cca
from smile_training.evaluation.harmony import harmony
from smile_training.evaluation.metric_log import LabelSource, Measurement, MetricLog, Prediction
from smile_training.evaluation.structure import measure_pairs, measure_structure
from smile_training.recipe import Recipe

MIN_CCA_PAIRS = 3  # two points always correlate

FoldValues = Mapping[str, tuple[baselines.Values, baselines.Values]]
"""Values of training and left-out cells, by modality."""
FoldMetrics = tuple[list[Measurement], list[Prediction]]


def log_baselines(
    log: MetricLog, repeat: int, train: Dataset, left_out: Dataset, *, recipe: Recipe, measured: list[str]
) -> None:
    """Log PCA or LSI, Harmony and logistic regression in each measured modality, and CCA between two.

    Parameters
    ----------
    log
        Log that the metrics are added to.
    repeat
        Index of the repeat, which also varies the seed.
    train
        Cells to train on.
    left_out
        Cells to predict.
    recipe
        Recipe with the preprocessing of each modality.
    measured
        Modalities to measure.
    """
    seed = recipe.seed + repeat
    values = {
        name: baseline_values(train.cells[name], left_out.cells[name], recipe.modalities[name])
        for name in recipe.modalities
    }
    for name in measured:
        if len(left_out.cells[name]) == 0:
            continue
        spaces = dict(_spaces(log, train, left_out, values, recipe=recipe, name=name, seed=seed))
        log.add(repeat, *_within_modality(train, left_out, values, spaces, name=name, seed=seed))
        if name != train.first:
            log.add(repeat, *_between_modalities(train, left_out, values, recipe=recipe, name=name, seed=seed))


def _spaces(
    log: MetricLog,
    train: Dataset,
    left_out: Dataset,
    values: FoldValues,
    *,
    recipe: Recipe,
    name: str,
    seed: int,
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Yield the name of each unsupervised method, and its embeddings of training and left-out cells."""
    known, others = train.cells[name], left_out.cells[name]
    reduce = _reduction(recipe, name)
    n_components = baselines.choose_n_components(values[name][0], known.labels, reduce, seed)
    components = reduce(*values[name], n_components, seed)
    yield reduce.__name__, components
    batches = np.concatenate([known.batches, others.batches])
    if len(np.unique(batches)) > 1:
        try:
            mixed = harmony(np.concatenate(components).astype(np.float64), batches, seed)
            yield "harmony", (mixed[: len(known)], mixed[len(known) :])
        except DependencyError as error:
            log.warn_once(str(error))


def _within_modality(
    train: Dataset,
    left_out: Dataset,
    values: FoldValues,
    spaces: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    name: str,
    seed: int,
) -> FoldMetrics:
    known, names = train.cells[name], left_out.cells[name].names
    measurements: list[Measurement] = []
    predictions = []
    for method, (fitted, projected) in spaces.items():
        measurements += measure_structure(method, train.with_modalities([name]), {name: fitted}, seed)
        if train.label_names:
            predicted = baselines.nearest_neighbor_labels(fitted, known.labels, projected)
            predictions.append(Prediction(LabelSource(name), method, names, predicted))
    if train.label_names:
        predicted = baselines.logistic_regression(values[name][0], known.labels, values[name][1], seed)
        predictions.append(Prediction(LabelSource(name), "logistic regression", names, predicted))
    return measurements, predictions


def _reduction(recipe: Recipe, name: str) -> baselines.Reduce:
    return baselines.lsi if recipe.modalities[name].preprocessing.tfidf else baselines.pca


def _between_modalities(
    train: Dataset, left_out: Dataset, values: FoldValues, *, recipe: Recipe, name: str, seed: int
) -> FoldMetrics:
    first = train.first
    rows, others = train.pairs(first, name)
    if len(rows) < MIN_CCA_PAIRS:
        return [], []
    (a, a_left), (b, b_left) = values[first], values[name]
    reduce_a, reduce_b = _reduction(recipe, first), _reduction(recipe, name)
    settings = choose_cca(a[rows], b[others], reduce_a=reduce_a, reduce_b=reduce_b, seed=seed)
    components_a, components_a_left = reduce_a(a[rows], a_left, settings.n_a, seed)
    components_b, components_b_left = reduce_b(b[others], b_left, settings.n_b, seed)
    fitted_a, fitted_b, left_a, left_b = cca(components_a, components_b, components_a_left, components_b_left, settings)
    fitted = train.with_modalities([first, name])
    paired = Dataset({first: fitted.cells[first].subset(rows), name: fitted.cells[name].subset(others)})
    measurements = [
        *measure_structure("cca", paired, {first: fitted_a, name: fitted_b}, seed),
        *measure_pairs("cca", left_out.with_modalities([first, name]), {first: left_a, name: left_b}, [name]),
    ]
    labels = paired.cells[first].labels
    if not (labels >= 0).any():
        return measurements, []
    predicted = baselines.nearest_neighbor_labels(fitted_a, labels, left_b)
    return measurements, [Prediction(LabelSource(name, (first,)), "cca", left_out.cells[name].names, predicted)]
