"""Profiles of new labels, added to those of a space."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import scipy
from numpy.typing import NDArray

from smile_runtime.encoder import Preprocessing
from smile_runtime.mapping import LabelProfiles
from smile_training.data.cells import Cells
from smile_training.data.label_columns import Labels
from smile_training.reference.label_profiles_fit import (
    SMOOTHING_COUNTS,
    extend_label_profiles,
    fit_label_profiles,
)

KNOWN = np.array([[0.4, 0.3, 0.2, 0.1], [0.2, 0.3, 0.4, 0.1]])


@dataclass
class Identity:
    """Encoder whose components are two features."""

    preprocessing: Preprocessing
    feature_weight: NDArray[np.float64]

    def align_features(self, cells: Cells) -> Cells:
        return cells

    def embed_with_components(self, cells: Cells) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        values = np.asarray(cells.raw.todense() if scipy.sparse.issparse(cells.raw) else cells.raw)
        return values, values[:, :2]


@pytest.fixture
def profiles() -> LabelProfiles:
    return LabelProfiles(
        log_profile=np.log(KNOWN).astype(np.float32),
        axes=np.diag([2.0, 1.0]).astype(np.float32),
        center=np.array([[0.0, 0.0], [6.0, 8.0]], np.float32),
        average=np.array([3.0, 4.0], np.float32),
    )


@pytest.fixture
def encoder() -> Identity:
    preprocessing = Preprocessing(
        target_sum=None, log1p=False, scaling="none", mean=np.zeros(4), std=np.ones(4), binarize=False
    )
    return Identity(preprocessing, np.full(4, 0.25))


def added(cells: Cells, raw: NDArray[np.float32], ids: list[int]) -> Cells:
    cells = cells.subset(np.arange(len(ids)))
    return replace(cells, raw=raw, features=tuple("abcd"), columns=(Labels.from_ids("type", "xyzw", np.array(ids)),))


def test_new_labels_get_profiles_and_known_ones_keep_theirs(
    cells: Cells, profiles: LabelProfiles, encoder: Identity
) -> None:
    raw = np.array([[1, 900, 100, 999], [1, 0, 500, 1499], [5, 5, 5, 5]], np.float32)
    extended = extend_label_profiles(profiles, added(cells, scipy.sparse.csr_matrix(raw), [2, 2, 0]), encoder)
    np.testing.assert_array_equal(extended.log_profile[:2], profiles.log_profile)
    np.testing.assert_array_equal(extended.center[:2], profiles.center)
    np.testing.assert_array_equal(extended.axes, profiles.axes)
    np.testing.assert_array_equal(extended.average, profiles.average)
    counts = np.array([2, 900, 600, 2498])
    expected = (counts + SMOOTHING_COUNTS * KNOWN.mean(axis=0)) / (4000 + SMOOTHING_COUNTS)
    np.testing.assert_allclose(np.exp(extended.log_profile[2]), expected, rtol=2e-3)
    np.testing.assert_allclose(extended.center[2], [2.0, 450.0])
    np.testing.assert_array_equal(extended.log_profile[3], profiles.log_profile[0])  # no cell has the label
    np.testing.assert_array_equal(extended.center[3], profiles.average)


def test_features_that_were_not_measured_have_the_average_share(
    cells: Cells, profiles: LabelProfiles, encoder: Identity
) -> None:
    raw = np.array([[1, 3, np.nan, 2], [1, 1, np.nan, 2]], np.float32)
    extended = extend_label_profiles(profiles, added(cells, raw, [2, 2]), encoder)
    shares = np.exp(extended.log_profile[2])
    assert shares.sum() == pytest.approx(1, abs=2e-3)
    assert shares[2] == pytest.approx(0.3, abs=0.005)


# Discriminant axes


def of_two_kinds(cells: Cells, labels: tuple[int, ...]) -> Cells:
    """Return cells of kinds 10 apart in the first component, which varies by 1, while the second varies by 20."""
    ids = np.repeat(labels, 200)
    rng = np.random.default_rng(0)
    raw = np.full((len(ids), 4), 1.0, np.float32)
    raw[:, 0] = 50 + 10 * ids + rng.normal(size=len(ids))
    raw[:, 1] = 200 + 20 * rng.normal(size=len(ids))
    cells = cells.subset(np.zeros(len(ids), np.intp))
    return replace(cells, raw=raw, features=tuple("abcd"), columns=(Labels.from_ids("type", "xyz", ids),))


def test_cells_deviate_along_the_axes_that_tell_labels_apart(cells: Cells, encoder: Identity) -> None:
    profiles = fit_label_profiles(of_two_kinds(cells, (0, 2)), encoder)
    assert profiles.axes.shape == (2, 1)
    np.testing.assert_array_equal(profiles.center[1], profiles.average)  # no cell has the label
    extent = float(np.abs(profiles.center[0] - profiles.average)[0])
    assert extent == pytest.approx(10, rel=0.15)  # in standard deviations: halfway between 50 and 70
    own, halfway, beyond, along_the_other = [[50, 200], [60, 200], [90, 200], [50, 280]]
    queries = np.array([own, halfway, beyond, along_the_other], np.float32)
    np.testing.assert_allclose(profiles.deviation(queries), [0, 1, 2, 0], atol=0.15)


def test_one_label_has_no_axes(cells: Cells, encoder: Identity) -> None:
    profiles = fit_label_profiles(of_two_kinds(cells, (1,)), encoder)
    assert not profiles.has_axes
    assert profiles.axes.shape == (0, 0)
    assert profiles.center.shape == (3, 0)
