"""The figures of the peers, on the cells of a fold."""

from collections.abc import Mapping

import numpy as np

from smile_runtime.errors import DependencyError
from smile_training.data import Dataset
from smile_training.evaluation import baselines as baselines
from smile_training.evaluation.baseline_inputs import baseline_values
from smile_training.evaluation.metric_log import MetricLog, label_source
from smile_training.evaluation.structure import measure_pairs, measure_structure
from smile_training.recipe import Recipe

_FEWEST_PAIRS = 3  # two points always correlate


def measure_baselines(
    notes: MetricLog, repeat: int, train: Dataset, left_out: Dataset, recipe: Recipe, seed: int, measured: list[str]
) -> None:
    """Note the figures of PCA, Harmony and logistic regression in each modality, and of CCA between two."""
    values = {
        name: baseline_values(train.cells[name], left_out.cells[name], recipe.modalities[name])
        for name in recipe.modalities
    }
    for name in measured:
        known, others = train.cells[name], left_out.cells[name]
        if len(others) == 0:
            continue
        components = baselines.pca(*values[name], seed=seed)
        spaces = {"pca": components}
        batches = np.concatenate([known.batches, others.batches])
        if len(np.unique(batches)) > 1:
            try:
                mixed = baselines.harmony(np.concatenate(components).astype(np.float64), batches, seed)
                spaces["harmony"] = mixed[: len(known)], mixed[len(known) :]
            except DependencyError as error:
                notes.say_once(str(error))
        for method, (fitted, projected) in spaces.items():
            measure_structure(notes, repeat, method, train.of([name]), {name: fitted}, seed)
            if train.label_names:
                predicted = baselines.nearest_neighbor_labels(fitted, known.labels, projected)
                notes.vote(repeat, name, method, left_out, predicted)
        if train.label_names:
            predicted = baselines.logistic_regression(values[name][0], known.labels, values[name][1])
            notes.vote(repeat, name, "logistic regression", left_out, predicted)
        if name != train.first:
            _measure_cca(notes, repeat, train, left_out, values, name, seed)


def _measure_cca(
    notes: MetricLog,
    repeat: int,
    train: Dataset,
    left_out: Dataset,
    values: Mapping[str, tuple[baselines.Values, baselines.Values]],
    name: str,
    seed: int,
) -> None:
    first = train.first
    rows, others = train.pairs(first, name)
    if len(rows) < _FEWEST_PAIRS:
        return
    (a, a_left), (b, b_left) = values[first], values[name]
    fitted_a, fitted_b, left_a, left_b = baselines.cca(a[rows], b[others], a_left, b_left)
    fitted = train.of([first, name])
    paired = Dataset({first: fitted.cells[first].subset(rows), name: fitted.cells[name].subset(others)})
    measure_structure(notes, repeat, "cca", paired, {first: fitted_a, name: fitted_b}, seed)
    measure_pairs(notes, repeat, "cca", left_out.of([first, name]), {first: left_a, name: left_b}, [name])
    labels = paired.cells[first].labels
    if (labels >= 0).any():
        predicted = baselines.nearest_neighbor_labels(fitted_a, labels, left_b)
        notes.vote(repeat, label_source(name, [first]), "cca", left_out, predicted)
