"""What a matrix of values is taken for."""

import numpy as np
import pytest
import scipy

from smile_runtime import QueryError, ValueKindError
from smile_runtime import matrix as matrix_module
from smile_runtime.query import read_values
from smile_runtime.reading import OtherReadingError, Reader, Reading
from smile_runtime.values import ValueScan, common_total, lognorm_totals, recognise_values, scan_rows

COUNTS = np.array([[0, 3, 1, 6], [0, 0, 0, 0], [2, 0, 0, 3]])

FORMATS = {
    "dense": np.asarray,
    "csr_matrix": scipy.sparse.csr_matrix,
    "csr_array": scipy.sparse.csr_array,
    "csc_matrix": scipy.sparse.csc_matrix,
}


@pytest.fixture(params=FORMATS)
def shape(request):
    """What brings a dense matrix into the form under test, rows sliceable as `read_values` wants them."""
    return lambda X: matrix_module.sliceable(FORMATS[request.param](X))


def recognise(X, stated=None):
    return recognise_values(scan_rows(X), stated)


def lognorm(target: float, n: int = 6, n_features: int = 50) -> np.ndarray:
    X = np.random.default_rng(0).poisson(2.0, (n, n_features)).astype(np.float64)
    return np.log1p(X * target / X.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint16, bool])
def test_whole_numbers_are_counts(shape, dtype):
    X = COUNTS.astype(dtype)
    scan = scan_rows(shape(X))
    assert recognise_values(scan) == "counts"
    totals = read_values(shape(X), 1e4).totals
    assert totals.dtype == np.float64
    np.testing.assert_array_equal(totals, X.astype(np.int64).sum(axis=1))
    assert scan.largest == X.max()


def test_scan_sees_what_rows_hold(shape):
    X = np.array([[1, 2.5], [0, 3], [-1, 0], [np.inf, 7], [np.nan, 0]], np.float32)
    scan = scan_rows(shape(X))
    assert (scan.n_nan, scan.n_infinite, scan.n_negative, scan.integral) == (1, 1, 1, False)


def test_scans_add_up(shape):
    X = np.array([[0.5, 7.0], [1.0, 0.0], [-2.0, 1.0], [np.nan, np.inf]])
    parts = [scan_rows(shape(X[[row]])) for row in range(4)]
    assert sum(parts, ValueScan()) == scan_rows(shape(X)) == ValueScan(np.inf, False, 1, 1, 1)


def test_totals_do_not_wrap_or_round(shape):
    X = np.full((2, 400), 255, np.uint8)
    np.testing.assert_array_equal(read_values(shape(X), 1e4).totals, [102_000, 102_000])


@pytest.mark.parametrize("form", ["dense", "csr_matrix"])
def test_totals_are_added_up_in_float64(form):
    X = np.array([[2**24, 1, 1, 1]], np.float32)  # in float32 the ones are lost
    np.testing.assert_array_equal(read_values(FORMATS[form](X), 1e4).totals, [2**24 + 3])


@pytest.mark.parametrize("target", [1e4, 1e6])
def test_logarithms_are_recognised(shape, target):
    assert recognise(shape(lognorm(target))) == "lognorm"


def test_negative_values_are_refused(shape):
    X = (COUNTS - COUNTS.mean(axis=0)) / (COUNTS.std(axis=0) + 1)
    with pytest.raises(ValueKindError, match=r"^\d+ values are negative, so these are scaled .*--layer"):
        recognise(shape(X))


@pytest.mark.parametrize("stated", [None, "counts", "lognorm"])
@pytest.mark.parametrize(
    ("bad", "text"), [(np.nan, "1 values are NaN and 0 inf"), (np.inf, "0 values are NaN and 1 inf")]
)
def test_what_is_no_number_is_refused(shape, bad, text, stated):
    X = COUNTS.astype(np.float32)
    X[2, 1] = bad
    with pytest.raises(ValueKindError, match=text):
        recognise(shape(X), stated)


@pytest.mark.parametrize("stated", ["counts", "lognorm"])
def test_negative_values_are_refused_whatever_is_stated(stated):
    with pytest.raises(ValueKindError, match="negative"):
        recognise(np.array([[-0.5, 1.0]]), stated)


def test_large_fractions_are_refused_unless_stated_as_counts(shape):
    X = COUNTS * 10.25
    with pytest.raises(ValueKindError, match=r"not whole numbers and go up to 61\.5.*--values counts"):
        recognise(shape(X))
    assert recognise(shape(X), "counts") == "counts"


def test_large_values_are_no_logarithms(shape):
    with pytest.raises(ValueKindError, match="largest value is 21, too large for a logarithm"):
        recognise(shape(np.array([[21, 0], [0, 1]])), "lognorm")
    assert recognise(shape(np.array([[20, 0], [0, 1]])), "lognorm") == "lognorm"


def test_whole_logarithms_may_be_stated(shape):
    assert recognise(shape(COUNTS.astype(np.float32))) == "counts"
    assert recognise(shape(COUNTS.astype(np.float32)), "lognorm") == "lognorm"


