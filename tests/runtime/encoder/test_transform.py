"""Every step before centering, against its definition, for dense and sparse rows."""

import numpy as np
import pytest
import scipy

from smile_runtime.encoder.preprocessing import Preprocessing

N, D = 40, 25


def counts(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.poisson(rng.gamma(0.6, 1.5, D), (N, D)).astype(np.float32)
    X[3] = 0  # a cell without counts
    X[:, 4] = 0
    return X


def preprocessing(**changes) -> Preprocessing:
    settings = {"target_sum": None, "log1p": False, "scaling": "none", "mean": np.full(D, 0.2), "std": np.zeros(D)}
    return Preprocessing(**{**settings, **changes})


def both(fitted: Preprocessing, X: np.ndarray, size_factor: np.ndarray | None = None) -> np.ndarray:
    """Transform dense and sparse rows, check that the results are equal and the input unchanged, and return one."""
    size_factor = np.ones((len(X), 1), np.float32) if size_factor is None else size_factor
    sparse, before = scipy.sparse.csr_matrix(X), X.copy()
    from_dense, from_sparse = fitted.transform(X, size_factor), fitted.transform(sparse, size_factor)
    assert scipy.sparse.issparse(from_sparse)
    assert from_dense.dtype == from_sparse.dtype == np.float32
    np.testing.assert_allclose(from_sparse.toarray(), from_dense, rtol=1e-6)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(sparse.toarray(), before)
    return from_dense


def test_cells_are_scaled_to_the_total_and_logged() -> None:
    X = counts()
    factor = preprocessing(target_sum=1e4).size_factors(X.sum(axis=1).astype(float))
    expected = np.log1p(X / np.maximum(X.sum(axis=1, keepdims=True), 1) * 1e4)
    np.testing.assert_allclose(both(preprocessing(target_sum=1e4, log1p=True), X, factor), expected, rtol=1e-5)


def test_clr_is_the_logarithm_over_the_geometric_mean() -> None:
    X = counts()
    expected = np.log1p(X / np.exp(np.log1p(X).mean(axis=1, keepdims=True)))
    np.testing.assert_allclose(both(preprocessing(clr=True, log1p=True), X), expected, rtol=1e-5)


def test_clr_uses_only_measured_features() -> None:
    X = counts()
    narrow = preprocessing(clr=True, log1p=True).transform(X[:, :10], np.ones((N, 1), np.float32))
    wide = X.copy()
    wide[:, 10:] = np.nan
    t = preprocessing(clr=True, log1p=True).transform(wide, np.ones((N, 1), np.float32))
    np.testing.assert_allclose(t[:, :10], narrow, rtol=1e-6)
    assert np.isnan(t[:, 10:]).all()


def test_tfidf_uses_only_presence_and_returns_rows_of_unit_length() -> None:
    X, idf = counts(), np.linspace(0.5, 3, D)
    t = both(preprocessing(binarize=True, idf=idf), X)
    expected = (X > 0) * idf
    norm = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(t, expected / np.maximum(norm, 1e-9), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(t[np.arange(N) != 3], axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(t[3], 0)
    np.testing.assert_array_equal(t, both(preprocessing(binarize=True, idf=idf), 7 * X))


def test_tfidf_of_half_the_features_resembles_that_of_all() -> None:
    """The length of a row is corrected by the fraction that the measured features usually contribute."""
    X, idf = counts(), np.linspace(0.5, 3, D)
    whole = preprocessing(binarize=True, idf=idf).transform(X, np.ones((N, 1), np.float32))
    filled = np.arange(N) != 3
    fitted = preprocessing(binarize=True, idf=idf, mean=whole.mean(axis=0), std=whole.std(axis=0))
    half = X.copy()
    half[:, ::2] = np.nan
    t = fitted.transform(half, np.ones((N, 1), np.float32))
    power = np.square(whole[filled]).mean(axis=0)
    share = power[1::2].sum() / power.sum()
    norm = np.linalg.norm(((X > 0) * idf)[:, 1::2], axis=1) / np.sqrt(share)
    expected = ((X > 0) * idf)[:, 1::2] / np.maximum(norm, 1e-9)[:, None]
    np.testing.assert_allclose(t[:, 1::2], expected, rtol=1e-4)
    ratio = t[filled][:, 1::2].sum() / whole[filled][:, 1::2].sum()
    assert ratio == pytest.approx(1, abs=0.15)  # above 1.3 without the correction


def test_each_band_of_a_cell_is_scaled_to_the_same_sum() -> None:
    X, band, target = counts(), np.arange(D) % 4, np.array([10.0, 5.0, 2.0, 1.0])
    t = both(preprocessing(band=band, band_mean=target), X)
    for each in range(4):
        sums, before = t[:, band == each].sum(axis=1), X[:, band == each].sum(axis=1)
        np.testing.assert_allclose(sums, np.where(before > 0, target[each], 0), rtol=1e-5)
        np.testing.assert_allclose(t[:, band == each] * before[:, None], X[:, band == each] * sums[:, None], rtol=1e-4)


def test_nan_stays_nan_through_every_step() -> None:
    X = counts()
    X[5, 7] = np.nan
    for changes in ({"binarize": True}, {"clr": True}, {"log1p": True}, {"idf": np.ones(D)}, {}):
        t = preprocessing(**changes).transform(X, np.ones((N, 1), np.float32))
        assert np.isnan(t[5, 7])
        assert np.isnan(t).sum() == 1
        known = preprocessing(**changes).transform(np.delete(X, 5, axis=0), np.ones((N - 1, 1), np.float32))
        np.testing.assert_array_equal(np.delete(t, 5, axis=0), known)
