"""Explanation of labels by their average cells, from the profiles of a space."""

import numpy as np

from smile_runtime.encoder import Encoder
from smile_runtime.errors import QueryError
from smile_runtime.explanation.average_cells import average_cells, count_reference_cells, takes_log_counts
from smile_runtime.explanation.explanation import Explanation, label_table
from smile_runtime.explanation.feature_effects import CellValues, measure_effects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_effects import LabelEffects
from smile_runtime.explanation.label_tree import label_tree
from smile_runtime.explanation.programs import program_table
from smile_runtime.io import single_threaded_blas
from smile_runtime.mapping import LabelProfiles
from smile_runtime.space import Space


def explain_profiles(space: Space, encoder: Encoder, *, programs: bool) -> Explanation:
    """Explain the average cell of each label that has reference points and a profile."""
    reference = space.reference.select_modalities(encoder.record.label_modalities)
    names, centers = reference.label_columns[0].labels, LabelCenters.of(reference, 0)
    n_cells = count_reference_cells(reference)
    labels = np.flatnonzero(centers.known)
    raw = average_cells(_required_profiles(space, encoder), encoder, n_cells)[labels]
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


def _required_profiles(space: Space, encoder: Encoder) -> LabelProfiles:
    """Return the profiles of an encoder; raise QueryError if there are none, or they do not tell its values."""
    profiles, advice = space.profiles(encoder.modality), "pass a query, whose cells are explained"
    if profiles is None:
        raise QueryError(f"the space {space.name} has no profiles of its labels to explain; {advice}")
    if not takes_log_counts(encoder.preprocessing):
        raise QueryError(
            f"the profiles of the {encoder.modality} encoder can be explained only if its values are logarithms of "
            f"scaled counts, but it has other steps; {advice}"
        )
    return profiles
