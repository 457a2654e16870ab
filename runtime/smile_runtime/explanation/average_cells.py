"""Average cells of the labels of a reference, from the profiles of a space."""

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder, Preprocessing
from smile_runtime.mapping import LabelProfiles, Reference


def takes_log_counts(settings: Preprocessing) -> bool:
    """Return whether an encoder takes plain logarithms of scaled counts, which profiles can be turned into."""
    return settings.log1p and not (
        settings.binarize or settings.clr or settings.idf is not None or settings.band is not None
    )


def count_reference_cells(reference: Reference) -> NDArray[np.int64]:
    """Return the number of reference cells of each primary label, shape ``(n_labels,)``."""
    labels = reference.label_columns[0].labels
    return np.bincount(reference.label[:, 0], reference.weight, len(labels)).round().astype(np.int64)


def average_cells(profiles: LabelProfiles, encoder: Encoder, n_cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the values of each label's average cell, already scaled, shape ``(n_labels, n_features)``.

    Profiles state the share of each feature in the counts of the encoder's features, but not how much of a cell's
    counts these features hold. One factor for all labels makes up for it: with it, the values of the average cells,
    weighted by their numbers of cells, add up after the logarithm to what those of the reference's cells do.

    Parameters
    ----------
    profiles
        Profiles of the labels.
    encoder
        Encoder of the profiles, which takes logarithms of scaled counts.
    n_cells
        Number of reference cells of each label, shape ``(n_labels,)``.
    """
    share = np.exp(profiles.log_profile, dtype=np.float64)
    return (_factor(share, n_cells / n_cells.sum(), float(encoder.features.mean.sum())) * share).astype(np.float32)


def _factor(share: NDArray[np.float64], weight: NDArray[np.float64], total: float) -> float:
    """Return the factor with which the mean over labels of the summed logarithms is a total."""
    from scipy.optimize import brentq

    def excess(log_factor: float) -> float:
        return float(weight @ np.log1p(np.exp(log_factor) * share).sum(axis=1)) - total

    return float(np.exp(brentq(excess, -20.0, 40.0)))
