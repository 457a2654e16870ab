"""Feature selection and fitted statistics of the preprocessing."""

from collections.abc import Sequence
from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy
import scipy
from sklearn.preprocessing import StandardScaler

from smile_runtime.encoder.preprocessing import size_factors
from smile_runtime.errors import RecipeError
from smile_training.data.cells import Cells
from smile_training.model.preprocessing_fit import fit_preprocessing, select_features
from smile_training.recipe.records import Data, PreprocessingSettings, Source


def as_cells(raw: np.ndarray, batches: Sequence[int] | None = None, target_sum: float | None = None) -> Cells:
    n, d = raw.shape
    return Cells(
        raw=scipy.sparse.csr_matrix(raw, dtype=np.float32),
        size_factor=size_factors(raw.sum(axis=1), target_sum),
        features=tuple(f"gene{column}" for column in range(d)),
        names=np.array([f"cell{row}" for row in range(n)], dtype=object),
        batches=np.zeros(n, np.int64) if batches is None else np.asarray(batches, np.int64),
        batch_names=("a", "b", "c", "d"),
        columns=(),
    )


def select(cells: Cells, n_top: int, **settings: object) -> Cells:
    data = Data(path="", source=Source(name="simulated", license="none"), n_top_features=n_top)
    return select_features(cells, data, PreprocessingSettings(**settings))


def logged_values(cells: Cells) -> np.ndarray:
    raw = cells.raw.toarray() if scipy.sparse.issparse(cells.raw) else cells.raw
    return np.log1p(raw * cells.size_factor)


ORDINARY = 380
WITHIN = {f"gene{column}" for column in range(ORDINARY, ORDINARY + 10)}
BETWEEN = {f"gene{column}" for column in range(ORDINARY + 10, ORDINARY + 20)}


@pytest.fixture(scope="module")
def two_batches() -> Cells:
    """Return cells with 10 genes that vary within every batch, 10 that vary only between batches, and others."""
    rng = np.random.default_rng(0)
    batches, kind = np.arange(200) % 2, np.arange(200) // 2 % 2
    rate = np.tile(rng.uniform(3.0, 9.0, ORDINARY + 20), (200, 1))
    rate[:, ORDINARY : ORDINARY + 10] *= np.where(kind == 0, 0.1, 1.9)[:, None]
    rate[:, ORDINARY + 10 :] *= np.where(batches == 0, 0.1, 1.9)[:, None]
    return as_cells(rng.poisson(rate), batches, target_sum=1e4)


def test_statistics_equal_those_of_the_standard_scaler(cells: Cells) -> None:
    scaler = StandardScaler().fit(logged_values(cells).astype(np.float64))
    fitted = fit_preprocessing(cells, PreprocessingSettings())
    np.testing.assert_allclose(fitted.mean, scaler.mean_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.std, np.sqrt(scaler.var_), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.scale, 1 / scaler.scale_, rtol=1e-9)
    assert (fitted.target_sum, fitted.log1p, fitted.scaling) == (1e4, True, "sd")


def test_scale_is_the_inverse_of_the_chosen_spread(cells: Cells) -> None:
    std = logged_values(cells).astype(np.float64).std(axis=0)
    varies = std > 0
    scale = {
        scaling: fit_preprocessing(cells, PreprocessingSettings(scaling=scaling)).scale[varies]
        for scaling in ("sd", "sqrt_sd", "none")
    }
    np.testing.assert_allclose(scale["sd"], 1 / std[varies], rtol=1e-9)
    np.testing.assert_allclose(scale["sqrt_sd"], 1 / np.sqrt(std[varies]), rtol=1e-9)
    np.testing.assert_array_equal(scale["none"], 1)


@pytest.mark.parametrize("scaling", ["sd", "sqrt_sd", "none"])
@pytest.mark.parametrize("constant", [0.0, 1.1, 9.21])
def test_a_constant_feature_gets_scale_1_and_centered_value_0(scaling: str, constant: float) -> None:
    """Rounding errors of one unit in the last place must not be mistaken for variation."""
    logged = np.random.default_rng(0).poisson(1.0, (1000, 4)).astype(np.float32)
    logged[:, 2] = constant
    logged[::2, 2] = np.nextafter(logged[::2, 2], np.float32(constant))
    logged[::3, 2] = np.nextafter(logged[::3, 2], np.float32(2 * constant))
    cells = as_cells(logged)
    fitted = fit_preprocessing(cells, PreprocessingSettings(target_sum="none", log1p=False, scaling=scaling))
    assert fitted.std[2] == 0
    assert fitted.scale[2] == 1
    centered = fitted.centered(fitted.transform(cells.raw, cells.size_factor).toarray())
    assert np.isfinite(centered).all()
    assert np.abs(centered[:, 2]).max() < 1e-5


@pytest.mark.parametrize("constant", [0.0, 1.1])
def test_identical_cells_are_rejected(constant: float) -> None:
    with pytest.raises(RecipeError, match="all 3 features are constant over the 20 cells; nothing can be learned"):
        fit_preprocessing(as_cells(np.full((20, 3), constant)), PreprocessingSettings())


