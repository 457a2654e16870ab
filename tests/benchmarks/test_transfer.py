"""Splits and figures of label transfer in `benchmarks/peers`."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
from measure_transfer import measure
from transfer_sets import choose_strangers, split_file, split_studies


def write_cells(path, batches, labels, genes=("a", "b")):
    obs = pd.DataFrame({"cell_type": labels, "batch": batches}, index=[f"c{i}" for i in range(len(labels))])
    counts = np.arange(len(labels) * len(genes)).reshape(len(labels), -1)
    X = scipy.sparse.csr_matrix(counts, dtype=np.float32)
    anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=list(genes))).write_h5ad(path)


@pytest.mark.parametrize(
    ("batches", "seed", "query"),
    [
        (["x", "y", "z"] * 4, 1, {"y"}),  # few batches: one by one
        (["x", "y", "z"] * 4, 3, None),
        ([str(i) for i in range(12)], 0, 3),  # many: a quarter of them
    ],
)
def test_left_out_batches(tmp_path, batches, seed, query):
    write_cells(tmp_path / "set.h5ad", batches, ["t"] * 12)
    split = split_file("set", tmp_path, seed)
    if query is None:
        assert split is None
        return
    reference, left_out = split
    found = set(left_out.obs["batch"])
    assert (found if isinstance(query, set) else len(found)) == query
    assert not found & set(reference.obs["batch"])


def test_left_out_cells_are_a_quarter_of_each_label(tmp_path):
    write_cells(tmp_path / "set.h5ad", ["x"] * 48, ["rare"] * 8 + ["common"] * 40)
    splits = [split_file("set", tmp_path, seed) for seed in (0, 1)]
    assert [dict(query.obs["label"].value_counts()) for _, query in splits] == [{"common": 10, "rare": 2}] * 2
    assert set(splits[0][1].obs_names) != set(splits[1][1].obs_names)


def test_studies_share_their_features_and_keep_their_cells_apart(tmp_path):
    write_cells(tmp_path / "one.h5ad", ["x"] * 2, ["t"] * 2, genes=("a", "b", "c"))
    write_cells(tmp_path / "two.h5ad", ["y"] * 2, ["t"] * 2, genes=("b", "a", "d"))
    write_cells(tmp_path / "new.h5ad", ["z"] * 2, ["t"] * 2, genes=("b", "c", "a"))
    reference, query = split_studies(("one", "two"), "new", tmp_path, 0)
    assert list(reference.var_names) == list(query.var_names) == ["b", "a"]
    assert list(reference.obs_names) == ["one:c0", "one:c1", "two:c0", "two:c1"]
    assert reference.X.toarray().tolist() == [[1, 0], [4, 3], [0, 1], [3, 4]]


def test_strangers_are_of_middling_frequency_and_many_enough():
    query = pd.Series(np.repeat(list("abcd"), [50, 30, 20, 5]))
    assert choose_strangers(query, query) == ["b"]
    many = pd.Series(np.repeat(list("abcdefgh"), [80, 70, 60, 50, 40, 30, 20, 5]))
    assert choose_strangers(many, many) == ["d", "c"] or choose_strangers(many, many) == ["e", "d"]


TRUTH = pd.DataFrame({"label": ["a", "a", "b", "c"], "known": [True, True, True, False]}, index=list("wxyz"))


def test_unknown_is_wrong_but_its_nearest_label_counts_for_confidence(tmp_path):
    pd.DataFrame(
        {
            "label": ["b", "a", "unknown", "unknown"],
            "nearest": ["b", "a", "b", "a"],
            "confidence": [0.6, 1.0, 0.8, 0.7],
            "novelty": [0.1, 0.2, 0.3, 0.9],
        },
        index=pd.Index(list("yxwz"), name="cell"),  # in another order
    ).to_csv(tmp_path / "labels.csv")
    figures = measure(tmp_path, TRUTH)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["nearest_accuracy"] == pytest.approx(2 / 3)
    assert figures["unknown"] == pytest.approx(1 / 3)
    assert figures["ece"] == pytest.approx((0.4 + 0.0 + 0.8) / 3)
    assert figures["auroc"] == pytest.approx(2 / 3)
    assert figures["auroc_novelty"] == 1.0
    assert figures["unknown_strangers"] == 1.0
    kept = pd.read_csv(tmp_path / "labels.csv", index_col="cell")
    assert kept["true"].to_dict() == TRUTH["label"].to_dict()


def test_a_method_without_confidence_has_no_figure_for_it(tmp_path):
    (tmp_path / "labels.csv").write_text("cell,label,confidence\n" + "".join(f"{cell},a,\n" for cell in "wxyz"))
    assert not {"ece", "auroc"} & set(measure(tmp_path, TRUTH))


def test_labels_of_other_cells_are_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("cell,label,confidence\nw,a,\n")
    with pytest.raises(ValueError, match=r"labels.csv has 1 cells, and the query 4, or under other names"):
        measure(tmp_path, TRUTH)
