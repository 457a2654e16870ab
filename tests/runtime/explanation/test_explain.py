"""Explanations of labels: effects, sampling, tables, and the errors of `explain`."""

from pathlib import Path

import anndata
import numpy as np
import pytest

from smile_runtime import QueryError, Space, SpaceError, explain, open_space, project
from smile_runtime.explanation import write_tables
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.query_labels import sample_cells

LABEL_COLUMNS = [
    *("label", "feature", "effect", "specific_effect", "share"),
    *("fraction", "mean", "n_cells", "n_labeled"),
]


@pytest.fixture(scope="module")
def query(data_folder: Path) -> anndata.AnnData:
    """Sixty real cells of another laboratory."""
    return anndata.read_h5ad(data_folder / "pbmc_lupus_rna.h5ad")[:60].copy()


@pytest.fixture(scope="module")
def projected(query: anndata.AnnData, space: Space) -> anndata.AnnData:
    """The same cells, projected."""
    return project(query, space, copy=True)


@pytest.fixture(scope="module")
def explanation(query: anndata.AnnData, space: Space):
    return explain(query, space, cells=True)


def embedding_without(query: anndata.AnnData, space: Space, gene: str) -> np.ndarray:
    """Return the embedding of cells whose counts of a gene go to one that the space does not know.

    Their totals, and with them the size factors, stay the same.
    """
    column = query.var_names.get_loc(gene)
    X = query.X.toarray()
    removed = X[:, column].copy()
    X[:, column] = 0
    X = np.column_stack([X, removed])
    cells = anndata.AnnData(X, var={"index": [*query.var_names, "NOGENE"]})
    cells.var_names = [*query.var_names, "NOGENE"]
    return project(cells, space, copy=True).obsm["X_smile"]


@pytest.mark.parametrize("gene", ["CD79A", "GNLY", "MALAT1"])
def test_effects_are_those_of_a_projection_without_the_gene(query, projected, space, explanation, gene):
    reference = space.reference
    labels = reference.label_columns[0].labels
    without = embedding_without(query, space, gene)
    rows = explanation.labels[explanation.labels["feature"] == gene].set_index("label")
    assert len(rows) >= (1 if gene == "CD79A" else 2)
    for label, row in rows.iterrows():
        points = reference.label[:, 0] == labels.index(label)
        center = reference.weight[points] @ reference.embedding[points]
        center /= np.linalg.norm(center)
        cells = (projected.obs["smile_label"] == label).to_numpy()
        change = (projected.obsm["X_smile"][cells] - without[cells]) @ center
        assert row["effect"] == pytest.approx(change.mean(), abs=2e-6)
        counts = query.X[cells][:, [query.var_names.get_loc(gene)]].toarray()
        assert row["fraction"] == pytest.approx((counts > 0).mean())
        assert row["n_cells"] == row["n_labeled"] == cells.sum()


def test_table_of_labels(explanation):
    table = explanation.labels
    assert list(table.columns) == LABEL_COLUMNS
    for _, rows in table.groupby("label"):
        assert rows["specific_effect"].is_monotonic_decreasing
        assert rows["share"][rows["share"] > 0].sum() == pytest.approx(1)
    assert (table["fraction"] > 0).all()


def test_specific_effect_is_relative_to_the_label_that_a_gene_carries_most(explanation):
    table = explanation.labels.pivot_table(index="feature", columns="label", values="effect", fill_value=0.0)
    n_cells = explanation.labels.groupby("label")["n_cells"].first()
    compared = table[n_cells.index[n_cells >= 5]]
    assert compared.shape[1] >= 3
    for row in explanation.labels.itertuples():
        others = compared.drop(columns=row.label, errors="ignore").loc[row.feature].max()
        assert row.specific_effect == pytest.approx(row.effect - others, abs=1e-9)


