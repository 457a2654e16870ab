"""The linear stem compared with sklearn's dense PCA."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from smile_runtime.errors import RecipeError
from smile_training.data.cells import Cells
from smile_training.model import stem as stem_module
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.model.stem import fit_stem
from smile_training.recipe.records import PreprocessingSettings, Stem


@pytest.mark.parametrize("scaling", ["sd", "sqrt_sd", "none"])
def test_stem_equals_pca_divided_by_the_spread_of_the_first_component(cells: Cells, scaling: str) -> None:
    preprocessing = fit_preprocessing(cells, PreprocessingSettings(scaling=scaling))
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    dense = (logged.toarray().astype(np.float64) - preprocessing.mean) * preprocessing.scale
    pca = PCA(6, svd_solver="full").fit(dense)
    expected = pca.transform(dense)
    expected /= expected[:, 0].std()

    stem = fit_stem(logged, preprocessing, Stem(n_components=6), seed=0)
    components = dense @ stem

    assert stem.shape == (90, 6)
    assert stem.dtype == np.float32
    signs = np.sign((components * expected).sum(axis=0))
    np.testing.assert_allclose(components * signs, expected, atol=1e-5)
    assert components[:, 0].std() == pytest.approx(1.0, abs=1e-6)
    spread = components.std(axis=0)
    assert (np.diff(spread) < 0).all()


def test_the_same_seed_gives_the_same_stem(cells: Cells) -> None:
    preprocessing = fit_preprocessing(cells, PreprocessingSettings())
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    first, again = (fit_stem(logged, preprocessing, Stem(n_components=5), seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(("n_cells", "n_features"), [(20, 90), (180, 20)])
def test_too_few_cells_or_features_are_rejected(cells: Cells, n_cells: int, n_features: int) -> None:
    few = cells.subset(np.arange(n_cells)).with_features(np.arange(n_features))
    preprocessing = fit_preprocessing(few, PreprocessingSettings())
    logged = preprocessing.transform(few.raw, few.size_factor)
    message = f"the data has {n_cells} cells and {n_features} features; lower stem.n_components"
    with pytest.raises(RecipeError, match=message):
        fit_stem(logged, preprocessing, Stem(n_components=20), seed=0)
    assert fit_stem(logged, preprocessing, Stem(n_components=19), seed=0).shape == (n_features, 19)


@pytest.mark.parametrize("values", ["sparse", "dense", "of other cells"])
@pytest.mark.parametrize("kind", ["pca", "lsi"])
def test_the_stem_of_many_cells_equals_that_of_the_solver(
    cells: Cells, kind: str, values: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted_on = cells.subset(np.arange(70)) if values == "of other cells" else cells
    preprocessing = fit_preprocessing(fitted_on, PreprocessingSettings())
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    if values == "dense":
        logged = logged.toarray()
        logged[::7, 11] = np.nan
    settings = Stem(n_components=6, kind=kind)
    expected = fit_stem(logged, preprocessing, settings, seed=0)
    monkeypatch.setattr(stem_module, "BLOCK_CELLS", 100)
    monkeypatch.setattr(stem_module, "GRAM_CELLS", 64)
    stem = fit_stem(logged, preprocessing, settings, seed=0)
    signs = np.sign((stem * expected).sum(axis=0))
    np.testing.assert_allclose(stem * signs, expected, atol=2e-4 * np.abs(expected).max())
    assert (stem[np.abs(stem).argmax(axis=0), np.arange(6)] > 0).all()
    assert stem.dtype == np.float32
    assert not np.array_equal(stem, expected)  # not computed by the solver
    monkeypatch.setattr(stem_module, "MAX_GRAM_FEATURES", 89)
    np.testing.assert_array_equal(fit_stem(logged, preprocessing, settings, seed=0), expected)
