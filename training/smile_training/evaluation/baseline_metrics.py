"""Metrics of the baselines on the cells of a fold."""

from collections.abc import Iterator, Mapping

import numpy as np

from smile_runtime.errors import DependencyError
from smile_training.data import Cells, Dataset
from smile_training.evaluation import baselines
from smile_training.evaluation.cca import cca, choose_cca
from smile_training.evaluation.fitted_baselines import LOGISTIC_REGRESSION, FittedBaselines
from smile_training.evaluation.harmony import harmony
from smile_training.evaluation.metric_log import LabelSource, Measurement, MetricLog, Prediction
from smile_training.evaluation.structure import measure_pairs, measure_structure

MIN_CCA_PAIRS = 3  # two points always correlate

FoldMetrics = tuple[list[Measurement], list[Prediction]]


def log_baselines(
    log: MetricLog,
    repeat: int,
    train: Dataset,
    left_out: Dataset,
    *,
    fitted: Mapping[str, FittedBaselines],
    measured: list[str],
    structure: bool = True,
) -> None:
    """Log PCA or LSI, Harmony and logistic regression in each measured modality, and CCA between two.

    Parameters
    ----------
    log
        Log that the metrics are added to.
    repeat
        Index of the repeat.
    train
        Cells to train on.
    left_out
        Cells to predict.
    fitted
        Baselines of every modality on the training cells.
    measured
        Modalities to measure.
    structure
        Whether to measure the structure of the training cells.
    """
    for name in measured:
        if len(left_out.cells[name]) == 0:
            continue
        log.add(repeat, *_within_modality(log, train, left_out, fitted[name], name=name, structure=structure))
        if name != train.first:
            log.add(repeat, *_between_modalities(train, left_out, fitted, name=name, structure=structure))


def _within_modality(
    log: MetricLog, train: Dataset, left_out: Dataset, fitted: FittedBaselines, *, name: str, structure: bool
) -> FoldMetrics:
    known, others = train.cells[name], left_out.cells[name]
    values = fitted.scale(others)
    measurements: list[Measurement] = []
    predictions = []
    for method, (components, projected) in _spaces(log, others, values, fitted):
        if structure:
            measurements += measure_structure(method, train.with_modalities([name]), {name: components}, fitted.seed)
        if train.label_names:
            predicted = baselines.nearest_neighbor_labels(components, known.labels, projected)
            predictions.append(Prediction(LabelSource(name), method, others.names, predicted))
    if train.label_names:
        predicted = fitted.classify(values)
        predictions.append(Prediction(LabelSource(name), LOGISTIC_REGRESSION, others.names, predicted))
    return measurements, predictions


def _spaces(
    log: MetricLog, others: Cells, values: baselines.Values, fitted: FittedBaselines
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Yield the name of each unsupervised method, and its embeddings of training and left-out cells."""
    known = fitted.train
    components = fitted.components, fitted.project(values)
    yield fitted.reduce.__name__, components
    batches = np.concatenate([known.batches, others.batches])
    if len(np.unique(batches)) > 1:
        try:
            mixed = harmony(np.concatenate(components).astype(np.float64), batches, fitted.seed)
            yield "harmony", (mixed[: len(known)], mixed[len(known) :])
        except DependencyError as error:
            log.warn_once(str(error))


def _between_modalities(
    train: Dataset, left_out: Dataset, fitted: Mapping[str, FittedBaselines], *, name: str, structure: bool
) -> FoldMetrics:
    first = train.first
    rows, others = train.pairs(first, name)
    if len(rows) < MIN_CCA_PAIRS:
        return [], []
    one, other = fitted[first], fitted[name]
    a, a_left = one.values[rows], one.scale(left_out.cells[first])
    b, b_left = other.values[others], other.scale(left_out.cells[name])
    settings = choose_cca(a, b, reduce_a=one.reduce, reduce_b=other.reduce, seed=one.seed)
    components_a, components_a_left = one.reduce(a, a_left, settings.n_a, one.seed)
    components_b, components_b_left = other.reduce(b, b_left, settings.n_b, one.seed)
    fitted_a, fitted_b, left_a, left_b = cca(components_a, components_b, components_a_left, components_b_left, settings)
    both = train.with_modalities([first, name])
    paired = Dataset({first: both.cells[first].subset(rows), name: both.cells[name].subset(others)})
    measurements = [
        *measure_pairs("cca", left_out.with_modalities([first, name]), {first: left_a, name: left_b}, [name])
    ]
    if structure:
        measurements += measure_structure("cca", paired, {first: fitted_a, name: fitted_b}, one.seed)
    labels = paired.cells[first].labels
    if not (labels >= 0).any():
        return measurements, []
    predicted = baselines.nearest_neighbor_labels(fitted_a, labels, left_b)
    return measurements, [Prediction(LabelSource(name, (first,)), "cca", left_out.cells[name].names, predicted)]