def test_table_of_cells(explanation, projected):
    cells = explanation.cells
    assert list(cells.index) == list(projected.obs_names)
    np.testing.assert_array_equal(cells["label"], projected.obs["smile_label"].astype(str))
    explained = cells[cells["label"] != "unknown"]
    assert (explained["runner_up"] != explained["label"]).all()
    for text in explained["drivers"]:
        strengths = [float(each.split()[-1]) for each in text.split(", ")]
        assert len(strengths) == 5
        assert strengths == sorted(strengths, reverse=True)
    unknown = cells[cells["label"] == "unknown"]
    assert (unknown[["runner_up", "drivers"]] == "").all().all()
    assert unknown["confidence"].isna().all()
    projected.obs["smile_drivers"] = cells["drivers"]  # as the documents suggest
    assert list(projected.obs["smile_drivers"]) == list(cells["drivers"])


def test_cells_are_explained_by_their_margin(query, projected, space, explanation):
    cell, row = next((name, row) for name, row in explanation.cells.iterrows() if row["label"] == "B")
    gene, strength = row["drivers"].split(", ")[0].split()
    centers = LabelCenters.of(space.reference, 0)
    labels = space.reference.label_columns[0].labels
    index = query.obs_names.get_loc(cell)
    margins = []
    for embedding in (projected.obsm["X_smile"], embedding_without(query, space, gene)):
        similarity = dict(zip(labels, centers.similarity(embedding[[index]])[0], strict=True))
        margins.append(similarity.pop("B") - max(similarity.values()))
    assert float(strength) == pytest.approx(margins[0] - margins[1], abs=1e-4)


def test_a_file_gives_the_same_as_memory(query, space, explanation, tmp_path):
    query.write_h5ad(tmp_path / "query.h5ad")
    found = explain(tmp_path / "query.h5ad", space, cells=True)
    assert found.labels.equals(explanation.labels)
    assert found.cells.equals(explanation.cells)


def test_a_cells_features_do_not_depend_on_other_cells(query, space, explanation):
    found = explain(query[10:20].copy(), space, cells=True)
    for one, other in zip(found.cells["drivers"], explanation.cells["drivers"][10:20], strict=True):
        strengths = [dict(each.split() for each in text.split(", ") if each) for text in (one, other)]
        assert list(strengths[0]) == list(strengths[1])
        values = [np.array([*each.values()], float) for each in strengths]
        np.testing.assert_allclose(*values, atol=2e-5)  # the last digit may be rounded in another way


def test_cells_are_sampled_with_a_seed(query, space):
    one, same, other = (explain(query, space, max_cells=3, seed=seed) for seed in (0, 0, 1))
    assert one.labels.equals(same.labels)
    assert not one.labels.equals(other.labels)
    assert one.labels["n_cells"].max() == 3
    assert one.labels["n_labeled"].max() > 3
    assert one.provenance["max_cells"] == 3


def test_sample_has_no_unknown_cells_and_keeps_the_order():
    labels = np.array([1, -1, 0, 1, 1, -1, 0])
    assert list(sample_cells(labels, 10, 0)) == [0, 2, 3, 4, 6]
    chosen = sample_cells(labels, 1, 0)
    assert sorted(labels[chosen]) == [0, 1]
    assert list(sample_cells(np.array([-1, -1]), 5, 0)) == []


def test_unknown_cells_alone_give_empty_tables(counts, space):
    found = explain(counts, space, cells=True)
    assert found.labels.empty
    assert list(found.labels.columns) == LABEL_COLUMNS
    assert set(found.cells["label"]) == {"unknown"}


def test_another_label_column(query, space):
    found = explain(query, space, label_column="cell_type_broad")
    assert set(found.labels["label"]) <= set(space.reference.label_columns[1].labels)
    assert found.provenance["label_column"] == "cell_type_broad"


def test_batches_with_different_genes(query, space):
    parts = [query[:30, ::2].copy(), query[30:].copy()]
    for part in parts:
        part.X = part.X.toarray()
    joined = anndata.concat(parts, join="outer", fill_value=np.nan)
    found = explain(joined, space, cells=True)
    expected = [explain(part, space, cells=True).cells["drivers"] for part in parts]
    assert list(found.cells["drivers"]) == [text for part in expected for text in part]