@pytest.mark.parametrize(
    "X",
    [np.array([["1", "2"]]), np.array([[1, "x"]], dtype=object), np.array([[1 + 2j]])],
    ids=["strings", "objects", "complex"],
)
def test_other_than_numbers_are_refused(X):
    with pytest.raises(QueryError, match="numbers are needed"):
        read_values(X, 1e4)


def test_unknown_kind_is_refused():
    with pytest.raises(QueryError):
        recognise(COUNTS, "tpm")


def lognorm_total(X):
    return common_total(lognorm_totals(X))


@pytest.mark.parametrize("target", [1e4, 1e6, 2371.0])
def test_constant_total_is_found(shape, target):
    assert lognorm_total(shape(lognorm(target))) == pytest.approx(target, rel=1e-4)


def test_cells_cut_down_to_some_features_tell_no_total(shape):
    assert lognorm_total(shape(lognorm(1e4)[:, :20])) is None


@pytest.mark.parametrize(("target", "alone"), [(1e4, 1e4), (1e6, 1e6), (2371.0, None)])
def test_a_cell_alone_tells_a_usual_total(shape, target, alone):
    total = lognorm_total(shape(lognorm(target, n=1)))
    assert total == (alone if alone is None else pytest.approx(alone))


def test_one_odd_cell_is_enough_to_tell_no_total(shape):
    X = lognorm(1e4)
    X[5, X[5].argmax()] = 0
    assert lognorm_total(shape(X)) is None


def test_cells_without_values_are_passed_over(shape):
    X = lognorm(1e4)
    X[3] = 0
    assert lognorm_total(shape(X)) == pytest.approx(1e4, rel=1e-4)
    assert lognorm_total(shape(np.zeros_like(X))) is None


def test_totals_of_counts_are_sums(shape, caplog):
    query = read_values(shape(COUNTS), 1e4)
    assert query.kind == "counts"
    np.testing.assert_array_equal(query.totals, [10, 0, 5])
    assert [record.getMessage() for record in caplog.records] == [
        "1 of 3 cells have no values at all; their labels mean nothing"
    ]


def test_totals_of_logarithms_are_what_they_were_normalised_to(shape):
    query = read_values(shape(lognorm(1e6)), 1e4)
    assert query.kind == "lognorm"
    np.testing.assert_allclose(query.totals, np.full(6, 1e6), rtol=1e-4)


def test_total_that_does_not_tell_is_the_spaces(shape):
    np.testing.assert_array_equal(read_values(shape(lognorm(1e6)[:, :20]), 1e4).totals, np.full(6, 1e4))
    np.testing.assert_array_equal(read_values(shape(lognorm(1e6)[:, :20]), None).totals, np.ones(6))


def test_cells_without_values_are_told_of_in_logarithms(shape, caplog):
    X = lognorm(1e4)
    X[3] = 0
    read_values(shape(X), 1e4)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


READER = Reader("expression", 1e4)


def test_first_reading_looks_at_three_places(shape):
    X = np.zeros((2000, 3), np.float32)
    for row in (0, 900, 1999):
        changed = X.copy()
        changed[row] = 1.5
        assert READER.first_reading(shape(changed)).kind == "lognorm"
    X[500] = 1.5  # seen later, when it is its turn
    assert READER.first_reading(shape(X)) == Reading("counts")


def test_later_cells_may_show_that_all_are_logarithms(shape):
    with pytest.raises(OtherReadingError) as caught:
        READER.totals(shape(lognorm(1e6)), Reading("counts"))
    assert caught.value.reading.told
    assert caught.value.reading.total == pytest.approx(1e6)
    with pytest.raises(OtherReadingError) as caught:
        READER.totals(shape(lognorm(1e6)[:, :20]), Reading("counts"))
    assert caught.value.reading == Reading("lognorm", 1e4, told=False)


def test_later_cells_may_show_that_features_are_missing(shape):
    reading = Reading("lognorm", 1e4, told=True)
    np.testing.assert_array_equal(READER.totals(shape(lognorm(1e4)), reading), np.full(6, 1e4))
    with pytest.raises(OtherReadingError) as caught:
        READER.totals(shape(lognorm(1e4)[:, :20]), reading)
    assert caught.value.reading == Reading("lognorm", 1e4, told=False)


def test_whole_numbers_among_logarithms_are_no_counts(shape):
    X = np.array([[2.0, 1.0], [0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(READER.totals(shape(X), Reading("lognorm", 500.0)), [500.0, 0.0])
    with pytest.raises(ValueKindError, match="not whole numbers and go up to 300"):
        READER.totals(shape(X * 150), Reading("lognorm", 500.0))


@pytest.mark.parametrize("odd", [5, 600])
def test_whatever_cells_show_it_the_reading_is_the_same(shape, odd, monkeypatch):
    monkeypatch.setattr("smile_runtime.matrix.CHUNK", 100)
    X = np.zeros((1800, 50), np.float32)
    X[odd : odd + 6] = lognorm(1e6)
    query = read_values(shape(X), 1e4)
    assert query.kind == "lognorm"
    expected = np.zeros(1800)
    expected[odd : odd + 6] = 1e6
    np.testing.assert_allclose(query.totals, expected, rtol=1e-4)
