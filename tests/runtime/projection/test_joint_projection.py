"""Joint projection: cells that two encoders measured, in memory and in files."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

from smile_runtime import (
    QueryError,
    Space,
    SpaceError,
    UnknownModalityError,
    explain,
    open_space,
    project,
    project_file,
)
from smile_runtime.mapping import pool_probabilities
from smile_runtime.projection import ProjectionOptions, is_projected, joint_projection, source_text
from smile_runtime.projection.joint_tables import rows_of_cells

WEIGHTS = {"rna": 1.0, "adt": 0.5}
N = 30
DEMO = Path(__file__).parents[3] / "zoo/smile_zoo/demo/query.h5ad"


@pytest.fixture(autouse=True)
def tables_of_mudata_keep_their_columns() -> Iterator[None]:
    with mudata.set_options(pull_on_update=False):
        yield


@pytest.fixture(scope="module")
def make_space(pbmc_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Space]:
    """Return a function that opens the packaged space with a second encoder, the same as the first, and weights."""

    def make(weights: dict[str, float] | None) -> Space:
        path = Path(shutil.copytree(pbmc_path, tmp_path_factory.mktemp("spaces") / "joint"))
        document = json.loads((path / "config.json").read_text("utf-8"))
        document["encoders"]["adt"] = document["encoders"]["rna"]
        if weights is not None:
            record = {"modalities": list(weights), "weights": list(weights.values()), "calibrations": {}, "n_cells": 50}
            document["joints"] = [record]
        (path / "config.json").write_text(json.dumps(document), "utf-8")
        return open_space(path, device="cpu")

    return make


@pytest.fixture(scope="module")
def joint_space(make_space: Callable[..., Space]) -> Space:
    return make_space(WEIGHTS)


@pytest.fixture
def tables() -> dict[str, anndata.AnnData]:
    """Two measurements of 30 cells: the genes of different cells of the demo, so that their labels differ."""
    cells, made = anndata.read_h5ad(DEMO), {}
    for start, name in enumerate(("rna", "adt")):
        var = pd.DataFrame({"symbol": cells.var_names.to_numpy()}, index=[f"{name}{n}" for n in range(cells.n_vars)])
        obs = pd.DataFrame(index=[f"cell{row}" for row in range(N)])
        X = cells.X[start * N : (start + 1) * N].toarray()
        made[name] = anndata.AnnData(X, obs=obs, var=var)
    return made


def one_table(tables: dict[str, anndata.AnnData]) -> anndata.AnnData:
    """Return both measurements as columns of one table."""
    words = {"rna": "Gene Expression", "adt": "Antibody Capture"}
    parts = []
    for name, table in tables.items():
        parts.append(table.copy())
        parts[-1].var["feature_types"] = words[name]
    return anndata.concat(parts, axis=1, merge="first")


def results(adata: anndata.AnnData) -> dict[str, np.ndarray]:
    fields = {name: adata.obs[name].to_numpy() for name in adata.obs if name.startswith("smile")}
    return fields | {name: np.asarray(adata.obsm[name]) for name in adata.obsm if "smile" in name}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray], rows: slice = slice(None)) -> None:
    assert set(one) - {"smile_modalities"} == set(other) - {"smile_modalities"}
    for name in set(one) & set(other):
        np.testing.assert_array_equal(one[name][rows], other[name][rows], err_msg=name)


def alone(table: anndata.AnnData, space: Space, modality: str, **options: object) -> anndata.AnnData:
    result = table.copy()
    project(result, space, modality=modality, **options)
    return result


def test_labels_are_those_of_the_weighted_product(joint_space, tables):
    joint = one_table(tables)
    project(joint, joint_space, probabilities=True, unknown_rate=0)
    single = [alone(tables[name], joint_space, name, probabilities=True, unknown_rate=0) for name in tables]
    pooled = pool_probabilities([each.obsm["smile_probabilities"] for each in single], list(WEIGHTS.values()))
    names = joint.uns["smile"]["probability_labels"]
    own = np.array([list(names).index(label) for label in joint.obs["smile_label"]])
    np.testing.assert_allclose(joint.obs["smile_confidence"], pooled[np.arange(N), own], rtol=1e-5)
    free = pooled.argmax(axis=1) == own  # others obey their coarser label
    assert free.sum() > N / 2
    np.testing.assert_allclose(joint.obsm["smile_probabilities"][free], pooled[free], atol=1e-6)
    expected = np.minimum(*(each.obs["smile_similarity"] for each in single))
    np.testing.assert_array_equal(joint.obs["smile_similarity"], expected)
    assert (joint.obs["smile_modalities"] == "rna+adt").all()
    labels = np.stack([each.obs["smile_label"].astype(str) for each in single])
    assert (labels[0] != labels[1]).any()


def test_the_embedding_is_the_mean_by_weight_and_confidence(joint_space, tables):
    joint = one_table(tables)
    project(joint, joint_space)
    single = {name: alone(table, joint_space, name) for name, table in tables.items()}
    mean = sum(
        WEIGHTS[name] * each.obs["smile_confidence"].to_numpy()[:, None] * each.obsm["X_smile"]
        for name, each in single.items()
    )
    np.testing.assert_allclose(joint.obsm["X_smile"], mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-6)
    maps = np.stack([each.obsm["X_smile_map"] for each in single.values()])
    assert (joint.obsm["X_smile_map"] == maps).all(axis=2).any(axis=0).all()


def test_a_cell_that_lacks_a_modality_keeps_the_result_of_the_other(joint_space, tables):
    single = {name: results(alone(table, joint_space, name)) for name, table in tables.items()}
    tables["adt"].X[5:10] = 0
    tables["rna"].X[20:25] = 0
    joint = one_table(tables)
    project(joint, joint_space)
    found = results(joint)
    assert_same(found, single["rna"], slice(5, 10))
    assert_same(found, single["adt"], slice(20, 25))
    assert list(joint.obs["smile_modalities"].iloc[[4, 5, 20]]) == ["rna+adt", "rna", "adt"]


def test_results_depend_neither_on_the_block_nor_on_the_order(joint_space, tables, monkeypatch):
    joint = one_table(tables)
    project(joint, joint_space, probabilities=True)
    order = np.random.default_rng(1).permutation(N)
    shuffled = one_table(tables)[order].copy()
    monkeypatch.setattr(joint_projection, "CELLS_PER_BLOCK", 7)
    project(shuffled, joint_space, probabilities=True, batch_size=4)
    expected = {name: values[order] for name, values in results(joint).items()}
    found = results(shuffled)
    for name in found:
        if found[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5, err_msg=name)
    assert list(found["smile_label"]) == list(expected["smile_label"])


def test_files_agree_with_memory_and_hold_the_cells_of_all_tables(joint_space, tables, tmp_path):
    """The tables of an h5mu file hold different cells in different orders; one names its modality in other words."""
    query = mudata.MuData({"rna": tables["rna"][:20].copy(), "prot": tables["adt"][:9:-1].copy()})
    for table in query.mod.values():
        table.obs["truth"] = pd.Categorical(["B"] * table.n_obs)
    query.write(tmp_path / "query.h5mu")
    project(query, joint_space, probabilities=True)
    summary = project_file(
        tmp_path / "query.h5mu", joint_space, tmp_path / "out.h5mu", probabilities=True, truth="truth", n_sample=4
    )
    written = mudata.read_h5mu(tmp_path / "out.h5mu")
    assert_same(results(written), results(query))
    assert dict(written.obs["smile_modalities"].value_counts()) == {"rna": 10, "rna+adt": 10, "adt": 10}
    assert written.obs["smile_modalities"]["cell3"] == "rna"
    assert summary.agreement.overall.n_cells == N
    assert len(summary.sample) == 4
    joint = one_table(tables)
    project(joint, joint_space, probabilities=True)
    assert_same(results(written[joint.obs_names[10:20]]), results(joint[10:20]))
    alone_rna = alone(tables["rna"], joint_space, "rna", probabilities=True)
    assert_same(results(written[joint.obs_names[:10]]), results(alone_rna[:10]))


def test_a_named_modality_is_projected_as_ever(joint_space, tables, tmp_path):
    mudata.MuData(tables).write(tmp_path / "query.h5mu")
    project_file(tmp_path / "query.h5mu", joint_space, tmp_path / "out.h5mu", modality="rna")
    written = mudata.read_h5mu(tmp_path / "out.h5mu")
    assert_same(results(written.mod["rna"]), results(alone(tables["rna"], joint_space, "rna")))
    assert not results(written)
    joint = one_table(tables)
    project(joint, joint_space, modality="rna")
    assert_same(results(joint), results(alone(tables["rna"], joint_space, "rna")))
    assert "smile_modalities" not in joint.obs


def test_an_h5ad_file_of_several_kinds_agrees_with_memory(joint_space, tables, tmp_path):
    joint = one_table(tables)
    joint.obs["cluster"] = ["a", "b"] * 15
    joint.write_h5ad(tmp_path / "query.h5ad")
    project(joint, joint_space, clusters="cluster")
    project_file(tmp_path / "query.h5ad", joint_space, tmp_path / "out.h5ad", modality="adt+rna", clusters="cluster")
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert_same(results(written), results(joint))
    assert list(written.uns["smile_clusters"]["label"]) == list(joint.uns["smile_clusters"]["label"])
    made = written.uns["smile"]
    assert made["modality"] == "rna+adt"
    assert list(made["joint_weights"]) == [1.0, 0.5]
    assert made["n_features_matched"] == 492
    assert {name: each["n_features_matched"] for name, each in made["modalities"].items()} == {"rna": 246, "adt": 246}
    assert {name: made["modalities"][name]["modality"] for name in ("rna", "adt")} == {"rna": "rna", "adt": "adt"}
    options = ProjectionOptions(modality="adt+rna", clusters="cluster")
    assert is_projected(tmp_path / "query.h5ad", joint_space, tmp_path / "out.h5ad", options)
    project(written, joint_space, modality="rna", overwrite=True)
    assert "smile_modalities" not in written.obs


def test_where_joining_was_no_better_the_better_modality_comes_out(make_space, tables):
    space = make_space({"rna": 0.0, "adt": 1.0})
    joint = one_table(tables)
    project(joint, space, probabilities=True)
    assert_same(results(joint), results(alone(tables["adt"], space, "adt", probabilities=True)))
    assert (joint.obs["smile_modalities"] == "adt").all()


def test_cells_that_no_modality_measured_are_unknown(joint_space, tables, tmp_path):
    other = anndata.AnnData(np.ones((2, 3), np.float32), obs=pd.DataFrame(index=["x", "y"]))
    query = mudata.MuData({**tables, "hashtags": other})
    project(query, joint_space, probabilities=True)
    assert list(query.obs.loc["x", ["smile_label", "smile_nearest_label"]]) == ["unknown", "unknown"]
    assert list(query.obs.loc["x", ["smile_modalities", "smile_runner_up"]]) == ["", ""]
    measured = ~query.obs_names.isin(["x", "y"])
    np.testing.assert_array_equal(np.isfinite(query.obsm["X_smile_map"]).all(axis=1), measured)
    assert query.obs.loc["x", "smile_confidence"] == 0


def test_cells_that_are_zero_in_the_features_of_all_modalities_are_unknown(joint_space, tables):
    for name, table in tables.items():
        other = anndata.AnnData(
            np.ones((N, 1)), obs=table.obs, var=pd.DataFrame({"symbol": ["OTHER"]}, index=[f"{name}X"])
        )
        table.X[4] = 0
        tables[name] = anndata.concat([table, other], axis=1, merge="first")
    tables["rna"].X[5, :-1] = 0
    joint = one_table(tables)
    project(joint, joint_space, unknown_rate=0)
    cell = joint.obs.iloc[4]
    assert list(cell[["smile_label", "smile_nearest_label", "smile_modalities"]]) == ["unknown", "unknown", ""]
    assert (cell["smile_confidence"], cell["smile_similarity"]) == (0, 0)
    assert np.isnan(joint.obsm["X_smile_map"][4]).all()
    assert joint.obs["smile_modalities"].iloc[5] == "adt"
    np.testing.assert_array_equal(
        results(joint)["X_smile"][5], results(alone(tables["adt"], joint_space, "adt"))["X_smile"][5]
    )


def test_a_space_without_weights_says_so(make_space, tables, tmp_path):
    space = make_space(None)
    message = "the query has rna and adt, but the space pbmc has no weights for rna[+]adt, .* it joins none"
    with pytest.raises(UnknownModalityError, match=message):
        project(one_table(tables), space)
    mudata.MuData(tables).write(tmp_path / "query.h5mu")
    with pytest.raises(UnknownModalityError, match=message):
        project_file(tmp_path / "query.h5mu", space, tmp_path / "out.h5mu")
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5mu"]


def test_the_encoder_of_a_query_of_one_modality_is_chosen(joint_space, tables, tmp_path):
    with pytest.raises(UnknownModalityError, match="several encoders: rna, adt; choose one"):
        project(tables["rna"], joint_space)  # both encoders have the same genes
    with pytest.raises(QueryError, match=r"only 'rna' is of a modality of the space pbmc; pass that table alone"):
        project(mudata.MuData({"rna": tables["rna"]}), joint_space)
    with pytest.raises(
        UnknownModalityError, match=r"no table of the query is named like an encoder .* tables are x, y"
    ):
        project(mudata.MuData({"x": tables["rna"], "y": tables["adt"]}), joint_space)
    expected = results(alone(tables["adt"], joint_space, "adt", coverage=0.9))
    stated = tables["adt"].copy()
    stated.var["feature_types"] = "Antibody Capture"
    stated.write_h5ad(tmp_path / "adt.h5ad")
    project(stated, joint_space, coverage=0.9)
    assert_same(results(stated), expected)
    assert stated.uns["smile"]["modality_chosen_because"] == "the features of the query are antibodies"
    project_file(tmp_path / "adt.h5ad", joint_space, tmp_path / "out.h5ad", coverage=0.9)
    assert_same(results(anndata.read_h5ad(tmp_path / "out.h5ad")), expected)
    other = tables["rna"][:5].copy()
    mudata.MuData({"prot": tables["adt"], "other": other}).write(tmp_path / "query.h5mu")
    summary = project_file(tmp_path / "query.h5mu", joint_space, tmp_path / "out.h5mu", coverage=0.9)
    assert_same(results(mudata.read_h5mu(tmp_path / "out.h5mu").mod["prot"]), expected)
    assert source_text(summary.provenance) == (
        "the adt encoder was chosen, because the table prot is the only one of a modality of the space; "
        "cells are those of the table prot; not read: other (5 cells)"
    )


def test_other_words_for_the_features_name_a_modality(joint_space, tables):
    joint, named = one_table(tables), one_table(tables)
    project(joint, joint_space, modality="rna+adt")
    project(named, joint_space, modality="Prot+gex")
    assert_same(results(joint), results(named))
    assert joint_space.encoder("protein").modality == "adt"
    with pytest.raises(UnknownModalityError, match=r"adt[+]prot names the same encoder .* twice"):
        project(joint, joint_space, modality="adt+prot")


def test_errors_name_the_modality_whose_table_is_wrong(joint_space, tables, tmp_path):
    zero = tables["adt"].copy()
    zero.X = zero.X * 0
    query = mudata.MuData({"rna": tables["rna"], "prot": zero})
    with pytest.raises(QueryError, match=r"adt: all values .* or label the cells by another modality alone"):
        project(query, joint_space)
    query.write(tmp_path / "zero.h5mu")
    with pytest.raises(QueryError, match=r"adt: all values .* or label the cells by another modality alone"):
        project_file(tmp_path / "zero.h5mu", joint_space, tmp_path / "out.h5mu")
    assert [path.name for path in tmp_path.iterdir()] == ["zero.h5mu"]


def test_named_modalities_that_are_missing_are_refused(joint_space, tables, tmp_path):
    with pytest.raises(QueryError, match="has no table 'adt'; it has: rna"):
        project(mudata.MuData({"rna": tables["rna"]}), joint_space, modality="rna+adt")
    with pytest.raises(UnknownModalityError, match="has no 'atac' encoder"):
        project(tables["rna"], joint_space, modality="rna+atac")
    with pytest.raises(QueryError, match="there is no file"):
        project_file(tmp_path / "missing.h5mu", joint_space, tmp_path / "out.h5mu")


def test_what_cannot_be_joined_is_refused(joint_space, tables):
    joint = one_table(tables)
    with pytest.raises(SpaceError, match=r"sets of labels \(coverage\) are calibrated for one modality"):
        project(joint, joint_space, coverage=0.9)
    project(joint, joint_space)
    with pytest.raises(QueryError, match=r"already has .*obs\['smile_modalities'\]"):
        project(joint, joint_space)
    with pytest.raises(QueryError, match="several cells are named 'a', so those of rna"):
        rows_of_cells(["a", "b"], ["a", "a"], "rna")
    with pytest.raises(QueryError, match="the whole file lacks 1 cell of rna, such as 'c'; update"):
        rows_of_cells(["a", "b"], ["a", "c"], "rna")


def test_labels_of_several_modalities_are_not_explained_at_once(joint_space, tables, tmp_path):
    mudata.MuData(tables).write(tmp_path / "query.h5mu")
    for query in (one_table(tables), tmp_path / "query.h5mu"):
        with pytest.raises(UnknownModalityError, match=r"query and the space share rna and adt, .* choose one"):
            explain(query, joint_space)
