"""Kinds of values are recognized, and totals inferred."""

import numpy as np
import pytest
import scipy

from smile_runtime import QueryError, ValueKindError
from smile_runtime.arrays import sliceable
from smile_runtime.query import value_interpretation
from smile_runtime.query.value_interpretation import (
    ReinterpretationError,
    ValueInterpretation,
    ValueInterpreter,
    read_values,
)
from smile_runtime.query.value_kind import ValueScan, lognorm_totals, scan_rows, share_one_total

COUNTS = np.array([[0, 3, 1, 6], [0, 0, 0, 0], [2, 0, 0, 3]])

FORMATS = {
    "dense": np.asarray,
    "csr_matrix": scipy.sparse.csr_matrix,
    "csr_array": scipy.sparse.csr_array,
    "csc_matrix": scipy.sparse.csc_matrix,
}


def read(matrix, target_sum, stated_kind=None):
    interpreter = ValueInterpreter(accepted="expression", target_sum=target_sum, stated_kind=stated_kind)
    return read_values(matrix, interpreter, interpreter.interpret(matrix))


@pytest.fixture(params=FORMATS)
def convert(request):
    """Return a function that converts a dense matrix to the format under test, with rows that can be sliced."""
    return lambda X: sliceable(FORMATS[request.param](X))


def recognize(X, stated=None):
    return ValueInterpreter(accepted="expression", target_sum=None, stated_kind=stated).interpret(X).kind


def lognorm(target: float, n: int = 6, n_features: int = 50) -> np.ndarray:
    X = np.random.default_rng(0).poisson(2.0, (n, n_features)).astype(np.float64)
    return np.log1p(X * target / X.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint16])
def test_whole_numbers_are_counts(convert, dtype):
    X = COUNTS.astype(dtype)
    scan = scan_rows(convert(X))
    assert recognize(convert(X)) == "counts"
    totals = read(convert(X), 1e4).totals
    assert totals.dtype == np.float64
    np.testing.assert_array_equal(totals, X.astype(np.int64).sum(axis=1))
    assert scan.largest == X.max()


def test_flags_are_not_counts(convert):
    with pytest.raises(ValueKindError, match=r"only True or False, .*; provide counts or log-normalized values$"):
        read(convert(COUNTS.astype(bool)), 1e4)
    flags = ValueInterpreter(accepted="presence", target_sum=None).interpret(convert(COUNTS.astype(bool)))
    assert flags.kind == "presence"


def test_scan_counts_unusable_values(convert):
    X = np.array([[1, 2.5], [0, 3], [-1, 0], [np.inf, 7], [np.nan, 0]], np.float32)
    scan = scan_rows(convert(X))
    assert (scan.n_nan, scan.n_infinite, scan.n_negative, scan.integral) == (1, 1, 1, False)


def test_sum_of_scans_is_the_scan_of_all_rows(convert):
    X = np.array([[0.5, 7.0], [1.0, 0.0], [-2.0, 1.0], [np.nan, np.inf]])
    scans = [scan_rows(convert(X[[row]])) for row in range(4)]
    assert sum(scans, ValueScan()) == scan_rows(convert(X)) == ValueScan(np.inf, False, 1, 1, 1)


def test_totals_of_small_integers_do_not_overflow(convert):
    X = np.full((2, 400), 255, np.uint8)
    np.testing.assert_array_equal(read(convert(X), 1e4).totals, [102_000, 102_000])


@pytest.mark.parametrize("form", ["dense", "csr_matrix"])
def test_totals_are_computed_in_float64(form):
    X = np.array([[2**24, 1, 1, 1]], np.float32)  # float32 would lose the ones
    np.testing.assert_array_equal(read(FORMATS[form](X), 1e4).totals, [2**24 + 3])


@pytest.mark.parametrize("target", [1e4, 1e6])
def test_log_normalized_values_are_recognized(convert, target):
    assert recognize(convert(lognorm(target))) == "lognorm"


def test_negative_values_are_rejected(convert):
    X = (COUNTS - COUNTS.mean(axis=0)) / (COUNTS.std(axis=0) + 1)
    with pytest.raises(
        ValueKindError, match=r"^\d+ values are negative, so the values were scaled or corrected; provide raw counts"
    ):
        recognize(convert(X))


@pytest.mark.parametrize("stated", [None, "counts", "lognorm"])
@pytest.mark.parametrize(
    ("bad", "text"), [(np.nan, "1 value is NaN, infinite or"), (np.inf, "1 value is NaN, infinite or")]
)
def test_nan_and_infinite_values_are_rejected(convert, bad, text, stated):
    X = COUNTS.astype(np.float32)
    X[2, 1] = bad
    with pytest.raises(ValueKindError, match=text):
        recognize(convert(X), stated)


@pytest.mark.parametrize("stated", ["counts", "lognorm"])
def test_negative_values_are_rejected_for_every_stated_kind(stated):
    with pytest.raises(ValueKindError, match="negative"):
        recognize(np.array([[-0.5, 1.0]]), stated)


