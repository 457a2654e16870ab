"""Drivers of the sampled cells of a projection, and of their labels, for its report."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder
from smile_runtime.explanation.average_cells import average_cells, count_reference_cells, takes_log_counts
from smile_runtime.explanation.cell_drivers import N_DRIVERS, strongest_features
from smile_runtime.explanation.cell_explainer import CellExplainer
from smile_runtime.explanation.feature_effects import FeatureEffects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_drivers import N_DRIVERS as N_LABEL_DRIVERS
from smile_runtime.explanation.label_effects import MIN_COMPARED_CELLS, LabelEffects
from smile_runtime.explanation.sampled_rows import read_blocks
from smile_runtime.projection import Progress, ProjectionOptions, prepare
from smile_runtime.query import Query
from smile_runtime.results import ProjectionSummary
from smile_runtime.space import Space

MAX_MULTIPLICATIONS = 5e10
"""Multiplications by weights of the trunk that may be spent on a report: some ten seconds on one thread."""
_BYTES_PER_WEIGHT = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class SampleExplanation:
    """Drivers of sampled cells, and the values of features by primary label.

    Attributes
    ----------
    features
        Names of the encoder's features.
    labels
        Names of the primary labels.
    measured
        Whether the query measured each feature, shape ``(n_features,)``.
    cell_drivers
        Up to five features that carry each sampled cell's label, strongest first, -1 for none; shape
        ``(m, 5)``. Cells that are unknown or beyond the limit have none.
    label_drivers
        Up to ten features that carry each label most specifically, by label, in the explained cells; those that the
        space states for its own cells where the query has too few to compare.
    stated_labels
        Labels whose drivers are those that the space states.
    n_cells
        Number of explained cells of each label, shape ``(n_labels,)``.
    fraction
        Fraction of the explained cells of each label in which a feature is detected, shape ``(n_labels, n_features)``.
    value
        Value of the average explained cell of each label, shape ``(n_labels, n_features)``: the logarithm of one plus
        the mean scaled count, or the mean of the encoder's values if these are no logarithms of counts.
    reference
        Value of the average reference cell of each label, computed alike, shape ``(n_labels, n_features)``; NaN for a
        label without reference cells. None if the space has no profiles of counts.
    is_log
        Whether values are logarithms.
    """

    features: list[str]
    labels: list[str]
    measured: NDArray[np.bool_]
    cell_drivers: NDArray[np.int64]
    label_drivers: dict[str, list[int]]
    stated_labels: frozenset[str]
    n_cells: NDArray[np.int64]
    fraction: NDArray[np.float64]
    value: NDArray[np.float64]
    reference: NDArray[np.float64] | None
    is_log: bool


def explain_sample(
    query: Query,
    space: Space,
    summary: ProjectionSummary,
    options: ProjectionOptions,
    *,
    max_multiplications: float = MAX_MULTIPLICATIONS,
    seed: int = 0,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> SampleExplanation | None:
    """Explain the sampled cells of a projection, as many of each label as a limit of the work allows.

    Parameters
    ----------
    query
        Query that was projected, or a copy of it.
    space
        Space that it was projected into.
    summary
        Summary of the projection.
    options
        Options of the projection.
    max_multiplications
        Limit of the work, in multiplications by weights of the trunk.
    seed
        Seed of the choice of cells, if there are more.
    progress
        Called with the number of cells just explained and the number of all cells to explain.

    Returns
    -------
        The explanation; None if the space has no labels, or its encoder no sparse first layer.

    Raises
    ------
    QueryError
        If the query is missing values (NaN) in features that other cells measured.
    SmileError
        As `smile_runtime.project_file`.
    """
    encoder = space.encoder(options.modality)
    if not summary.columns or not encoder.record.sparse:
        return None
    n_weights = space.manifest.files[encoder.record.sparse.trunk].size / _BYTES_PER_WEIGHT
    labels = summary.sample["label"][:, 0].astype(np.int64)
    chosen = choose_cells(labels, summary.sample["detected"], max_multiplications / n_weights, seed)
    prepared = prepare(query, space, options)
    explainer = CellExplainer(
        projector=prepared.projector,
        interpretation=summary.interpretation,
        centers=LabelCenters.of(prepared.projector.mapper.reference, 0),
        labels=labels[chosen],
    )
    values = _LabelValues(
        len(summary.columns[0].labels), len(encoder.features), is_log=takes_log_counts(encoder.preprocessing)
    )
    drivers = np.full((len(labels), N_DRIVERS), -1)
    for cells, effects in explainer.explain(read_blocks(prepared.matrix, summary.sample_rows[chosen])):
        drivers[chosen[cells]], _ = strongest_features(effects, len(cells))
        values.add(labels[chosen[cells]], effects)
        progress(len(cells), len(chosen))
    label_drivers, stated_labels = _label_drivers(encoder, summary.columns[0].labels, values.effects)
    return SampleExplanation(
        features=list(encoder.features.ids),
        labels=list(summary.columns[0].labels),
        measured=prepared.projector.match.measured,
        cell_drivers=drivers,
        label_drivers=label_drivers,
        stated_labels=stated_labels,
        n_cells=values.effects.n_cells,
        fraction=values.effects.fraction,
        value=values.average,
        reference=_reference_values(space, encoder),
        is_log=values.is_log,
    )


class _LabelValues:
    """Effects, detection and average values of features by label, accumulated over cells."""

    def __init__(self, n_labels: int, n_features: int, *, is_log: bool) -> None:
        self.effects, self.is_log = LabelEffects(n_labels, n_features), is_log
        self._total = np.zeros((n_labels, n_features))

    def add(self, labels: NDArray[np.int64], effects: FeatureEffects) -> None:
        """Add cells, whose labels have shape ``(n,)``, with the effects on them."""
        self.effects.add(labels, effects)
        values = effects.values.astype(np.float64)
        np.add.at(self._total, (labels[effects.cells], effects.features), np.expm1(values) if self.is_log else values)

    @property
    def average(self) -> NDArray[np.float64]:
        """Value of each label's average cell, shape ``(n_labels, n_features)``."""
        mean = self._total / np.maximum(self.effects.n_cells, 1)[:, None]
        return np.log1p(mean) if self.is_log else mean


