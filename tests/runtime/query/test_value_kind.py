"""What a matrix of values is taken for."""

import numpy as np
import pytest
import scipy

from smile_runtime import QueryError, ValueKindError
from smile_runtime.arrays import matrix as matrix_module
from smile_runtime.query import value_interpretation as interpretation_module
from smile_runtime.query.value_interpretation import (
    ReinterpretationError,
    ValueInterpretation,
    ValueInterpreter,
    read_values,
)
from smile_runtime.query.value_kind import ValueScan, lognorm_totals, recognize_values, scan_rows, share_one_total

COUNTS = np.array([[0, 3, 1, 6], [0, 0, 0, 0], [2, 0, 0, 3]])

FORMATS = {
    "dense": np.asarray,
    "csr_matrix": scipy.sparse.csr_matrix,
    "csr_array": scipy.sparse.csr_array,
    "csc_matrix": scipy.sparse.csc_matrix,
}


def read(matrix, target_sum, stated_kind=None):
    interpreter = ValueInterpreter(accepted="expression", target_sum=target_sum, stated_kind=stated_kind)
    return read_values(matrix, interpreter)


@pytest.fixture(params=FORMATS)
def shape(request):
    """What brings a dense matrix into the form under test, rows sliceable as `read_values` wants them."""
    return lambda X: matrix_module.sliceable(FORMATS[request.param](X))


def recognize(X, stated=None):
    return recognize_values(scan_rows(X), stated)


def lognorm(target: float, n: int = 6, n_features: int = 50) -> np.ndarray:
    X = np.random.default_rng(0).poisson(2.0, (n, n_features)).astype(np.float64)
    return np.log1p(X * target / X.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint16, bool])
def test_whole_numbers_are_counts(shape, dtype):
    X = COUNTS.astype(dtype)
    scan = scan_rows(shape(X))
    assert recognize_values(scan) == "counts"
    totals = read(shape(X), 1e4).totals
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
    np.testing.assert_array_equal(read(shape(X), 1e4).totals, [102_000, 102_000])


@pytest.mark.parametrize("form", ["dense", "csr_matrix"])
def test_totals_are_added_up_in_float64(form):
    X = np.array([[2**24, 1, 1, 1]], np.float32)  # in float32 the ones are lost
    np.testing.assert_array_equal(read(FORMATS[form](X), 1e4).totals, [2**24 + 3])


@pytest.mark.parametrize("target", [1e4, 1e6])
def test_logarithms_are_recognized(shape, target):
    assert recognize(shape(lognorm(target))) == "lognorm"


def test_negative_values_are_refused(shape):
    X = (COUNTS - COUNTS.mean(axis=0)) / (COUNTS.std(axis=0) + 1)
    with pytest.raises(ValueKindError, match=r"^\d+ values are negative, so they were scaled .*layer"):
        recognize(shape(X))


@pytest.mark.parametrize("stated", [None, "counts", "lognorm"])
@pytest.mark.parametrize(
    ("bad", "text"), [(np.nan, "1 values are NaN and 0 inf"), (np.inf, "0 values are NaN and 1 inf")]
)
def test_what_is_no_number_is_refused(shape, bad, text, stated):
    X = COUNTS.astype(np.float32)
    X[2, 1] = bad
    with pytest.raises(ValueKindError, match=text):
        recognize(shape(X), stated)


@pytest.mark.parametrize("stated", ["counts", "lognorm"])
def test_negative_values_are_refused_whatever_is_stated(stated):
    with pytest.raises(ValueKindError, match="negative"):
        recognize(np.array([[-0.5, 1.0]]), stated)


def test_large_fractions_are_refused_unless_stated_as_counts(shape):
    X = COUNTS * 10.25
    with pytest.raises(ValueKindError, match=r"not whole numbers and reach 61\.5.*values='counts'"):
        recognize(shape(X))
    assert recognize(shape(X), "counts") == "counts"


def test_large_values_are_no_logarithms(shape):
    with pytest.raises(ValueKindError, match="largest value is 21, too large for a logarithm"):
        recognize(shape(np.array([[21, 0], [0, 1]])), "lognorm")
    assert recognize(shape(np.array([[20, 0], [0, 1]])), "lognorm") == "lognorm"


def test_whole_logarithms_may_be_stated(shape):
    assert recognize(shape(COUNTS.astype(np.float32))) == "counts"
    assert recognize(shape(COUNTS.astype(np.float32)), "lognorm") == "lognorm"


