"""Tasks of pairs in `benchmarks/peers`, and what is measured on them."""

import anndata
import gene_links
import numpy as np
import pandas as pd
import pytest
import scipy
from environments import PeerError
from measure_pairs import fractions_closer, knn_auc, mean_squared_error, measure_pairs
from pair_sets import PairSet, restore_counts, write_task
from pairs_summary import foscttm_lead

N_CELLS = 30


@pytest.fixture
def task(tmp_path, monkeypatch):
    """Return the folder of a task of thirty cells of two batches, and its truth."""
    rng = np.random.default_rng(0)
    names = [f"cell-{row}" for row in range(N_CELLS)]
    obs = pd.DataFrame({"cell_type": ["a", "b", "c"] * 10, "batch": ["x"] * 15 + ["y"] * 15}, names)
    for name, order in (("one", np.arange(N_CELLS)), ("two", rng.permutation(N_CELLS))):
        values = np.arange(N_CELLS, dtype=np.float32)[:, None] + [1, 2]
        cells = anndata.AnnData(scipy.sparse.csr_matrix(values[order]), obs.iloc[order], pd.DataFrame(index=["g", "h"]))
        cells.write_h5ad(tmp_path / f"{name}.h5ad")
    monkeypatch.setitem(write_task.__globals__["SETS"], "tiny", PairSet("one", "two", ("processed", "processed")))
    (tmp_path / "task").mkdir()
    return tmp_path / "task", write_task(tmp_path, "tiny", 0, tmp_path / "task")


def test_task_tells_pairs_and_labels_of_training_cells_alone(task):
    folder, truth = task
    first, second = (anndata.read_h5ad(folder / f"{name}.h5ad") for name in ("first", "second"))
    known = first.obs["pair"].astype(str) != ""
    assert known.sum() == 15 == N_CELLS - truth.left_out.sum()
    assert first.obs.loc[known, "batch"].nunique() == 1  # the other batch is left out
    assert (first.obs["label"].astype(str) != "").equals(known)
    assert "label" not in second.obs
    values = [each.to_df().assign(pair=np.asarray(each.obs["pair"].astype(str))) for each in (first, second)]
    ours, theirs = (each[each["pair"] != ""].set_index("pair")["g"] for each in values)
    assert ours.sort_index().equals(theirs.sort_index())  # a pair is one cell
    assert list(ours.index) != list(theirs.index)
    assert not set(first.obs_names) & set(second.obs_names)


def test_task_of_a_missing_split_is_none(task, tmp_path):
    assert write_task(tmp_path, "tiny", 2, tmp_path / "task") is None


def test_equal_embeddings_of_a_cell_score_best(task):
    folder, truth = task
    for name, order in zip(("first", "second"), truth.orders, strict=True):
        np.save(folder / f"{name}.npy", np.stack([order, np.zeros(N_CELLS)], axis=1))
    found = measure_pairs(folder, truth)
    assert (found["foscttm"], found["matching"], found["mse"]) == (0.0, 1.0, 0.0)
    assert found["accuracy"] == found["accuracy_first"]
    table = pd.read_csv(folder / "labels.csv")
    assert sorted(table["cell"]) == list(np.flatnonzero(truth.left_out))


def test_embedding_that_is_not_finite_is_refused(task):
    folder, truth = task
    np.save(folder / "first.npy", np.full((N_CELLS, 2), np.nan))
    with pytest.raises(PeerError, match=r"first.npy has shape \(30, 2\) or values that are not finite"):
        measure_pairs(folder, truth)


def test_fraction_closer_counts_a_tie_half():
    first, second = np.array([[0.0], [1.0], [4.0]]), np.array([[1.0], [1.0], [4.0]])
    # from the first side: cell 0 has a tie of 2, from the second: none, as 1 is nearer to its own point than 0 is
    assert fractions_closer(first, second).tolist() == [0.5 * (0.5 + 1.0) / 2, 0.5 * (0.5 + 0.0) / 2, 0.0]


def test_neighbors_shared_are_none_of_far_cells():
    line = np.arange(40, dtype=float)[:, None]
    assert knn_auc(line, line, line) == 1.0
    assert knn_auc(line, line, np.roll(line, 20, axis=0)) == 0.0


def test_squared_distance_is_one_for_unrelated_pairs():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4000, 3))
    assert mean_squared_error(first, second) == pytest.approx(1.0, abs=0.05)
    assert mean_squared_error(first, first + 3) == pytest.approx(27 / (27 + 6), abs=0.02)


def test_counts_are_restored_from_log_normalized_values():
    counts = np.array([[0, 1, 3, 16], [2, 0, 1, 1]], np.float32)
    lognorm = scipy.sparse.csr_matrix(np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True)))
    assert restore_counts(lognorm).toarray().tolist() == counts.tolist()


def test_peaks_are_linked_to_genes_within_100_kb(monkeypatch):
    sites = pd.DataFrame(
        {"chromosome": ["1", "1"], "start": [200_000, 205_000], "end": [201_000, 206_000], "gene": "G"}
    )
    monkeypatch.setattr(gene_links, "start_sites", lambda _: sites)
    peaks = ["chr1_205500_205600", "chr1-99000-99999", "1-100000-110000", "chr2_200000_200100", "other"]
    links = gene_links.link_peaks(["G", "H"], peaks, "mm10").set_index("second")["distance"]
    assert links.to_dict() == {"1-100000-110000": 90_000, "chr1_205500_205600": 0}


def test_lead_in_foscttm_pairs_cells(tmp_path):
    cells = pd.DataFrame({"cell": range(100), "foscttm": np.linspace(0.1, 0.4, 100)})
    cells.to_csv(tmp_path / "smile-0-labels.csv", index=False)
    cells.assign(foscttm=cells["foscttm"] + 0.02).to_csv(tmp_path / "cca-0-labels.csv", index=False)
    assert foscttm_lead(tmp_path, "cca", "smile") == [0.02, 0.02]
