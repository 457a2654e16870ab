"""Profiles of the labels, fitted to the cells of one modality."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import is_sparse
from smile_runtime.manifest import AcceptedValues
from smile_runtime.mapping import LabelProfiles
from smile_training.data import Cells, count_units
from smile_training.model import BLOCK_CELLS, CellEncoder, row_blocks

SMOOTHING_COUNTS = 2000.0
"""Counts of the average profile that are added to those of each label, so that no feature is impossible."""
_PSEUDOCOUNT = 0.5
_MIN_VARIANCE_RATIO = 1e-4
_MIN_SPREAD_RATIO = 1e-6  # the last axis of centers whose mean was subtracted is none


def has_profiles(cells: Cells, accepted: AcceptedValues) -> bool:
    """Return whether cells have profiles: labels, and values whose proportions mean something."""
    return bool(cells.label_names) and accepted in ("expression", "counts", "presence")


def profiles_name(modality: str) -> str:
    """Return the file of a modality's profiles."""
    return f"profiles/{modality}.safetensors"


def fit_label_profiles(cells: Cells, encoder: CellEncoder) -> LabelProfiles:
    """Fit the profiles of the primary labels.

    Parameters
    ----------
    cells
        Labeled cells with the encoder's features, in its order.
    encoder
        Encoder of the cells.
    """
    _, components = encoder.embed_with_components(cells)
    labels, n_labels = cells.labels, len(cells.label_names)
    counts, totals = _sums(cells, binary=encoder.preprocessing.binarize)  # (n_labels, n_features) each
    overall = (counts.sum(axis=0) + _PSEUDOCOUNT) / (totals.sum(axis=0) + 1.0)
    overall /= overall.sum()
    share = (counts + SMOOTHING_COUNTS * overall) / (totals + SMOOTHING_COUNTS)
    share /= share.sum(axis=1, keepdims=True)
    n_cells = np.bincount(labels[labels >= 0], minlength=n_labels)
    share[n_cells == 0] = share[n_cells.argmax()]  # of a label that this modality lacks: one that adds nothing
    axes, center, average = np.zeros((0, 0)), np.zeros((n_labels, 0)), np.zeros(0)
    if components is not None and (n_cells > 0).sum() > 1 and np.ptp(components, axis=0).any():
        axes, center, average = _fit_axes(components, labels, n_labels)
    return LabelProfiles(
        log_profile=np.log(share).astype(np.float16).astype(np.float32),  # as stored
        axes=axes.astype(np.float32),
        center=center.astype(np.float32),
        average=average.astype(np.float32),
    )


def extend_label_profiles(profiles: LabelProfiles, cells: Cells, encoder: CellEncoder) -> LabelProfiles:
    """Add the profiles of labels that come after those of the given profiles, which stay as they are.

    Parameters
    ----------
    profiles
        Profiles of the first labels.
    cells
        Labeled cells with the encoder's features, in its order; features that they did not measure get the average
        share of the given profiles.
    encoder
        Encoder of the cells.
    """
    extended = add_empty_profiles(profiles, len(cells.label_names))
    new = np.setdiff1d(cells.labels, np.arange(-1, len(profiles.log_profile)))
    if len(new) == 0:
        return extended
    counts, totals = _sums(cells, binary=encoder.preprocessing.binarize)  # (n_labels, n_features) each
    average = np.exp(profiles.log_profile, dtype=np.float64).mean(axis=0)
    share = (counts + SMOOTHING_COUNTS * average) / (totals + SMOOTHING_COUNTS)
    share /= share.sum(axis=1, keepdims=True)
    extended.log_profile[new] = np.log(share[new]).astype(np.float16)
    if profiles.has_axes:
        _, components = encoder.embed_with_components(cells)
        assert components is not None
        for label in new:
            extended.center[label] = components[cells.labels == label].mean(axis=0) @ profiles.axes
    return extended


def add_empty_profiles(profiles: LabelProfiles, n_labels: int) -> LabelProfiles:
    """Return profiles of more labels, the others without cells: no cell is compared with them."""
    n_others = n_labels - len(profiles.log_profile)
    return replace(
        profiles,
        log_profile=np.concatenate([profiles.log_profile, np.repeat(profiles.log_profile[:1], n_others, axis=0)]),
        center=np.concatenate([profiles.center, np.tile(profiles.average, (n_others, 1))]),
    )


def _sums(cells: Cells, *, binary: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each label's sum of counts, and the total of the cells that measured each feature."""
    raw, unit = cells.raw, None if binary else count_units(cells.raw)
    counts, totals = np.zeros((2, len(cells.label_names), len(cells.features)))
    for rows in row_blocks(raw):
        block = raw[rows]
        values = scipy.sparse.csr_matrix(block if is_sparse(block) else np.nan_to_num(block))
        values = (values > 0).astype(np.float64) if unit is None else values.multiply(1.0 / unit[rows]).tocsr()
        member = _membership(cells.labels[rows], len(counts))
        total = np.asarray(values.sum(axis=1)).reshape(-1, 1)  # (n, 1)
        counts += (member @ values).toarray()
        totals += member @ (total if is_sparse(block) else total * ~np.isnan(block))
    return counts, totals


def _membership(labels: NDArray[np.int64], n_labels: int) -> scipy.sparse.csr_matrix:
    """Return 1 where a cell has a label, shape ``(n_labels, n_cells)``."""
    known = np.flatnonzero(labels >= 0)
    return scipy.sparse.csr_matrix((np.ones(len(known)), (labels[known], known)), shape=(n_labels, len(labels)))


def _fit_axes(
    components: NDArray[np.float32], labels: NDArray[np.int64], n_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return discriminant axes, ``(n_components, n_axes)``, the labels' centers along them, and the average of these.

    Cells count alike in the covariance of a label's cells, labels in the differences between centers.
    """
    n_cells = np.bincount(labels[labels >= 0], minlength=n_labels)
    mean = np.zeros((n_labels, components.shape[1]))
    scatter = np.zeros((components.shape[1], components.shape[1]))
    for ids, x in _labeled_blocks(components, labels):
        np.add.at(mean, ids, x)
    mean /= np.maximum(n_cells, 1)[:, None]
    for ids, x in _labeled_blocks(components, labels):
        within = x - mean[ids]
        scatter += within.T @ within
    variance, axes = np.linalg.eigh(scatter / n_cells.sum())
    whitening = axes / np.sqrt(np.maximum(variance, max(_MIN_VARIANCE_RATIO * variance.max(), 1e-12)))
    between = mean[n_cells > 0] @ whitening
    _, spread, directions = np.linalg.svd(between - between.mean(axis=0), full_matrices=False)
    axes = whitening @ directions[spread > _MIN_SPREAD_RATIO * spread[0]].T
    average = mean[n_cells > 0].mean(axis=0) @ axes
    center = mean @ axes
    center[n_cells == 0] = average
    return axes, center, average


def _labeled_blocks(
    components: NDArray[np.float32], labels: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield the label ids and components of some labeled cells at a time."""
    known = np.flatnonzero(labels >= 0)
    for rows in np.split(known, range(BLOCK_CELLS, len(known), BLOCK_CELLS)):
        yield labels[rows], components[rows].astype(np.float64)
