"""The feature table survives a round trip through its file; invalid files raise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smile_runtime import IntegrityError
from smile_runtime.features.feature_table import FeatureTable


def read(tmp_path, content: str | bytes) -> FeatureTable:
    path = tmp_path / "rna.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FeatureTable.from_tsv(path)


def test_table_survives_its_file(tmp_path):
    rng = np.random.default_rng(0)
    mean, std, weight = 10.0 ** rng.uniform(-12, 3, (3, 500))
    weight /= weight.sum()
    ids = ("HLA-A", '5"-quoted', "chr1:10-20", "'x'", "β-actin", "a b", "nan", '"x" y', *(f"G{i}" for i in range(492)))
    before = FeatureTable(ids, mean=mean, std=std, weight=weight)
    after = read(tmp_path, before.to_tsv())
    assert after.ids == ids
    np.testing.assert_allclose(after.mean, mean, rtol=1e-8, atol=0)
    np.testing.assert_allclose(after.std, std, rtol=1e-8, atol=0)
    np.testing.assert_allclose(after.weight, weight, rtol=1e-8, atol=0)
    assert len(after) == 500


def test_zero_is_written_exactly(tmp_path):
    after = read(tmp_path, FeatureTable(("A",), mean=np.zeros(1), std=np.zeros(1), weight=np.ones(1)).to_tsv())
    assert (after.mean[0], after.std[0], after.weight[0]) == (0.0, 0.0, 1.0)


def test_unknown_columns_and_any_column_order_are_accepted(tmp_path):
    after = read(tmp_path, "note\tstd\tid\tweight\tmean\nchr1\t2\tENSG1\t0.4\t1\nchr2\t4\tENSG2\t0.6\t3\n")
    assert after.ids == ("ENSG1", "ENSG2")
    np.testing.assert_array_equal((after.mean, after.std, after.weight), [[1, 3], [2, 4], [0.4, 0.6]])


def table_of(ids: tuple[str, ...], **others) -> FeatureTable:
    n = len(ids)
    return FeatureTable(ids, mean=np.zeros(n), std=np.ones(n), weight=np.full(n, 1 / n), **others)


def test_tables_without_other_ids_have_four_columns(tmp_path):
    text = table_of(("A", "B")).to_tsv()
    assert text == "id\tmean\tstd\tweight\nA\t0\t1\t0.5\nB\t0\t1\t0.5\n"
    assert (read(tmp_path, text).ensembl, read(tmp_path, text).symbol) == (None, None)


def test_other_ids_follow_the_id(tmp_path):
    before = table_of(("A", "B"), ensembl=("ENSG1", ""), symbol=("a", "b"), idf=np.array([1.0, 2.0]))
    text = before.to_tsv()
    assert text.splitlines()[0].split("\t") == ["id", "ensembl", "symbol", "mean", "std", "weight", "idf"]
    after = read(tmp_path, text)
    assert (after.ensembl, after.symbol) == (("ENSG1", ""), ("a", "b"))
    np.testing.assert_array_equal(after.idf, [1.0, 2.0])


def test_other_ids_may_be_last_and_missing(tmp_path):
    after = read(tmp_path, "id\tmean\tstd\tweight\tsymbol\nA\t1\t1\t0.5\tCD3E\nB\t1\t1\t0.5\n")
    assert after.symbol == ("CD3E", "")


def test_wrong_number_of_other_ids_raises():
    with pytest.raises(ValueError, match="zip"):
        table_of(("A", "B"), symbol=("a",)).to_tsv()


IDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(st.lists(IDS.filter(bool), min_size=1, max_size=8, unique=True), st.data())
def test_any_ids_survive(tmp_path_factory, ids, data):
    others = data.draw(st.lists(IDS, min_size=len(ids), max_size=len(ids)))
    before = table_of(tuple(ids), symbol=tuple(others))
    after = read(tmp_path_factory.mktemp("table"), before.to_tsv())
    assert (after.ids, after.symbol, after.ensembl) == (before.ids, before.symbol, None)


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
    ids=["empty", "header alone", "column missing", "commas", "short line", "not a number"],
)
def test_malformed_table_raises_with_its_name(tmp_path, content):
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
    ids=["not utf-8", "repeated id", "mean nan", "std negative", "weight nan", "field too long for csv"],
)
def test_table_with_impossible_values_raises(tmp_path, content):
    with pytest.raises(IntegrityError):
        read(tmp_path, content)
