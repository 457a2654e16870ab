"""Canonical correlation analysis of two modalities, with settings chosen on training pairs."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from smile_training.evaluation.baselines import Reduce, Values, unit_rows
from smile_training.evaluation.inner_folds import inner_folds
from smile_training.evaluation.metrics import Floats, foscttm

RIDGE_FRACTION = 1e-6  # of the first component's variance, so that an empty component is not amplified
COMPONENT_NUMBERS = (5, 10, 20, 50)
MIN_INNER_PAIRS = 30


@dataclass(frozen=True)
class CcaSettings:
    """Settings of a canonical correlation analysis.

    Attributes
    ----------
    n_a, n_b
        Components of each side that the variates are made of.
    power
        Power of its correlation that each variate is multiplied by.
    unit_length
        Whether the weighted variates of a cell are scaled to length 1, so that distances follow the cosine.
    """

    n_a: int = 50
    n_b: int = 50
    power: int = 2
    unit_length: bool = False


CHOICES = tuple(
    CcaSettings(n_a, n_b, power, unit_length)
    for n_a, n_b, power, unit_length in product(COMPONENT_NUMBERS, COMPONENT_NUMBERS, (1, 2), (False, True))
)


def choose_cca(a: Values, b: Values, *, reduce_a: Reduce, reduce_b: Reduce, seed: int) -> CcaSettings:
    """Choose the settings with the lowest FOSCTTM of training pairs left out of inner folds.

    Outer left-out pairs have no say. One setting does not suit all data. Of one fold, the lowest FOSCTTM of left-out
    pairs was 0.141 on the SNARE-seq mixture (50 components of RNA, 5 of ATAC, squared correlations), 0.182 on sc-GEM
    (5 and 5, squared) and 0.234 on sci-CAR A549 (10 and 50, correlations, unit length); with 30 and 30 components and
    squared correlations without unit length it was 0.147 (SNARE-seq), and 0.264 on A549 with 50 and 50.

    Parameters
    ----------
    a, b
        Values of paired training cells, in the same order, shapes ``(n_pairs, n_features_a)`` and
        ``(n_pairs, n_features_b)``.
    reduce_a, reduce_b
        Reduction of each side to components.
    seed
        Seed of the inner folds and of the reductions.

    Returns
    -------
        The settings; the defaults with fewer than 30 pairs.
    """
    if a.shape[0] < MIN_INNER_PAIRS:
        return CcaSettings()
    total = np.zeros(len(CHOICES))
    for rows, left_out in inner_folds(np.zeros(a.shape[0], np.int64), seed):
        train_a, left_a = reduce_a(a[rows], a[left_out], max(COMPONENT_NUMBERS), seed)
        train_b, left_b = reduce_b(b[rows], b[left_out], max(COMPONENT_NUMBERS), seed)
        total += [foscttm(*cca(train_a, train_b, left_a, left_b, each)[2:]) for each in CHOICES]
    return CHOICES[int(np.argmin(total))]


def cca(
    train_a: Floats, train_b: Floats, left_out_a: Floats, left_out_b: Floats, settings: CcaSettings
) -> tuple[Floats, Floats, Floats, Floats]:
    """Align two modalities by canonical correlation analysis of their components (Hotelling 1936).

    Each variate is multiplied by a power of its correlation: unweighted, the many variates that hardly correlate drown
    the few that do (FOSCTTM of left-out cells of the SNARE-seq mixture: 0.16 squared, 0.17 once, 0.38 unweighted).

    Parameters
    ----------
    train_a, train_b
        Components of paired training cells, in the same order, shapes ``(n_train, n_components_a)`` and
        ``(n_train, n_components_b)``; the largest come first.
    left_out_a, left_out_b
        Components of left-out cells, likewise; they need not be paired.
    settings
        How many components are used, and how variates are weighted.

    Returns
    -------
        Weighted variates, shape ``(n, n_variates)``, of the training cells of a and b and the left-out cells of a
        and b, in that order.
    """
    a, a_left = _whitened(train_a[:, : settings.n_a], left_out_a[:, : settings.n_a])
    b, b_left = _whitened(train_b[:, : settings.n_b], left_out_b[:, : settings.n_b])
    rotation_a, correlation, rotation_b = np.linalg.svd(a.T @ b / len(a), full_matrices=False)
    weight = correlation**settings.power
    to_a, to_b = rotation_a * weight, rotation_b.T * weight  # (n_components, n_variates)
    variates = (a @ to_a, b @ to_b, a_left @ to_a, b_left @ to_b)
    if not settings.unit_length:
        return variates
    return unit_rows(variates[0]), unit_rows(variates[1]), unit_rows(variates[2]), unit_rows(variates[3])


def _whitened(train: Floats, left_out: Floats) -> tuple[Floats, Floats]:
    """Return components with mean 0 and variance 1 over training cells."""
    mean, variance = train.mean(axis=0), train.var(axis=0)
    spread = np.sqrt(variance + RIDGE_FRACTION * variance.max())
    return (train - mean) / spread, (left_out - mean) / spread
