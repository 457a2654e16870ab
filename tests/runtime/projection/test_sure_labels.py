"""Probabilities and sets of labels: the same in memory, in arrays, in files, and whatever the batch size."""

from dataclasses import replace
from pathlib import Path

import anndata
import dask.array as da
import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from smile_runtime import QueryError, Space, SpaceError, open_space, project, project_arrays, project_file
from smile_runtime.projection import streaming
from smile_runtime.results import compare_labels

DEMO = Path(__file__).parents[3] / "zoo/smile_zoo/demo/query.h5ad"
FIELDS = ["smile_runner_up", "smile_margin", "smile_set", "smile_label_guaranteed"]
SURE = {"probabilities": True, "coverage": 0.9}


def add_sets(document: dict) -> None:
    document["encoders"]["rna"]["label_sets"] = {
        "coverage": [0.5, 0.9],
        "detected": [60.0],
        "limits": [[0.6, 0.9], [0.5, 0.85]],
        "left_out": "batches",
        "n_cells": 500,
    }


@pytest.fixture
def counts() -> anndata.AnnData:
    """Forty real blood cells, of which some become unknown."""
    cells = anndata.read_h5ad(DEMO)
    return cells[::5].copy()


@pytest.fixture
def sure_space(edit_manifest) -> Space:
    return open_space(edit_manifest(add_sets), device="cpu")


@pytest.fixture
def projected(counts, sure_space) -> anndata.AnnData:
    result = project(counts, sure_space, copy=True, **SURE)
    assert result is not None
    return result


def test_the_most_probable_label_is_the_nearest_one(projected):
    probability, obs = projected.obsm["smile_probabilities"], projected.obs
    names = projected.uns["smile"]["probability_labels"]
    assert (probability.dtype, probability.shape) == (np.float32, (40, 10))
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
    assert (probability > 0).all()
    np.testing.assert_array_equal(names[probability.argmax(axis=1)], obs["smile_nearest_label"].astype(str))
    above_chance = obs["smile_confidence"] >= 0.1
    np.testing.assert_array_equal(probability.max(axis=1)[above_chance], obs["smile_confidence"][above_chance])
    two = np.sort(probability, axis=1)[:, -2:]
    np.testing.assert_array_equal(obs["smile_margin"], two[:, 1] - two[:, 0])
    runner_up = names[np.argsort(probability, axis=1)[:, -2]]
    clear = obs["smile_margin"] > 1e-6  # others are equal where they would exceed the nearest label
    np.testing.assert_array_equal(runner_up[clear], obs["smile_runner_up"].astype(str)[clear])


def test_sets_hold_the_labels_within_the_limit_of_the_depth(counts, sure_space):
    counts = counts[:, counts.var_names.isin(sure_space.encoder().features.ids)].copy()  # others match by former names
    project(counts, sure_space, unknown_rate=0.0, **SURE)
    names = counts.uns["smile"]["probability_labels"]
    detected = np.asarray((counts.X > 0).sum(axis=1)).ravel()
    assert 5 < (detected < 60).sum() < 35
    limit = np.where(detected < 60, 0.9, 0.85)
    for row, each in enumerate(counts.obs["smile_set"]):
        score = 1 - counts.obsm["smile_probabilities"][row].astype(float)
        within = (score <= limit[row]) | (names == counts.obs["smile_nearest_label"].iloc[row])
        assert each.split("|") == list(names[within])
    assert counts.uns["smile"]["coverage"] == 0.9


def test_a_set_shares_its_label_or_a_coarser_one(counts, sure_space):
    project(counts, sure_space, unknown_rate=0.0, coverage=0.9)
    fine, broad, _ = sure_space.reference.label_columns
    parent = dict(zip(fine.labels, (broad.labels[each] for each in fine.parents), strict=True))
    for each, shared in zip(counts.obs["smile_set"], counts.obs["smile_label_guaranteed"], strict=True):
        labels = each.split("|")
        parents = {parent[label] for label in labels}
        assert shared == (labels[0] if len(labels) == 1 else parents.pop() if len(parents) == 1 else "")
    assert "smile_probabilities" not in counts.obsm
    assert "smile_margin" not in counts.obs


def test_unknown_cells_have_empty_sets(counts, sure_space):
    project(counts, sure_space, unknown_rate=1.0, coverage=0.9)
    unknown = counts.obs["smile_label"] == "unknown"
    assert unknown.sum() > 30
    assert set(counts.obs["smile_set"][unknown]) == {""}
    assert set(counts.obs["smile_label_guaranteed"][unknown]) == {"unknown"}


def test_nothing_is_added_unless_asked_for(counts, space):
    project(counts, space)
    assert not set(FIELDS) & set(counts.obs)
    assert "smile_probabilities" not in counts.obsm
    assert not {"coverage", "probability_labels"} & set(counts.uns["smile"])