def test_the_requested_number_of_features_is_kept_in_order(two_batches: Cells) -> None:
    kept = select(two_batches, 37)
    columns = [two_batches.features.index(name) for name in kept.features]
    assert len(columns) == 37
    assert columns == sorted(columns)
    np.testing.assert_array_equal(kept.raw.toarray(), two_batches.raw[:, columns].toarray())
    np.testing.assert_array_equal(kept.size_factor, two_batches.size_factor)
    assert len(kept) == 200


def test_variation_within_batches_is_preferred_over_variation_between_them(two_batches: Cells) -> None:
    assert set(select(two_batches, 10).features) == WITHIN
    # As a single batch both groups of genes vary alike, which shows that the batches are taken into account.
    one_batch = replace(two_batches, batches=two_batches.batches * 0)
    assert len(BETWEEN & set(select(one_batch, 20).features)) > 5


def chosen_by_scanpy(cells: Cells, n_top: int) -> set[str]:
    logged = logged_values(cells).astype(np.float32)
    filled = np.where(np.isnan(logged), np.nanmean(logged, axis=0), logged)
    obs = pd.DataFrame({"batch": pd.Categorical(cells.batches)}, index=cells.names.astype(str))
    adata = anndata.AnnData(filled, obs=obs, var=pd.DataFrame(index=list(cells.features)))
    scanpy.pp.highly_variable_genes(adata, n_top_genes=n_top, batch_key="batch", flavor="seurat")
    return set(adata.var_names[adata.var["highly_variable"]])


@pytest.mark.filterwarnings("ignore")  # scanpy uses deprecated pandas functions
@pytest.mark.parametrize("n_top", [10, 45, 130, 299])
def test_the_most_variable_features_are_those_of_scanpy(n_top: int) -> None:
    """Features are as rare, and batches as unequal, as to give ties, bins of one feature and missing dispersions."""
    rng = np.random.default_rng(n_top)
    rate = rng.lognormal(-3.0, 2.0, 300) * rng.lognormal(0.0, 0.7, (3, 300))[rng.integers(3, size=150)]
    batches = np.sort(rng.integers(4, size=150))
    raw = rng.poisson(rate)
    raw[batches == 1, :40] = 0
    raw[:, 0] += 1
    cells = as_cells(raw, batches, target_sum=1e4)
    assert set(select(cells, n_top).features) == chosen_by_scanpy(cells, n_top)
    unmeasured = cells.raw.toarray()
    unmeasured[batches < 2, 100:150] = np.nan
    cells = replace(cells, raw=unmeasured)
    assert set(select(cells, n_top).features) == chosen_by_scanpy(cells, n_top)


@pytest.mark.parametrize("n_top", [400, 401, 2000])
def test_all_features_are_kept_if_there_are_no_more(two_batches: Cells, n_top: int) -> None:
    assert select(two_batches, n_top).features == two_batches.features


def test_features_can_be_selected_without_a_logarithm(two_batches: Cells) -> None:
    """With ``log1p = false`` values reach the thousands, whose exponential overflows."""
    assert set(select(two_batches, 10, log1p=False).features) == WITHIN


def test_a_batch_of_one_cell_does_not_change_the_selection(two_batches: Cells) -> None:
    batches = two_batches.batches.copy()
    batches[0] = 2
    cells = replace(two_batches, batches=batches, batch_names=("a", "b", "c"))
    assert set(select(cells, 10).features) == WITHIN


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"select": "count", "n_top_features": 2}, ("g2", "g3")),
        ({"select": "idf", "n_top_features": 2}, ("g0", "g1")),
        ({"select": "idf", "n_top_features": 2, "min_cells": 3}, ("g1", "g2")),
        ({"min_cells": 5}, ("g2", "g3")),
    ],
)
def test_features_are_filtered_by_their_number_of_cells(fields: dict, kept: tuple[str, ...]) -> None:
    """The features are found in 2, 4, 6 and 8 of ten cells."""
    seen = (np.arange(10)[:, None] < np.array([2, 4, 6, 8])).astype(np.float32)
    cells = replace(as_cells(seen), features=("g0", "g1", "g2", "g3"))
    data = Data(path="x", source=Source(name="x", license="x"), **fields)
    assert select_features(cells, data, PreprocessingSettings(values="presence")).features == kept


def test_a_filter_that_leaves_no_feature_is_rejected() -> None:
    data = Data(path="x", source=Source(name="x", license="x"), min_cells=11)
    with pytest.raises(RecipeError, match=r"no feature is found in data\.min_cells = 11 cells"):
        select_features(as_cells(np.ones((10, 3), np.float32)), data, PreprocessingSettings())


def test_bands_are_scaled_to_their_average_sum() -> None:
    contacts = np.random.default_rng(0).poisson(3.0, (20, 4)).astype(np.float32) + 1
    cells = replace(as_cells(contacts), features=("chr1:0-0Mb", "chr1:0-1Mb", "chr1:1-1Mb", "chr1:1-2Mb"))
    fitted = fit_preprocessing(cells, PreprocessingSettings(values="counts", target_sum="none", per_band=True))
    assert fitted.band.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(fitted.band_mean, [contacts[:, ::2].sum(1).mean(), contacts[:, 1::2].sum(1).mean()])
