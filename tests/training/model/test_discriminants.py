"""Directions that separate labels."""

import numpy as np
import pytest
import scipy
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_training.data.cells import Cells
from smile_training.model.discriminants import fit_discriminants
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.model.stem import fit_stem
from smile_training.recipe.records import PreprocessingSettings, Stem


def values_of(labels: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return values whose first features tell the labels 0, 1 and 2 apart; the others are noise."""
    values = np.random.default_rng(seed).normal(0, 0.3, (len(labels), 30))
    for label in range(3):
        values[labels == label, label] += 1.5
    return values


def test_each_label_has_a_direction_along_which_new_cells_of_it_lie_ahead() -> None:
    labels = np.repeat([0, 1, 2, -1], [90, 60, 12, 30])
    directions = fit_discriminants(values_of(labels, seed=0), labels, 1.0)
    assert directions.shape == (30, 3)
    np.testing.assert_allclose(directions.sum(axis=1), 0, atol=1e-12)
    assert (np.abs(directions).argmax(axis=0) == [0, 1, 2]).all()
    others = np.repeat([0, 1, 2], 50)
    places = values_of(others, seed=1) @ directions
    ahead = [places[others == label, label].mean() - places[others != label, label].mean() for label in range(3)]
    assert min(ahead) > 0.5
    assert (values_of(labels, seed=0)[labels >= 0] @ directions).std(axis=0).max() == pytest.approx(1.0)


def test_sparse_values_and_any_offset_give_the_same_directions() -> None:
    labels = np.repeat([0, 1, 2], 40)
    values = np.maximum(values_of(labels, seed=0), 0)
    expected = fit_discriminants(values, labels, 1.0)
    for others in (scipy.sparse.csr_matrix(values), values - 0.7):
        np.testing.assert_allclose(fit_discriminants(others, labels, 1.0), expected, atol=5e-3)


def test_the_unit_of_the_values_does_not_matter() -> None:
    labels = np.repeat([0, 1, 2], 40)
    values = values_of(labels, seed=0)
    expected = fit_discriminants(values, labels, 1.0)
    np.testing.assert_allclose(fit_discriminants(values * 8, labels, 8.0) * 8, expected, atol=5e-3)


def test_two_labels_have_opposite_directions_and_a_single_one_has_none() -> None:
    labels = np.repeat([4, 7], 40)
    directions = fit_discriminants(values_of(labels - 4, seed=0), labels, 1.0)
    assert directions.shape == (30, 2)
    np.testing.assert_allclose(directions[:, 0], -directions[:, 1])
    assert directions[0].argmax() == 0
    assert fit_discriminants(values_of(labels, seed=0), np.zeros(80, np.int64), 1.0).shape == (30, 0)


def test_a_stem_has_them_after_its_components_in_the_same_units(cells: Cells) -> None:
    preprocessing = fit_preprocessing(cells, PreprocessingSettings())
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    plain = fit_stem(logged, preprocessing, Stem(n_components=5), seed=0)
    settings = Stem(n_components=5, discriminants=True)
    stem = fit_stem(logged, preprocessing, settings, seed=0, labels=cells.labels)
    n_labels = len(np.unique(cells.labels[cells.labels >= 0]))
    assert stem.shape == (len(cells.features), 5 + n_labels)
    np.testing.assert_array_equal(stem[:, :5], plain)
    known = cells.labels >= 0
    places = preprocessing.centered(logged.toarray()) @ stem
    assert places[:, 0].std() == pytest.approx(1.0, abs=1e-5)
    assert places[known, 5:].std(axis=0).max() == pytest.approx(1.0, abs=1e-5)


def test_without_labels_they_are_refused(cells: Cells) -> None:
    preprocessing = fit_preprocessing(cells, PreprocessingSettings())
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    settings = Stem(n_components=5, discriminants=True)
    for labels in (None, np.full(len(cells), -1)):
        with pytest.raises(
            RecipeError, match=r"needs labeled cells, and there are none; name a column that labels some"
        ):
            fit_stem(logged, preprocessing, settings, seed=0, labels=labels)