def test_large_fractional_values_are_rejected_unless_stated_as_counts(convert):
    X = COUNTS * 10.25
    with pytest.raises(ValueKindError, match=r"not whole numbers and reach 61\.5.*values='counts'"):
        recognize(convert(X))
    assert recognize(convert(X), "counts") == "counts"


def test_values_above_20_cannot_be_stated_as_logarithms(convert):
    with pytest.raises(ValueKindError, match="largest value is 21, too large for a logarithm"):
        recognize(convert(np.array([[21, 0], [0, 1]])), "lognorm")
    assert recognize(convert(np.array([[20, 0], [0, 1]])), "lognorm") == "lognorm"


def test_whole_numbers_can_be_stated_as_logarithms(convert):
    assert recognize(convert(COUNTS.astype(np.float32))) == "counts"
    assert recognize(convert(COUNTS.astype(np.float32)), "lognorm") == "lognorm"


@pytest.mark.parametrize(
    "X",
    [np.array([["1", "2"]]), np.array([[1, "x"]], dtype=object), np.array([[1 + 2j]])],
    ids=["strings", "objects", "complex"],
)
def test_values_that_are_not_numbers_are_rejected(X):
    with pytest.raises(QueryError, match="numbers are needed"):
        read(X, 1e4)


def test_unknown_kind_is_rejected():
    with pytest.raises(QueryError):
        recognize(COUNTS, "tpm")


def share_total(X):
    return share_one_total(lognorm_totals(X))


@pytest.mark.parametrize("target", [1e4, 1e6, 2371.0])
def test_cells_with_all_features_share_one_total(convert, target):
    np.testing.assert_allclose(lognorm_totals(convert(lognorm(target))), target, rtol=1e-4)
    assert share_total(convert(lognorm(target)))


def test_cells_with_selected_features_share_no_total(convert):
    assert not share_total(convert(lognorm(1e4)[:, :20]))


@pytest.mark.parametrize(("target", "expected"), [(1e4, True), (1e6, True), (2371.0, False)])
def test_single_cell_shows_only_a_common_target(convert, target, expected):
    assert share_total(convert(lognorm(target, n=1))) == expected


@pytest.mark.parametrize(("n_outliers", "expected"), [(1, True), (5, False)])
def test_few_outliers_do_not_hide_a_shared_total(convert, n_outliers, expected):
    X = lognorm(1e4, n=40)
    X[:n_outliers] *= 0.9
    assert share_total(convert(X)) == expected


def test_empty_cells_are_ignored(convert):
    X = lognorm(1e4)
    X[3] = 0
    assert share_total(convert(X))
    assert not share_total(convert(np.zeros_like(X)))


def test_totals_of_float16_do_not_overflow():
    np.testing.assert_allclose(lognorm_totals(lognorm(1e6).astype(np.float16)), 1e6, rtol=0.01)


def test_totals_of_counts_are_sums(convert, caplog):
    query = read(convert(COUNTS), 1e4)
    assert query.kind == "counts"
    np.testing.assert_array_equal(query.totals, [10, 0, 5])
    assert [record.getMessage() for record in caplog.records] == [
        "1 of 3 cells has no values at all; leave out empty cells"
    ]


def test_totals_of_log_normalized_cells_are_their_normalization_target(convert):
    query = read(convert(lognorm(1e6)), 1e4)
    assert query.kind == "lognorm"
    np.testing.assert_allclose(query.totals, np.full(6, 1e6), rtol=1e-4)


def test_target_is_inferred_for_each_cell(convert):
    X = lognorm(1e6, n=40)
    expected = np.full(40, 1e6)
    X[7] = np.log1p(np.expm1(X[7]) / 300)
    expected[7] /= 300
    np.testing.assert_allclose(read(convert(X), 1e4).totals, expected, rtol=1e-4)


def test_encoder_target_is_assumed_if_none_can_be_inferred(convert):
    X = lognorm(1e4)[:, :20]
    np.testing.assert_array_equal(read(convert(X), 1e4).totals, np.full(6, 1e4))
    np.testing.assert_allclose(read(convert(X), None).totals, lognorm_totals(X))  # no target to assume


def test_totals_above_the_encoder_target_are_rejected(convert):
    X = lognorm(1e6)[:, :20]
    with pytest.raises(ValueKindError, match=r"over 20 features differ \(up to .*target_sum"):
        read(convert(X), 1e4)
    interpreter = ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=1e6)
    assert interpreter.interpret(convert(X)) == ValueInterpretation("lognorm", 1e6)
    np.testing.assert_array_equal(interpreter.totals(convert(X), ValueInterpretation("lognorm", 1e6)), np.full(6, 1e6))


def test_totals_of_logged_counts_are_sums_of_counts(convert):
    X = np.random.default_rng(1).poisson(200.0, (30, 60)).astype(np.float32)
    np.testing.assert_allclose(read(convert(np.log1p(X)), 1e4).totals, X.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("n", "expected"), [(6, False), (60, True)])
