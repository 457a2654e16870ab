"""Explanation of labels by their average cells, from the profiles of a space."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder
from smile_runtime.errors import QueryError
from smile_runtime.explanation.explanation import Explanation, label_table
from smile_runtime.explanation.feature_effects import CellValues, measure_effects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_effects import LabelEffects
from smile_runtime.explanation.label_tree import label_tree
from smile_runtime.explanation.programs import program_table
from smile_runtime.io import single_threaded_blas
from smile_runtime.space import Space


def explain_profiles(space: Space, encoder: Encoder, *, programs: bool) -> Explanation:
    """Explain the average cell of each label that has reference points and a profile."""
    reference = space.reference.select_modalities(encoder.record.label_modalities)
    names, centers = reference.label_columns[0].labels, LabelCenters.of(reference, 0)
    n_cells = np.bincount(reference.label[:, 0], reference.weight, len(names)).round().astype(np.int64)
    labels = np.flatnonzero(centers.known)
    raw = _average_cells(space, encoder, n_cells)[labels]
    features, effects = encoder.features.ids, LabelEffects(len(names), len(encoder.features))
    cell_values = CellValues(raw, np.ones((len(raw), 1), np.float32), None)
    weights = np.full(len(raw), 1 / len(raw)) if programs else None
    with single_threaded_blas():
        found = measure_effects(encoder, centers, labels, values=cell_values, weights=weights)
    effects.add(labels, found)
    dimensions = found.on_dimensions
    return Explanation(
        labels=label_table(effects, names, features, n_labeled=n_cells, average=True),
        cells=None,
        programs=None if dimensions is None else program_table(dimensions, centers, names, features, encoder.modality),
        tree=label_tree(centers, names),
        provenance={
            "space": space.name,
            "revision": space.revision,
            "manifest_sha256": space.manifest_sha256,
            "modality": encoder.modality,
            "label_column": space.manifest.reference.label_columns[0].name,
        },
    )


def _average_cells(space: Space, encoder: Encoder, n_cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the values of each label's average cell, already scaled, shape ``(n_labels, n_features)``.

    Profiles state the share of each feature in the counts of the encoder's features, but not how much of a cell's
    counts these features hold. One factor for all labels makes up for it: with it, the values of the average cells,
    weighted by their numbers of cells, add up after the logarithm to what those of the reference's cells do.

    Parameters
    ----------
    space
        Open space.
    encoder
        Encoder of the profiles.
    n_cells
        Number of reference cells of each label, shape ``(n_labels,)``.

    Raises
    ------
    QueryError
        If the space has no profiles, or its values are not the logarithms of scaled counts.
    """
    profiles, settings = space.profiles(encoder.modality), encoder.preprocessing
    advice = "pass a query, whose cells are explained"
    if profiles is None:
        raise QueryError(f"the space {space.name} has no profiles of its labels to explain; {advice}")
    others = (settings.binarize, settings.clr, settings.idf is not None, settings.band is not None)
    if not settings.log1p or any(others):
        raise QueryError(
            f"the profiles of the {encoder.modality} encoder can be explained only if its values are logarithms of "
            f"scaled counts, but it has other steps; {advice}"
        )
    share = np.exp(profiles.log_profile, dtype=np.float64)
    return (_factor(share, n_cells / n_cells.sum(), float(encoder.features.mean.sum())) * share).astype(np.float32)


def _factor(share: NDArray[np.float64], weight: NDArray[np.float64], total: float) -> float:
    """Return the factor with which the mean over labels of the summed logarithms is a total."""
    from scipy.optimize import brentq

    def excess(log_factor: float) -> float:
        return float(weight @ np.log1p(np.exp(log_factor) * share).sum(axis=1)) - total

    return float(np.exp(brentq(excess, -20.0, 40.0)))