def choose_cells(
    labels: NDArray[np.int64], n_embeddings: NDArray[np.integer], limit: float, seed: int
) -> NDArray[np.intp]:
    """Return random cells with a label, as many of each label as a limit allows, by ascending index.

    One cell of each label comes first, then a second of each, and so on, until the limit is reached.

    Parameters
    ----------
    labels
        Label of each cell, -1 for none, shape ``(n,)``.
    n_embeddings
        Number of embeddings that each cell takes, one for each feature that it detects, shape ``(n,)``.
    limit
        Number of embeddings that all cells may take.
    seed
        Seed of the choice.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[labels[order] >= 0]
    order = order[np.argsort(labels[order], kind="stable")]
    rank = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    order = order[np.argsort(rank, kind="stable")]
    return np.sort(order[np.cumsum(n_embeddings[order], dtype=np.int64) <= limit])


def _label_drivers(
    encoder: Encoder, labels: list[str], effects: LabelEffects
) -> tuple[dict[str, list[int]], frozenset[str]]:
    """Return the features that carry each label, and the labels for which the space states them.

    Effects on the query's cells count for labels of enough cells, if there are several such labels to compare, and for
    labels for which the space states nothing.
    """
    stated, place = _stated_drivers(encoder, labels), {name: index for index, name in enumerate(encoder.features.ids)}
    enough = effects.n_cells >= MIN_COMPARED_CELLS
    specific = effects.specific_effect()
    order = np.argsort(-specific, axis=1, kind="stable")[:, :N_LABEL_DRIVERS]
    found = {label: [place[each] for each in drivers if each in place] for label, drivers in stated.items()}
    own = [
        label
        for label in np.flatnonzero(effects.n_cells)
        if labels[label] not in stated or (enough[label] and np.count_nonzero(enough) > 1)
    ]
    found |= {
        labels[label]: [int(feature) for feature in order[label] if specific[label, feature] > 0] for label in own
    }
    return found, frozenset(stated) - {labels[label] for label in own}


def _stated_drivers(encoder: Encoder, labels: list[str]) -> dict[str, list[str]]:
    return {label: drivers for label, drivers in (encoder.record.drivers or {}).items() if label in labels}


def _reference_values(space: Space, encoder: Encoder) -> NDArray[np.float64] | None:
    profiles = space.profiles(encoder.modality)
    if profiles is None or not takes_log_counts(encoder.preprocessing):
        return None
    n_cells = count_reference_cells(space.reference.select_modalities(encoder.record.label_modalities))
    values = np.log1p(average_cells(profiles, encoder, n_cells).astype(np.float64))
    values[n_cells == 0] = np.nan
    return values