def test_two_batches_may_have_two_totals(convert, n, expected):
    X = np.vstack([lognorm(1200.0, n=n), lognorm(1300.0, n=n // 2)])
    assert share_total(convert(X)) == expected


def test_stated_target_that_the_cells_contradict_is_rejected(convert):
    complete, selected = lognorm(1e4), lognorm(1e6)[:, :20]
    for X, total in ((complete, 1e6), (complete, 5e3), (selected, 1e4)):
        with pytest.raises(ValueKindError, match=r"add up to .*, so they were not normalized to .*target_sum"):
            ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=total).interpret(convert(X))
    assert ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=1e4).interpret(
        convert(complete)
    ) == ValueInterpretation("lognorm", 1e4)


def test_one_log_normalized_cell_among_counts_is_reported_as_a_mixture(convert):
    X = np.vstack([np.full((20, 50), 12.0), lognorm(1e4, n=1)]).astype(np.float32)
    with pytest.raises(ValueKindError, match="cells hold only whole numbers"):
        read(convert(X), 1e4)


def test_target_is_inferred_from_each_cell_if_there_are_many_features(convert, monkeypatch):
    monkeypatch.setattr(value_interpretation, "MIN_GENOME_FEATURES", 20)
    X = lognorm(1e6)[:, :20]
    np.testing.assert_allclose(read(convert(X), 1e4).totals, lognorm_totals(X))
    np.testing.assert_allclose(read(convert(X[:1]), 1e4).totals, lognorm_totals(X[:1]))


def test_empty_log_normalized_cells_are_a_warning(convert, caplog):
    X = lognorm(1e4)
    X[3] = 0
    read(convert(X), 1e4)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


INTERPRETER = ValueInterpreter(accepted="expression", target_sum=1e4)


def test_sample_covers_beginning_middle_and_end(convert):
    X = np.zeros((2000, 3), np.float32)
    for row in (0, 900, 1999):
        changed = X.copy()
        changed[row] = 1.5
        assert INTERPRETER.interpret(convert(changed)).kind == "lognorm"
    X[500] = 1.5  # not sampled
    assert INTERPRETER.interpret(convert(X)) == ValueInterpretation("counts")


def test_later_cells_can_show_log_normalized_values(convert):
    with pytest.raises(ReinterpretationError) as caught:
        INTERPRETER.totals(convert(lognorm(1e6)), ValueInterpretation("counts"))
    assert caught.value.interpretation == ValueInterpretation("lognorm")
    with pytest.raises(ReinterpretationError) as caught:
        INTERPRETER.totals(convert(lognorm(1e4)[:, :20]), ValueInterpretation("counts"))
    assert caught.value.interpretation == ValueInterpretation("lognorm", 1e4)


def test_assumed_target_never_lowers_a_total(convert):
    X = np.vstack([lognorm(1e4)[:1, :20], lognorm(1e6)[1:2, :20], np.zeros((1, 20), np.float32)])
    totals = INTERPRETER.totals(convert(X), ValueInterpretation("lognorm", 1e4))
    assert totals[0] == 1e4
    assert totals[1] == pytest.approx(lognorm_totals(X)[1])
    assert totals[2] == 0


def test_few_whole_numbers_can_be_log_normalized(convert):
    X = np.array([[2.0, 1.0], [0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(INTERPRETER.totals(convert(X), ValueInterpretation("lognorm", 500.0)), [500.0, 0.0])
    with pytest.raises(ValueKindError, match="largest value is 300, too large for ln"):
        INTERPRETER.totals(convert(X * 150), ValueInterpretation("lognorm", 500.0))


@pytest.mark.parametrize("first", ["counts", "lognorm"])
def test_counts_among_log_normalized_cells_are_rejected(convert, first, monkeypatch):
    monkeypatch.setattr("smile_runtime.arrays.matrix.CHUNK_ROWS", 100)
    X = np.tile(np.array([1, 2, 3, 0, 1] * 10, np.float32), (1800, 1))
    X[300:600] = lognorm(1e4, n=300)
    if first == "lognorm":
        X = np.roll(X, -300, axis=0)
    with pytest.raises(ValueKindError, match=r"cells hold only whole numbers, like counts.*as two queries"):
        read(convert(X), 1e4)
    assert read(convert(X), 1e4, "lognorm").kind == "lognorm"


@pytest.mark.parametrize("start", [5, 600])
def test_interpretation_does_not_depend_on_which_cells_show_it(convert, start, monkeypatch):
    monkeypatch.setattr("smile_runtime.arrays.matrix.CHUNK_ROWS", 100)
    X = np.zeros((1800, 50), np.float32)
    X[start : start + 6] = lognorm(1e6)
    query = read(convert(X), 1e4)
    assert query.kind == "lognorm"
    expected = np.zeros(1800)
    expected[start : start + 6] = 1e6
    np.testing.assert_allclose(query.totals, expected, rtol=1e-4)
