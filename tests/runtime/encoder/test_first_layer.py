"""The first layer, by scipy and by numba, against its definition in float64."""

import logging
import sys

import numpy as np
import pytest
import scipy
from safetensors.numpy import save_file

from smile_runtime import IntegrityError
from smile_runtime.encoder.first_layer import (
    CompiledProduct,
    FirstLayer,
    Product,
    ScipyProduct,
    align_to_cache_lines,
    read_first_layer,
    write_first_layer,
)
from smile_runtime.encoder.numba_kernel import compiled_kernel
from smile_runtime.features.feature_table import FeatureTable

N, D, WIDTH = 40, 60, 300


def weights(width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((D, width), np.float32)


def thin_rows() -> scipy.sparse.csr_matrix:
    """Return CSR rows with 0 to 20 values."""
    rng = np.random.default_rng(1)
    X = rng.gamma(2, 1, (N, D)) * (rng.random((N, D)) < np.linspace(0, 0.33, N)[:, None])
    return scipy.sparse.csr_matrix(X, dtype=np.float32)


def product(name: str, weight: np.ndarray) -> Product:
    if name == "scipy":
        return ScipyProduct(weight)
    pytest.importorskip("numba", reason="the extra `fast` is not installed")
    kernel = compiled_kernel()
    assert kernel is not None
    return CompiledProduct(weight, kernel)


@pytest.fixture(params=["scipy", "numba"])
def layer(request: pytest.FixtureRequest) -> FirstLayer:
    rng = np.random.default_rng(2)
    feature_weight = rng.dirichlet(np.ones(D))
    layer = FirstLayer(weights(), rng.gamma(2, 1, D), feature_weight)
    layer.product = product(request.param, weights())
    return layer


def expected(layer: FirstLayer, X: np.ndarray, measured: np.ndarray) -> np.ndarray:
    centered = np.where(measured, X.astype(np.float64) - layer._mean, 0.0)
    return centered @ weights().astype(np.float64) / max(layer._feature_weight[measured].sum(), 0.02)


def run(layer: FirstLayer, rows: scipy.sparse.csr_matrix, measured: np.ndarray) -> np.ndarray:
    result = np.full((rows.shape[0], WIDTH), np.nan, np.float32)
    layer(rows, measured, result)
    return result


@pytest.mark.parametrize("n_measured", [D, D // 2, 3, 0])
def test_values_are_centered_and_missing_features_imputed(layer: FirstLayer, n_measured: int) -> None:
    measured = np.isin(np.arange(D), np.random.default_rng(3).choice(D, n_measured, replace=False))
    rows = scipy.sparse.csr_matrix(thin_rows().multiply(measured), dtype=np.float32)
    truth = expected(layer, rows.toarray(), measured)
    np.testing.assert_allclose(run(layer, rows, measured), truth, rtol=1e-5, atol=1e-5 * np.abs(truth).max(initial=0))


def test_small_difference_of_large_sums_keeps_its_digits(layer: FirstLayer) -> None:
    """Every value is close to a mean of 1000, so float32 sums would keep only three digits."""
    everything = np.ones(D, bool)
    layer._mean = np.full(D, 1000.0)
    rows = scipy.sparse.csr_matrix(1000 + np.random.default_rng(4).integers(-4, 5, (N, D)) / 8, dtype=np.float32)
    truth = expected(layer, rows.toarray(), everything)
    assert np.abs(run(layer, rows, everything) - truth).max() < 1e-3 * np.abs(truth).max()
    plain = rows.toarray() @ weights() - layer._mean.astype(np.float32) @ weights()
    assert np.abs(plain - truth).max() > 1e-3 * np.abs(truth).max()


def test_constants_follow_the_mask(layer: FirstLayer) -> None:
    rows, everything = thin_rows()[:, :], np.ones(D, bool)
    half = np.arange(D) < D // 2
    before = run(layer, rows, everything)
    run(layer, scipy.sparse.csr_matrix(rows.multiply(half), dtype=np.float32), half)
    half[:] = True  # the caller may change its mask
    np.testing.assert_array_equal(run(layer, rows, half), before)


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_both_types_of_indices(layer: FirstLayer, index_type: type) -> None:
    rows, everything = thin_rows(), np.ones(D, bool)
    rows.indices, rows.indptr = rows.indices.astype(index_type), rows.indptr.astype(index_type)
    np.testing.assert_allclose(run(layer, rows, everything), expected(layer, rows.toarray(), everything), atol=1e-3)


@pytest.mark.parametrize("n", [0, 1])
def test_no_rows_and_one_row(layer: FirstLayer, n: int) -> None:
    everything, rows = np.ones(D, bool), thin_rows()
    np.testing.assert_array_equal(run(layer, rows[-n or N :], everything), run(layer, rows, everything)[-n or N :])


@pytest.mark.parametrize(("width", "name"), [(50, "scipy"), (300, "numba")])
def test_numba_is_for_wide_layers(width: int, name: str) -> None:
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` is not installed")
    assert FirstLayer(weights(width), np.zeros(D), np.full(D, 1 / D)).product.name == name


def test_scipy_is_used_without_numba(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled_kernel.cache_clear()
    try:
        with caplog.at_level(logging.INFO, "smile_runtime"):
            assert compiled_kernel() is None
            assert FirstLayer(weights(), np.zeros(D), np.full(D, 1 / D)).product.name == "scipy"
        assert caplog.text.count("pip install 'smile-zoo[fast]'") == 1
    finally:
        compiled_kernel.cache_clear()


def test_compiled_code_is_cached_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    numba = pytest.importorskip("numba", reason="the extra `fast` is not installed")
    before = numba.config.CACHE_DIR
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    compiled_kernel.cache_clear()
    try:
        rows, result = thin_rows(), np.empty((N, WIDTH), np.float32)
        product("numba", weights())(rows, np.zeros(WIDTH), 1.0, out=result)
    finally:
        compiled_kernel.cache_clear()
    assert numba.config.CACHE_DIR == ""
    assert before is not None
    assert {path.suffix for path in (tmp_path / "smile-zoo/compiled").rglob("*.nb?")} == {".nbi", ".nbc"}


def table() -> FeatureTable:
    return FeatureTable(tuple(map(str, range(D))), mean=np.zeros(D), std=np.ones(D), weight=np.full(D, 1 / D))


def test_weights_are_stored_in_row_major_order(tmp_path) -> None:
    write_first_layer(tmp_path / "first.safetensors", np.asfortranarray(weights()))
    layer = read_first_layer(tmp_path / "first.safetensors", table(), WIDTH)
    np.testing.assert_array_equal(layer._weight, weights())
    assert layer._lines.flags.c_contiguous


@pytest.mark.parametrize("width", [1, 16, 50])
def test_rows_of_weights_start_at_cache_lines(width: int) -> None:
    lines = align_to_cache_lines(weights(width))
    assert lines.shape == (D, {1: 16, 16: 16, 50: 64}[width])
    assert lines.flags.c_contiguous
    assert all(row.ctypes.data % 64 == 0 for row in lines)
    np.testing.assert_array_equal(lines[:, :width], weights(width))
    assert not lines[:, width:].any()


@pytest.mark.parametrize("damage", ["junk", "name", "shape", "width", "type"])
def test_invalid_weights_raise(tmp_path, damage: str) -> None:
    path = tmp_path / "first.safetensors"
    arrays = {"name": ("other", weights()), "shape": ("weight", weights()[:-1]), "width": ("weight", weights(299))}
    arrays["type"] = ("weight", weights().astype(np.float64))
    if damage == "junk":
        path.write_bytes(b"junk")
    else:
        name, array = arrays[damage]
        save_file({name: array}, path)
    with pytest.raises(IntegrityError, match=r"first\.safetensors holds .*; pull or build the space again"):
        read_first_layer(path, table(), WIDTH)
