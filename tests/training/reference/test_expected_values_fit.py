"""Expected values at points: the means of the cells near them, in the unit of the preprocessing."""

from dataclasses import replace

import numpy as np
import pytest
import scipy

from smile_runtime.mapping import ExpectedValues, Reference
from smile_training.data import Cells, Dataset
from smile_training.recipe import PreprocessingSettings
from smile_training.reference import expected_values_fit
from smile_training.reference.expected_values_fit import (
    fit_expected_values,
    has_imputed_values,
    imputed_values,
    unit_of,
)

NUMBERS = PreprocessingSettings(values="numbers", target_sum="none", log1p=False)


def cells(raw, names: list[str], size_factor: float = 1.0) -> Cells:
    raw = raw if scipy.sparse.issparse(raw) else np.array(raw, np.float32)
    n_cells, n_features = raw.shape
    return Cells(
        raw=raw,
        size_factor=np.full((n_cells, 1), size_factor, np.float32),
        features=tuple(f"f{each}" for each in range(n_features)),
        names=np.array(names, object),
        batches=np.zeros(n_cells, np.int64),
        batch_names=("x",),
        columns=(),
    )


def on_circle(*angles: float) -> np.ndarray:
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def reference(*angles: float, modality: tuple[int, ...] | None = None) -> Reference:
    n = len(angles)
    return Reference(
        embedding=on_circle(*angles),
        weight=np.ones(n, np.float32),
        map=np.zeros((n, 2), np.float32),
        label=np.zeros((n, 0), np.int64),
        modality=np.zeros(n, np.int64) if modality is None else np.array(modality),
        label_columns=(),
        modalities=("rna",) if modality is None else ("rna", "adt"),
    )


def fit(adt, points: Reference, *angles: float, modality_from: str = "rna"):
    names = [f"c{each}" for each in range(len(angles))]
    dataset = Dataset({"rna": cells(np.ones((len(angles), 1)), names), "adt": adt})
    embedding = {"rna": on_circle(*angles), "adt": on_circle(*angles)}
    to = "adt" if modality_from == "rna" else "rna"
    return fit_expected_values(
        dataset, embedding, points, NUMBERS, modality_from=modality_from, modality_to=to, n_neighbors=1
    )


def test_a_point_has_the_mean_of_its_cells_and_other_points_have_none():
    found = fit(cells([[1, 10], [3, 30], [7, 70]], ["c0", "c1", "c2"]), reference(0, 90, 180), 1, 2, 179)
    np.testing.assert_array_equal(found.point, [0, 2])
    np.testing.assert_allclose(found.value, [[2, 20], [7, 70]])


def test_only_cells_measured_in_both_modalities_count():
    found = fit(cells([[5], [1]], ["c2", "other"]), reference(0, 90), 1, 2, 3)
    np.testing.assert_array_equal(found.point, [0])
    np.testing.assert_allclose(found.value, [[5]])


def test_a_value_that_was_not_measured_has_no_say():
    found = fit(cells([[1, np.nan], [3, np.nan]], ["c0", "c1"]), reference(0, 90), 1, 2)
    np.testing.assert_allclose(found.value, [[2, np.nan]])


def test_the_points_are_those_of_the_query_or_of_the_first_modality():
    adt = cells([[1], [3]], ["c0", "c1"])
    points = reference(0, 0, 90, modality=(0, 1, 1))
    assert list(fit(adt, points, 1, 2).point) == [0]
    assert list(fit(adt, points, 1, 2, modality_from="adt").point) == [1]
    assert list(fit(adt, reference(0, 90), 1, 2, modality_from="adt").point) == [0]


def test_a_point_with_next_to_no_weight_has_no_values():
    """A cell counts little at its second nearest point, whose values would otherwise be its own."""
    dataset = Dataset({"rna": cells([[1]], ["c0"]), "adt": cells([[4]], ["c0"])})
    found = fit_expected_values(
        dataset,
        {"rna": on_circle(1)},
        reference(0, 90),
        NUMBERS,
        modality_from="rna",
        modality_to="adt",
        n_neighbors=2,
    )
    assert list(found.point) == [0]


def test_the_means_are_corrected_for_being_averaged_twice():
    rng = np.random.default_rng(0)
    position, asked, embedding = (rng.normal(size=(n, 6)).astype(np.float32) for n in (500, 300, 40))
    for each in (position, asked, embedding):
        each /= np.linalg.norm(each, axis=1, keepdims=True)
    points = replace(reference(*[0] * 40), embedding=embedding)
    names = [f"c{each}" for each in range(500)]
    value = cells(position[:, :1], names)  # the first coordinate
    dataset = Dataset({"rna": cells(np.ones((500, 1)), names), "adt": value})

    found = fit_expected_values(
        dataset, {"rna": position}, points, NUMBERS, modality_from="rna", modality_to="adt", n_neighbors=15
    )
    weights = expected_values_fit._weights(position, points, 15)
    means = ExpectedValues(point=np.arange(40), value=expected_values_fit._means(weights, value.raw)[1])
    error, error_of_means = (np.square(each.at(asked, points, 15) - asked[:, :1]).mean() for each in (found, means))
    assert error < 0.5 * error_of_means


@pytest.mark.parametrize(
    ("settings", "expected", "unit"),
    [
        (PreprocessingSettings(values="counts", target_sum="none", clr=True), None, "centered log ratio"),
        (
            PreprocessingSettings(values="presence", binarize=True, tfidf=True, target_sum="none", log1p=False),
            [[0, 1, 1]],
            "fraction of cells with the feature",
        ),
        (PreprocessingSettings(), np.log1p([[0, 6, 14]]), "log(1 + value * 10000 / total of the cell)"),
        (NUMBERS, [[0, 3, 7]], "value"),
    ],
)
def test_values_are_those_before_centering_without_tfidf(settings, expected, unit):
    if expected is None:
        geometric_mean = np.exp(np.log1p([0, 3, 7]).mean())
        expected = np.log1p(np.array([[0, 3, 7]]) / geometric_mean)
    size_factor = 1.0 if settings.total is None else 2.0
    for raw in (np.array([[0, 3, 7]], np.float32), scipy.sparse.csr_matrix(np.array([[0, 3, 7]], np.float32))):
        np.testing.assert_allclose(imputed_values(cells(raw, ["c0"], size_factor), settings), expected, rtol=1e-5)
    assert unit_of(settings).startswith(unit)


def test_modalities_with_many_features_are_not_imputed(monkeypatch):
    monkeypatch.setattr(expected_values_fit, "MAX_IMPUTED_FEATURES", 2)
    assert has_imputed_values(cells([[1, 2]], ["c0"]), NUMBERS)
    assert not has_imputed_values(cells([[1, 2, 3]], ["c0"]), NUMBERS)
    by_band = PreprocessingSettings(values="counts", target_sum="none", per_band=True)
    assert not has_imputed_values(cells([[1]], ["c0"]), by_band)