@pytest.mark.parametrize(
    "X",
    [np.array([["1", "2"]]), np.array([[1, "x"]], dtype=object), np.array([[1 + 2j]])],
    ids=["strings", "objects", "complex"],
)
def test_other_than_numbers_are_refused(X):
    with pytest.raises(QueryError, match="numbers are needed"):
        read(X, 1e4)


def test_unknown_kind_is_refused():
    with pytest.raises(QueryError):
        recognize(COUNTS, "tpm")


def alike(X):
    return share_one_total(lognorm_totals(X))


@pytest.mark.parametrize("target", [1e4, 1e6, 2371.0])
def test_cells_with_all_features_add_up_alike(shape, target):
    np.testing.assert_allclose(lognorm_totals(shape(lognorm(target))), target, rtol=1e-4)
    assert alike(shape(lognorm(target)))


def test_cells_cut_down_to_some_features_do_not(shape):
    assert not alike(shape(lognorm(1e4)[:, :20]))


@pytest.mark.parametrize(("target", "tells"), [(1e4, True), (1e6, True), (2371.0, False)])
def test_a_cell_alone_tells_a_usual_total(shape, target, tells):
    assert alike(shape(lognorm(target, n=1))) == tells


@pytest.mark.parametrize(("n_odd", "tells"), [(1, True), (5, False)])
def test_a_few_odd_cells_take_nothing_from_the_others(shape, n_odd, tells):
    X = lognorm(1e4, n=40)
    X[:n_odd] *= 0.9
    assert alike(shape(X)) == tells


def test_cells_without_values_are_passed_over(shape):
    X = lognorm(1e4)
    X[3] = 0
    assert alike(shape(X))
    assert not alike(shape(np.zeros_like(X)))


def test_half_precision_does_not_overflow():
    np.testing.assert_allclose(lognorm_totals(lognorm(1e6).astype(np.float16)), 1e6, rtol=0.01)


def test_totals_of_counts_are_sums(shape, caplog):
    query = read(shape(COUNTS), 1e4)
    assert query.kind == "counts"
    np.testing.assert_array_equal(query.totals, [10, 0, 5])
    assert [record.getMessage() for record in caplog.records] == [
        "1 of 3 cells have no values at all; their labels are meaningless"
    ]


def test_totals_of_logarithms_are_what_they_were_normalized_to(shape):
    query = read(shape(lognorm(1e6)), 1e4)
    assert query.kind == "lognorm"
    np.testing.assert_allclose(query.totals, np.full(6, 1e6), rtol=1e-4)


def test_each_cell_tells_its_own_total(shape):
    X = lognorm(1e6, n=40)
    expected = np.full(40, 1e6)
    X[7] = np.log1p(np.expm1(X[7]) / 300)
    expected[7] /= 300
    np.testing.assert_allclose(read(shape(X), 1e4).totals, expected, rtol=1e-4)


def test_total_that_does_not_tell_is_the_usual_one(shape):
    X = lognorm(1e4)[:, :20]
    np.testing.assert_array_equal(read(shape(X), 1e4).totals, np.full(6, 1e4))
    np.testing.assert_allclose(read(shape(X), None).totals, lognorm_totals(X))  # nothing is divided by them


def test_a_total_that_cannot_be_the_usual_one_is_refused(shape):
    X = lognorm(1e6)[:, :20]
    with pytest.raises(ValueKindError, match=r"over 20 features differ \(up to .*target_sum"):
        read(shape(X), 1e4)
    reader = ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=1e6)
    assert reader.interpret(shape(X)) == ValueInterpretation("lognorm", 1e6)
    np.testing.assert_array_equal(reader.totals(shape(X), ValueInterpretation("lognorm", 1e6)), np.full(6, 1e6))


def test_counts_that_were_logged_alone_are_counts(shape):
    X = np.random.default_rng(1).poisson(200.0, (30, 60)).astype(np.float32)
    np.testing.assert_allclose(read(shape(np.log1p(X)), 1e4).totals, X.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("n", "tells"), [(6, False), (60, True)])