def test_average_cells_are_explained_without_a_query(space):
    found = explain(None, space)
    assert set(found.labels["label"]) == set(space.reference.label_columns[0].labels)
    assert (found.labels["n_cells"] == 1).all()
    assert found.labels["fraction"].isna().all()
    assert found.labels.groupby("label")["n_labeled"].first().sum() == space.manifest.reference.n_cells
    values = found.labels.groupby("feature")["mean"].max()
    assert 0.1 < values.median() < values.max() < 9  # log-normalized, as those of cells
    assert "MS4A1" in set(found.labels[found.labels["label"] == "B"]["feature"][:20])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"cells": True}, r"no cells to list; pass one, or omit the table of cells \(cells=False\)"),
        ({"label_column": "cell_type_broad"}, "profiles of a space are those of its primary labels"),
        (
            {"layer": "counts", "values": "counts"},
            r"but no query is given; pass one, or leave these options out \(layer, values\)",
        ),
        ({"table": "rna"}, r"but no query is given; .* \(table\)"),
    ],
)
def test_options_of_a_query_need_one(space, arguments, text):
    with pytest.raises(QueryError, match=text):
        explain(None, space, **arguments)


def test_a_space_without_profiles_needs_a_query(edit_manifest):
    def change(document):
        document["encoders"]["rna"]["similarity"] = None
        document["encoders"]["rna"]["calibrations"] = {}

    space = open_space(edit_manifest(change), device="cpu")
    with pytest.raises(QueryError, match="the space pbmc has no profiles of its labels to explain; pass a query"):
        explain(None, space)


def test_an_encoder_without_sparse_files_is_refused(edit_manifest, query):
    def change(document):
        record = document["encoders"]["rna"]
        record.update(similarity=None, calibrations={})
        del record["sparse"]

    space = open_space(edit_manifest(change), device="cpu")
    with pytest.raises(SpaceError, match="no sparse first layer, from which features can be left out"):
        explain(query, space)


def test_int8_spaces_are_explained_in_float32(int8_copy, query, explanation):
    found = explain(query, open_space(int8_copy, device="cpu", precision="int8"))
    assert set(found.labels["label"]) == set(explanation.labels["label"])
    columns = ["label", "feature", "effect"]
    both = found.labels[columns].merge(explanation.labels[columns], on=columns[:2])
    assert len(both) == len(explanation.labels)
    np.testing.assert_allclose(both["effect_x"], both["effect_y"], atol=1e-6)


def test_unknown_label_column(query, space):
    with pytest.raises(QueryError, match=r"has no label column 'tissue'; it has: cell_type, cell_type_broad"):
        explain(query, space, label_column="tissue")


def test_a_matrix_is_no_query(space):
    with pytest.raises(QueryError, match="an AnnData or the path of a file is needed, got ndarray"):
        explain(np.ones((3, 4)), space)


def test_tables_are_written_all_or_none(explanation, space, query, tmp_path):
    labels, cells = tmp_path / "drivers.tsv", tmp_path / "cells.tsv"
    write_tables(explanation, labels, cells=cells)
    lines = labels.read_text("utf-8").splitlines()
    assert lines[0].split("\t") == LABEL_COLUMNS
    assert len(lines) == 1 + len(explanation.labels)
    header, *rows = cells.read_text("utf-8").splitlines()
    assert header.split("\t") == ["cell", "label", "confidence", "runner_up", "drivers"]
    assert len(rows) == (explanation.cells["label"] != "unknown").sum()
    labels.unlink()
    with pytest.raises(QueryError, match=r"no table of cells; request it \(cells=True\)"):
        write_tables(explain(query, space), labels, cells=cells, force=True)
    assert not labels.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["cells.tsv"]
