"""The feature table and the matching of a query's columns."""

import re

import numpy as np
import pytest

from smile_runtime import FeatureMatchError, IntegrityError
from smile_runtime.features import FeatureTable, match_features


def table(ids="ABCDE", weight=(0.1, 0.2, 0.2, 0.2, 0.3)) -> FeatureTable:
    return FeatureTable(tuple(ids), np.zeros(len(ids)), np.ones(len(ids)), np.array(weight))


def read(tmp_path, content: str | bytes) -> FeatureTable:
    path = tmp_path / "rna.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FeatureTable.from_tsv(path)


def test_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    mean, std, weight = 10.0 ** rng.uniform(-12, 3, (3, 500))
    ids = ("HLA-A", '5"-quoted', "chr1:10-20", "'x'", "β-actin", "a b", "nan", '"x" y', *(f"G{i}" for i in range(492)))
    before = FeatureTable(ids, mean, std, weight)
    after = read(tmp_path, before.to_tsv())
    assert after.ids == ids
    np.testing.assert_allclose(after.mean, mean, rtol=1e-8, atol=0)
    np.testing.assert_allclose(after.std, std, rtol=1e-8, atol=0)
    np.testing.assert_allclose(after.weight, weight, rtol=1e-8, atol=0)
    assert len(after) == 500


def test_zero_is_written_exactly(tmp_path):
    after = read(tmp_path, FeatureTable(("A",), np.zeros(1), np.zeros(1), np.ones(1)).to_tsv())
    assert (after.mean[0], after.std[0], after.weight[0]) == (0.0, 0.0, 1.0)


def test_further_columns_in_any_order_are_let_pass(tmp_path):
    after = read(tmp_path, "symbol\tstd\tid\tweight\tmean\nCD3E\t2\tENSG1\t0.4\t1\nCD19\t4\tENSG2\t0.6\t3\n")
    assert after.ids == ("ENSG1", "ENSG2")
    np.testing.assert_array_equal((after.mean, after.std, after.weight), [[1, 3], [2, 4], [0.4, 0.6]])


HEADER = "id\tmean\tstd\tweight\n"


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER,
        "id\tmean\tstd\nA\t1\t1\n",
        HEADER.replace("\t", ",") + "A,1,1,1\n",
        HEADER + "A\t1\t1\n",
        HEADER + "A\t1\t1\tmuch\n",
    ],
    ids=["empty", "header alone", "column missing", "commas", "short line", "no number"],
)
def test_broken_tables_are_refused_by_name(tmp_path, content):
    with pytest.raises(
        IntegrityError, match=r"rna\.tsv is not a feature table: it needs the columns id, mean, std, weight"
    ):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        HEADER.encode() + b"\xff\t1\t1\t1\n",
        HEADER + "A\t1\t1\t0.5\nA\t2\t2\t0.5\n",
        HEADER + "A\tnan\t1\t1\n",
        HEADER + "A\t1\t-1\t1\n",
        HEADER + "A\t1\t1\tnan\n",
        HEADER + "A" * 200_000 + "\t1\t1\t1\n",
    ],
    ids=["no utf-8", "id twice", "mean nan", "std negative", "weight nan", "field too long for csv"],
)
def test_impossible_tables_are_refused(tmp_path, content):
    with pytest.raises(IntegrityError):
        read(tmp_path, content)


def test_match_keeps_the_encoders_order():
    match = match_features(["x", "D", "A", "y", "C"], table(), 0.1)
    np.testing.assert_array_equal(match.columns, [2, 4, 1])  # of A, C, D
    np.testing.assert_array_equal(match.positions, [0, 2, 3])
    assert match.missing == ("B", "E")
    assert match.n_matched == 3


def test_full_match_misses_nothing():
    match = match_features(list("EDCBA"), table(), 1.0)
    np.testing.assert_array_equal(match.columns, [4, 3, 2, 1, 0])
    assert match.missing == ()


def test_wanted_duplicate_is_refused_by_name():
    with pytest.raises(FeatureMatchError, match="'B' twice"):
        match_features(["A", "B", "C", "B"], table(), 0.1)


def test_unwanted_duplicate_is_let_pass():
    assert match_features(["A", "x", "x", "B"], table(), 0.1).n_matched == 2


def test_none_in_common_shows_names_of_both_sides():
    with pytest.raises(FeatureMatchError) as caught:
        match_features(["ENSG01", "ENSG02", "ENSG03", "ENSG04"], table(), 0.1)
    assert "only 0 of the space's 5 features" in str(caught.value)
    assert "the query's names are like 'ENSG01', 'ENSG02', 'ENSG03', the space's like 'A', 'B', 'C'" in str(
        caught.value
    )
    assert "adata.var_names" in str(caught.value)


def test_query_without_features_is_refused():
    with pytest.raises(FeatureMatchError, match=re.escape("are like (none)")):
        match_features([], table(), 0.0)


@pytest.mark.parametrize("min_weight", [0.0, 0.1])
def test_one_feature_is_always_needed(min_weight):
    assert match_features(["A"], table(), min_weight).n_matched == 1
    with pytest.raises(FeatureMatchError, match="only 0 of the space's 5"):
        match_features(["x"], table(), min_weight)


def test_weight_is_what_the_encoder_looks_at_and_not_a_number_of_features():
    assert match_features(["D", "x", "E"], table(), 0.45).weight == pytest.approx(0.5)
    with pytest.raises(
        FeatureMatchError, match=re.escape("only 2 of the space's 5 features are in the query, 30.0% of")
    ):
        match_features(["D", "x", "A"], table(), 0.45)


def test_floor_is_inclusive():
    assert match_features(["D", "E"], table(), 0.5).n_matched == 2
    with pytest.raises(FeatureMatchError, match=re.escape("30.0% of what the encoder looks at (50.0% is needed)")):
        match_features(["A", "B"], table(), 0.5)


def test_text_asks_for_more_than_was_given():
    with pytest.raises(FeatureMatchError) as caught:
        match_features(["A"], table(weight=(0.098, 0.202, 0.2, 0.2, 0.3)), 0.1)
    assert "10.0% of what the encoder looks at (10.0% is needed)" not in str(caught.value)


def test_full_match_is_enough_for_any_floor(tmp_path):
    thirds = read(tmp_path, table("ABC", (1 / 3,) * 3).to_tsv())
    assert match_features(["A", "B", "C"], thirds, 1.0).missing == ()