def test_cells_of_two_batches_add_up_to_two_totals(shape, n, tells):
    X = np.vstack([lognorm(1200.0, n=n), lognorm(1300.0, n=n // 2)])
    assert alike(shape(X)) == tells


def test_a_stated_total_that_the_cells_contradict_is_refused(shape):
    whole, cut = lognorm(1e4), lognorm(1e6)[:, :20]
    for X, total in ((whole, 1e6), (whole, 5e3), (cut, 1e4)):
        with pytest.raises(ValueKindError, match=r"add up to .*, so they were not normalized to .*target_sum"):
            ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=total).interpret(shape(X))
    assert ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=1e4).interpret(
        shape(whole)
    ) == ValueInterpretation("lognorm", 1e4)


def test_one_logarithm_among_small_counts_is_no_reason_to_ask_for_a_total(shape):
    X = np.vstack([np.full((20, 50), 12.0), lognorm(1e4, n=1)]).astype(np.float32)
    with pytest.raises(ValueKindError, match="cells hold only whole numbers"):
        read(shape(X), 1e4)


def test_cells_of_many_features_tell_by_themselves(shape, monkeypatch):
    monkeypatch.setattr(interpretation_module, "MIN_GENOME_FEATURES", 20)
    X = lognorm(1e6)[:, :20]
    np.testing.assert_allclose(read(shape(X), 1e4).totals, lognorm_totals(X))
    np.testing.assert_allclose(read(shape(X[:1]), 1e4).totals, lognorm_totals(X[:1]))


def test_cells_without_values_are_told_of_in_logarithms(shape, caplog):
    X = lognorm(1e4)
    X[3] = 0
    read(shape(X), 1e4)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


READER = ValueInterpreter(accepted="expression", target_sum=1e4)


def test_first_reading_looks_at_three_places(shape):
    X = np.zeros((2000, 3), np.float32)
    for row in (0, 900, 1999):
        changed = X.copy()
        changed[row] = 1.5
        assert READER.interpret(shape(changed)).kind == "lognorm"
    X[500] = 1.5  # seen later, when it is its turn
    assert READER.interpret(shape(X)) == ValueInterpretation("counts")


def test_later_cells_may_show_that_all_are_logarithms(shape):
    with pytest.raises(ReinterpretationError) as caught:
        READER.totals(shape(lognorm(1e6)), ValueInterpretation("counts"))
    assert caught.value.interpretation == ValueInterpretation("lognorm")
    with pytest.raises(ReinterpretationError) as caught:
        READER.totals(shape(lognorm(1e4)[:, :20]), ValueInterpretation("counts"))
    assert caught.value.interpretation == ValueInterpretation("lognorm", 1e4)


def test_no_cell_adds_up_to_more_than_it_had(shape):
    X = np.vstack([lognorm(1e4)[:1, :20], lognorm(1e6)[1:2, :20], np.zeros((1, 20), np.float32)])
    totals = READER.totals(shape(X), ValueInterpretation("lognorm", 1e4))
    assert totals[0] == 1e4
    assert totals[1] == pytest.approx(lognorm_totals(X)[1])
    assert totals[2] == 0


def test_whole_numbers_among_logarithms_may_be_chance(shape):
    X = np.array([[2.0, 1.0], [0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(READER.totals(shape(X), ValueInterpretation("lognorm", 500.0)), [500.0, 0.0])
    with pytest.raises(ValueKindError, match="not whole numbers and reach 300"):
        READER.totals(shape(X * 150), ValueInterpretation("lognorm", 500.0))


@pytest.mark.parametrize("first", ["counts", "logarithms"])
def test_counts_among_logarithms_are_refused(shape, first, monkeypatch):
    monkeypatch.setattr("smile_runtime.arrays.matrix.CHUNK_ROWS", 100)
    X = np.tile(np.array([1, 2, 3, 0, 1] * 10, np.float32), (1800, 1))
    X[300:600] = lognorm(1e4, n=300)
    if first == "logarithms":
        X = np.roll(X, -300, axis=0)
    with pytest.raises(ValueKindError, match=r"cells hold only whole numbers, like counts.*as two queries"):
        read(shape(X), 1e4)
    assert read(shape(X), 1e4, "lognorm").kind == "lognorm"


@pytest.mark.parametrize("odd", [5, 600])
def test_whatever_cells_show_it_the_reading_is_the_same(shape, odd, monkeypatch):
    monkeypatch.setattr("smile_runtime.arrays.matrix.CHUNK_ROWS", 100)
    X = np.zeros((1800, 50), np.float32)
    X[odd : odd + 6] = lognorm(1e6)
    query = read(shape(X), 1e4)
    assert query.kind == "lognorm"
    expected = np.zeros(1800)
    expected[odd : odd + 6] = 1e6
    np.testing.assert_allclose(query.totals, expected, rtol=1e-4)
