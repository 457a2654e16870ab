"""Transforms of counts are told apart by the values, not by their range."""

import math

import numpy as np
import pytest
import scipy

from smile_runtime import ValueKindError
from smile_runtime.arrays import dense, sliceable
from smile_runtime.query import ReinterpretationError, Transform, ValueInterpretation, ValueInterpreter
from smile_runtime.query.value_evidence import TRANSFORMS, features_have_unit_sd, hold_fractional_counts, multiple_share
from smile_runtime.query.value_interpretation import SAMPLE_ROWS, sample_rows

EXPRESSION = ValueInterpreter(accepted="expression", target_sum=1e4)
ANTIBODIES = ValueInterpreter(accepted="counts", target_sum=None)

LOG2, LOG10, TWICE = Transform("log", 2.0), Transform("log", 10.0), Transform("double log")


def simulated(n: int = 60, n_features: int = 400, seed: int = 0) -> np.ndarray:
    """Return counts with the depth and dynamic range of cells, shape ``(n, n_features)``."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(-0.7, 1.7, n_features)) * np.exp(rng.normal(0, 0.4, (n, 1)))
    return rng.poisson(mean).astype(np.float64)


COUNTS = simulated()
TOTAL = COUNTS.sum(axis=1, keepdims=True)
SCALED = COUNTS / TOTAL * 1e4
SOUP = np.maximum(COUNTS - 0.005 * TOTAL * COUNTS.sum(axis=0) / COUNTS.sum(), 0)

LOGARITHMS = {
    "log2": (np.log2(1 + SCALED), LOG2),
    "log10": (np.log10(1 + SCALED), LOG10),
    "twice": (np.log1p(np.log1p(SCALED)), TWICE),
    "log2 of few features": (np.log2(1 + SCALED)[:, ::4], LOG2),
}
SIZE_FACTOR = TOTAL / TOTAL.mean() * np.exp(np.random.default_rng(1).normal(0, 0.2, TOTAL.shape))


@pytest.fixture(params=[np.asarray, scipy.sparse.csr_matrix], ids=["dense", "sparse"])
def convert(request):
    return lambda X: sliceable(request.param(X.astype(np.float32)))


def interpret(X, interpreter: ValueInterpreter = EXPRESSION) -> ValueInterpretation:
    return interpreter.interpret(sliceable(X.astype(np.float32)))


@pytest.mark.parametrize("name", LOGARITHMS)
def test_another_logarithm_is_undone_and_reported(convert, name):
    X, transform = LOGARITHMS[name]
    interpretation = EXPRESSION.interpret(convert(X))
    assert (interpretation.kind, interpretation.undone) == ("lognorm", transform)
    assert interpretation.remarks == (f"the values are {transform}; undoing it first",)
    linear, totals = EXPRESSION.linear_rows(convert(X), interpretation)
    np.testing.assert_allclose(dense(linear), SCALED[:, ::4] if "few" in name else SCALED, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(totals, 1e4, rtol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 100.0, 0.15])
@pytest.mark.parametrize("columns", [slice(None), slice(None, None, 4)])
def test_natural_logarithms_are_taken_without_a_word(convert, scale, columns):
    interpreter = ValueInterpreter(accepted="expression", target_sum=scale * 1e4)
    interpretation = interpreter.interpret(convert(np.log1p(SCALED * scale)[:, columns]))
    assert (interpretation.kind, interpretation.undone, interpretation.remarks) == ("lognorm", None, ())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_precision_does_not_hide_the_logarithm(dtype):
    assert EXPRESSION.interpret(np.log2(1 + SCALED).astype(dtype)).undone == LOG2
    assert EXPRESSION.interpret(np.log1p(SCALED).astype(dtype)).remarks == ()
    assert interpret(np.log1p(SCALED).round(3)).remarks == ()


def test_log_counts_of_size_factors_keep_their_own_totals():
    X = np.log2(1 + COUNTS / SIZE_FACTOR)
    interpreter = ValueInterpreter(accepted="expression", target_sum=None)
    interpretation = interpret(X, interpreter)
    assert interpretation.undone == LOG2
    np.testing.assert_allclose(interpreter.totals(X, interpretation), (COUNTS / SIZE_FACTOR).sum(axis=1), rtol=1e-5)


def test_expression_without_a_unit_is_recognized_by_its_total():
    """Values divided by the length of genes, as of full-length protocols, are no multiples of anything."""
    length = np.exp(np.random.default_rng(2).normal(7, 1, COUNTS.shape[1]))
    tpm = COUNTS / length / (COUNTS / length).sum(axis=1, keepdims=True) * 1e6
    assert interpret(np.log1p(tpm)) == ValueInterpretation("lognorm")
    assert interpret(np.log2(1 + tpm)).undone == LOG2
    selected = interpret(np.log1p(tpm)[:, ::2], ValueInterpreter(accepted="expression", target_sum=1e6))
    assert selected.kind == "lognorm"
    assert selected.remarks[0].startswith("the values show neither counts nor a logarithm of them; taking them as ln(1")


@pytest.mark.parametrize("cap", [10.0, np.inf])
def test_values_scaled_without_centering_are_rejected(convert, cap):
    logged = np.log1p(SCALED)
    X = np.minimum(logged / np.maximum(logged.std(axis=0, ddof=1), 1e-9), cap)
    with pytest.raises(ValueKindError, match=r"^most features have a standard deviation of 1, .*; provide raw counts"):
        EXPRESSION.interpret(convert(X))
    with pytest.raises(ValueKindError, match="not whole numbers, and this encoder needs raw counts"):
        ANTIBODIES.interpret(convert(X))


@pytest.mark.parametrize(
    "X",
    [SOUP, np.minimum(SOUP, 15.0), -256 * np.log1p(-np.minimum(COUNTS, 200) / 256), SOUP * 1.0 + (COUNTS > 5) * 0.37],
    ids=["ambient correction", "small", "collision correction", "estimated"],
)
def test_fractional_counts_are_taken_as_counts(convert, X):
    interpretation = EXPRESSION.interpret(convert(X))
    assert (interpretation.kind, interpretation.fractional) == ("counts", True)
    assert "taking them as counts" in interpretation.remarks[0]
    np.testing.assert_allclose(EXPRESSION.totals(convert(X), interpretation), X.sum(axis=1), rtol=1e-5)
    assert ANTIBODIES.interpret(convert(X)) == interpretation


def test_deep_fractional_counts_are_recognized_by_their_range():
    rng = np.random.default_rng(3)
    X = rng.gamma(np.exp(rng.normal(0, 2.5, COUNTS.shape[1])), 9, COUNTS.shape)
    assert interpret(X).fractional


def test_fractional_counts_can_follow_whole_ones():
    with pytest.raises(ReinterpretationError) as caught:
        EXPRESSION.totals(SOUP, ValueInterpretation("counts"))
    assert caught.value.interpretation.fractional
    with pytest.raises(ValueKindError, match=r"\d+ of 60 cells may hold logarithms, but others hold corrected"):
        EXPRESSION.totals(np.log1p(SCALED), caught.value.interpretation)


def test_counts_scaled_by_cell_are_taken_as_counts_where_only_proportions_matter(convert):
    interpretation = EXPRESSION.interpret(convert(SCALED))
    assert interpretation.kind == "counts"
    assert "counts scaled by cell, without a logarithm" in interpretation.remarks[0]
    np.testing.assert_allclose(EXPRESSION.totals(convert(SCALED), interpretation), 1e4, rtol=1e-4)


@pytest.mark.parametrize(
    ("X", "transform"),
    [(np.sqrt(SCALED), Transform("square root")), (np.arcsinh(COUNTS / 5), Transform("arcsinh", 1.0))],
)
def test_other_transforms_are_undone(X, transform):
    interpretation = interpret(X)
    assert interpretation.undone == transform
    linear, totals = EXPRESSION.linear_rows(X, interpretation)
    np.testing.assert_allclose(linear / totals[:, None], COUNTS / TOTAL, rtol=1e-5)


def test_mixed_logarithms_are_rejected():
    X = np.log1p(SCALED)
    X[::2] = np.log2(1 + SCALED)[::2]
    with pytest.raises(
        ValueKindError, match=r"some cells hold (ln|log2)\(1 \+ x\) and others (ln|log2)\(1 \+ x\); pro"
    ):
        interpret(X)


def test_only_the_right_inverse_brings_whole_multiples_back():
    for name, (X, transform) in LOGARITHMS.items():
        shares = {other: multiple_share([X], other) for other in TRANSFORMS}
        assert shares.pop(transform) > 0.99, name
        assert max(shares.values()) < 0.5, name


def test_honest_values_do_not_look_scaled_or_fractional():
    assert not features_have_unit_sd([np.log1p(SCALED)])
    assert not features_have_unit_sd([np.log1p(SCALED)[:12]])
    assert not hold_fractional_counts([np.log1p(SCALED)])
    assert not hold_fractional_counts([np.full((3, 5), 1.5)])  # too few values


@pytest.mark.parametrize("base", [1.5, 3.0])
def test_a_noted_base_is_tried_and_agrees(base):
    interpreter = ValueInterpreter(accepted="expression", target_sum=1e4, noted_base=base)
    interpretation = interpret(np.log1p(SCALED) / math.log(base), interpreter)
    assert interpretation.undone == Transform("log", base)
    assert len(interpretation.remarks) == 1


def test_a_noted_base_that_the_values_contradict_is_reported():
    interpreter = ValueInterpreter(accepted="expression", target_sum=1e4, noted_base=2.0)
    interpretation = interpret(np.log1p(SCALED), interpreter)
    assert interpretation == ValueInterpretation(
        "lognorm", remarks=("uns['log1p'] notes a logarithm to base 2, but the values are ln(1 + x)",)
    )


def test_a_noted_base_decides_where_the_values_do_not():
    X = np.log2(1 + SCALED * np.exp(np.random.default_rng(4).normal(0, 0.3, SCALED.shape)))
    interpreter = ValueInterpreter(accepted="expression", target_sum=None, noted_base=2.0)
    interpretation = interpret(X, interpreter)
    assert interpretation.undone == LOG2
    assert "taking them as log2(1 + x), as uns['log1p'] notes" in interpretation.remarks[0]


def test_stated_kind_wins_and_is_contradicted_in_the_log():
    counts = ValueInterpreter(accepted="expression", target_sum=1e4, stated_kind="counts")
    interpretation = interpret(np.log1p(SCALED), counts)
    assert (interpretation.kind, interpretation.undone) == ("counts", None)
    assert interpretation.remarks == (
        "the values are stated to be counts, but look like ln(1 + x); taking them as counts",
    )
    assert interpret(COUNTS * 1.5, counts).remarks == ()
    lognorm = ValueInterpreter(accepted="expression", target_sum=None, stated_kind="lognorm")
    assert "look like counts; taking them as log-normalized" in interpret(np.minimum(SOUP, 15), lognorm).remarks[0]
    assert interpret(np.log2(1 + SCALED), lognorm).undone == LOG2


def clr(counts: np.ndarray) -> np.ndarray:
    return np.log1p(counts / np.exp(np.log1p(counts).mean(axis=1, keepdims=True)))


PROTEINS = np.random.default_rng(5).negative_binomial(1.2, 0.02, (40, 14)).astype(np.float64)


@pytest.mark.parametrize(
    ("X", "transform"),
    [
        (clr(PROTEINS), Transform("clr")),
        (np.log1p(PROTEINS), Transform()),
        (np.log2(1 + PROTEINS), LOG2),
        (np.arcsinh(PROTEINS / 5), Transform("arcsinh", 5.0)),
        (np.sqrt(PROTEINS), Transform("square root")),
    ],
    ids=["clr", "ln", "log2", "arcsinh", "square root"],
)
def test_counts_of_antibodies_are_recovered_exactly(convert, X, transform):
    interpretation = ANTIBODIES.interpret(convert(X))
    assert interpretation.kind == "counts"
    assert interpretation.undone == transform
    linear, totals = ANTIBODIES.linear_rows(convert(X), interpretation)
    np.testing.assert_allclose(dense(linear), PROTEINS, atol=0.01)
    np.testing.assert_allclose(totals, PROTEINS.sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (np.log1p(PROTEINS / PROTEINS.sum(axis=1, keepdims=True) * 1e4), r"but look like ln\(1 \+ x\) of counts"),
        (clr(PROTEINS.T).T, "not whole numbers"),
        (clr(PROTEINS)[:, ::2], "not whole numbers"),
    ],
    ids=["normalized", "clr by feature", "clr without some features"],
)
def test_antibodies_whose_counts_are_lost_are_rejected(X, text):
    with pytest.raises(ValueKindError, match=f"{text}.*needs raw counts: provide them, .*values='counts'"):
        interpret(X, ANTIBODIES)
    stated = ValueInterpreter(accepted="counts", target_sum=None, stated_kind="counts")
    assert interpret(X, stated).kind == "counts"


def test_every_cell_of_antibodies_is_checked():
    with pytest.raises(ValueKindError, match=r"some cells hold ln\(1 \+ x\) of counts, and others do not"):
        ANTIBODIES.totals(clr(PROTEINS), interpret(np.log1p(PROTEINS), ANTIBODIES))


def test_contacts_may_be_logarithms_because_they_are_scaled():
    interpreter = ValueInterpreter(accepted="counts", target_sum=1e4)
    assert interpret(np.log1p(SCALED), interpreter).kind == "lognorm"
    assert interpret(COUNTS, interpreter).kind == "counts"


def test_each_row_is_sampled_once():
    for n in (1, 300, 600, 900):
        rows = np.concatenate(sample_rows(np.arange(n)[:, None])).ravel()
        assert len(rows) == min(n, 3 * SAMPLE_ROWS)
        assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("accepted", ["expression", "counts", "presence"])
def test_zeros_alone_are_rejected(convert, accepted):
    interpreter = ValueInterpreter(accepted=accepted, target_sum=None)
    with pytest.raises(ValueKindError, match="all values of all 900 cells are zero; provide counts"):
        interpreter.interpret(convert(np.zeros((900, 3))))
    X = np.zeros((900, 3))
    X[300] = 1
    assert interpreter.interpret(convert(X)).kind in ("counts", "presence")  # outside the sample
    for kind in ("levels", "numbers"):
        assert ValueInterpreter(accepted=kind, target_sum=None).interpret(convert(np.zeros((9, 3)))).kind == kind


def genome(n_features: int = 7_500) -> np.ndarray:
    counts = simulated(40, n_features, seed=6)
    counts[:, :400] *= np.random.default_rng(8).integers(0, 5, (40, 1))  # like mitochondrial genes
    return counts / counts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("target", [1e4, 1e6])
def test_target_of_a_genome_without_some_genes_is_assumed(target):
    X = np.log1p(genome() * target)
    assert interpret(X) == ValueInterpretation("lognorm")
    assert interpret(X[:, 400:]) == ValueInterpretation("lognorm", target)
    stated = ValueInterpreter(accepted="expression", target_sum=1e4, stated_sum=target)
    assert interpret(X[:, 400:], stated) == ValueInterpretation("lognorm", target)


def test_differing_totals_of_a_genome_are_reported():
    factor = np.exp(np.random.default_rng(7).normal(0, 0.5, (40, 1)))
    interpretation = interpret(np.log1p(genome() * 5e3 * factor))
    assert interpretation.total is None
    assert "taking each cell's own, right after size factors" in interpretation.remarks[0]