def test_other_fields_stay_the_same(counts, space, projected):
    project(counts, space)
    assert_frame_equal(projected.obs.drop(columns=FIELDS), counts.obs)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_results_do_not_depend_on_the_batch_size(counts, sure_space, projected, batch_size, monkeypatch):
    monkeypatch.setattr(streaming, "rows_per_read", lambda _matrix: batch_size)
    monkeypatch.setattr(streaming, "MAX_CHUNK_ROWS", batch_size)
    project(counts, sure_space, batch_size=batch_size, **SURE)
    np.testing.assert_allclose(
        counts.obsm["smile_probabilities"], projected.obsm["smile_probabilities"], rtol=1e-3, atol=1e-6
    )
    assert_frame_equal(counts.obs, projected.obs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_files_hold_what_memory_holds(counts, sure_space, projected, suffix, tmp_path):
    query, output = tmp_path / f"query{suffix}", tmp_path / f"out{suffix}"
    getattr(counts, f"write_{suffix[1:]}")(query)
    summary = project_file(query, sure_space, output, **SURE)
    written = (anndata.read_h5ad if suffix == ".h5ad" else anndata.read_zarr)(output)
    assert_frame_equal(written.obs.drop(columns="bulk_labels"), projected.obs.drop(columns="bulk_labels"))
    np.testing.assert_array_equal(written.obsm["smile_probabilities"], projected.obsm["smile_probabilities"])
    names = projected.uns["smile"]["probability_labels"]
    np.testing.assert_array_equal(written.uns["smile"]["probability_labels"], names)
    assert summary.sets is not None
    sizes = [len(each.split("|")) for each in projected.obs["smile_set"] if each]
    assert (summary.sets.coverage, summary.sets.n_cells) == (0.9, len(sizes))
    assert summary.sets.mean_size == pytest.approx(np.mean(sizes))
    assert summary.sets.fraction_single == pytest.approx(np.mean(np.array(sizes) == 1))
    several = projected.obs["smile_set"][projected.obs["smile_set"].str.contains("|", regex=False)].value_counts()
    frequent = summary.sets.frequent
    assert list(frequent.values()) == several[several > 0].head(10).tolist()
    assert all(several[name] == n for name, n in frequent.items())


def test_parquet_holds_what_memory_holds(counts, sure_space, projected, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    counts.write_h5ad(tmp_path / "query.h5ad")
    project_file(tmp_path / "query.h5ad", sure_space, tmp_path / "out.parquet", only_embedding=True, **SURE)
    table = parquet.read_table(tmp_path / "out.parquet")
    for name in FIELDS:
        assert table[name].to_pylist() == projected.obs[name].tolist()
    probability = np.array(table["smile_probabilities"].to_pylist(), np.float32)
    np.testing.assert_array_equal(probability, projected.obsm["smile_probabilities"])


def test_arrays_have_what_memory_has(counts, sure_space, projected):
    for result in (
        sure_space.project_arrays(counts.X, counts.var_names, **SURE),
        project_arrays(counts.X, counts.var_names, sure_space, **SURE),
    ):
        np.testing.assert_array_equal(result.probabilities, projected.obsm["smile_probabilities"])
        values = (result.runner_up, result.margin, result.sets, result.guaranteed_labels)
        for name, each in zip(FIELDS, values, strict=True):
            np.testing.assert_array_equal(each, projected.obs[name].to_numpy())
    plain = sure_space.project_arrays(counts.X, counts.var_names)
    assert (plain.probabilities, plain.runner_up, plain.sets, plain.guaranteed_labels) == (None, None, None, None)


def test_dask_blocks_have_what_memory_has(counts, sure_space):
    counts.X = counts.X.toarray()
    lazy = anndata.AnnData(da.from_array(counts.X, chunks=(11, -1)), obs=counts.obs.copy(), var=counts.var.copy())
    project(lazy, sure_space, **SURE)
    project(counts, sure_space, **SURE)
    np.testing.assert_allclose(lazy.obsm["smile_probabilities"], counts.obsm["smile_probabilities"], atol=1e-5)
    assert_frame_equal(lazy.obs, counts.obs, rtol=1e-4, atol=1e-6)


def test_fields_of_an_earlier_projection_are_replaced_or_removed(projected, sure_space, tmp_path):
    with pytest.raises(QueryError, match=r"already has .*obsm\['smile_probabilities'\].*obs\['smile_set'\]"):
        project(projected, sure_space, **SURE)
    projected.write_h5ad(tmp_path / "again.h5ad")
    project_file(tmp_path / "again.h5ad", sure_space, tmp_path / "out.h5ad", overwrite=True, coverage=0.5)
    project(projected, sure_space, overwrite=True, coverage=0.5)
    for adata in (projected, anndata.read_h5ad(tmp_path / "out.h5ad")):
        assert set(FIELDS) & set(adata.obs) == {"smile_set", "smile_label_guaranteed"}
        assert "smile_probabilities" not in adata.obsm
        assert adata.uns["smile"]["coverage"] == 0.5


def test_a_space_without_calibrated_sets_says_so(counts, edit_manifest):
    space = open_space(edit_manifest(lambda document: document["encoders"]["rna"].pop("label_sets")), device="cpu")
    with pytest.raises(SpaceError, match=r"^pbmc has no calibrated sets of labels; train it again, or pull a newer"):
        project(counts, space, coverage=0.9)
    project(counts, space, probabilities=True)  # which needs none
    assert "smile_probabilities" in counts.obsm


def test_a_coverage_that_the_space_cannot_promise_is_rejected(counts, sure_space):
    with pytest.raises(QueryError, match=r"must be from 0\.5 to 0\.9 in this space, got 0\.99 \(coverage\)"):
        project(counts, sure_space, coverage=0.99)


def test_a_reference_without_labels_has_nothing_to_be_sure_of(counts, edit_manifest, pbmc_copy):
    from safetensors.numpy import load_file, save_file

    points = pbmc_copy / "reference/points.safetensors"
    arrays = load_file(points)
    save_file({**arrays, "label": np.empty((len(arrays["weight"]), 0), np.int64)}, points)

    def remove_labels(document: dict) -> None:
        document["reference"]["label_columns"] = []
        document["encoders"]["rna"].update(calibrations={}, similarity=None)

    bare = open_space(Path(edit_manifest(remove_labels)), device="cpu")
    with pytest.raises(SpaceError, match="the reference of pbmc has no labels"):
        project(counts, bare, probabilities=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limits": [[0.6, 0.9]]}, "limits of label sets that are not 2 lists of 2 values"),
        ({"coverage": [0.9, 0.5]}, "coverages of label sets that decrease from 0.9 to 0.5"),
        ({"limits": [[0.6, 0.5], [0.5, 0.6]]}, "limits of label sets that decrease from 0.6 to 0.5"),
    ],
)
def test_limits_that_contradict_one_another_are_rejected(edit_manifest, change, message):
    def damage(document: dict) -> None:
        add_sets(document)
        document["encoders"]["rna"]["label_sets"].update(change)

    with pytest.raises(SpaceError, match=message):
        open_space(edit_manifest(damage), device="cpu")


@pytest.fixture
def clustered(counts) -> anndata.AnnData:
    counts.obs["leiden"] = [None if row == 0 else f"{row % 3}" for row in range(counts.n_obs)]
    return counts


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_clusters_have_the_same_labels_everywhere(clustered, space, tmp_path):
    clustered.write_h5ad(tmp_path / "query.h5ad")
    summary = project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", clusters="leiden")
    arrays = space.project_arrays(clustered.X, clustered.var_names, clusters=clustered.obs["leiden"])
    project(clustered, space, clusters="leiden")
    table = clustered.uns["smile_clusters"]
    assert table["cluster"].tolist() == ["0", "1", "2"]
    assert table["n_cells"].sum() == 39
    assert summary.clusters == arrays.clusters
    assert [each.label for each in arrays.clusters] == table["label"].tolist()
    written = anndata.read_h5ad(tmp_path / "out.h5ad").uns
    assert written["smile"]["clusters"] == "leiden"
    assert set(written["smile_clusters"]) == set(table)
    for name, values in table.items():
        np.testing.assert_array_equal(written["smile_clusters"][name], values)
    project(clustered, space, probabilities=True, key_added="other")
    in_first = (clustered.obs["leiden"] == "1").to_numpy()
    mean = clustered.obsm["other_probabilities"][in_first].astype(float).mean(axis=0)
    assert table["probability_1"][1] == pytest.approx(mean.max())
    assert "smile_probabilities" not in clustered.obsm


def test_columns_and_arrays_that_name_no_clusters_are_rejected(clustered, space):
    with pytest.raises(QueryError, match="no column 'louvain' in obs; its columns are: 'bulk_labels', 'leiden'"):
        project(clustered, space, clusters="louvain")
    with pytest.raises(QueryError, match=r"X has 40 cells, clusters has shape \(3,\); pass one cluster per cell"):
        space.project_arrays(clustered.X, clustered.var_names, clusters=["a", "b", "c"])
    clustered.obs["score"] = np.linspace(0, 1, 40)
    with pytest.raises(QueryError, match=r"fractions such as 0, which name no clusters; .* cluster of each cell"):
        project(clustered, space, clusters="score")


def test_known_labels_are_compared_while_streaming(counts, space, tmp_path):
    project(counts, space)
    known = counts.obs["smile_nearest_label"].astype(str)
    known.iloc[:3], known.iloc[3] = "platelet", None
    counts.obs["known"] = known
    counts.write_h5ad(tmp_path / "query.h5ad")
    summary = project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad", overwrite=True, truth="known")
    expected = compare_labels(known, counts.obs["smile_label"], space.reference.label_columns[0].labels)
    assert summary.agreement == replace(expected, column="cell_type")
    assert summary.agreement.overall.n_right == (counts.obs["smile_label"] != "unknown")[4:].sum()
    assert set(summary.agreement.lacking) == {"platelet"}
    assert summary.agreement.n_without == 1


def test_known_labels_that_the_space_lacks_stop_before_the_first_cell(counts, space, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    done = []
    with pytest.raises(QueryError, match=r"none of the known labels \('CD14\+ Monocyte', .*'\); .* 'pDC'"):
        project_file(
            tmp_path / "query.h5ad",
            space,
            tmp_path / "out.h5ad",
            truth="bulk_labels",
            progress=lambda *n: done.append(n),
        )
    assert not done
