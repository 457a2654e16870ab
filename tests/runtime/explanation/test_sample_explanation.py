"""Explanation of the sampled cells of a projection: which cells, their drivers, and the values of labels."""

from dataclasses import replace
from pathlib import Path

import anndata
import msgspec
import numpy as np
import pytest

from smile_runtime import ProjectionSummary, Space, explain, project_file
from smile_runtime.explanation import SampleExplanation, explain_sample
from smile_runtime.explanation.sample_explanation import choose_cells
from smile_runtime.explanation.sampled_rows import read_blocks
from smile_runtime.projection import ProjectionOptions
from smile_runtime.query import AnnDataQuery

OPTIONS = ProjectionOptions(overwrite=True)


@pytest.fixture(scope="module")
def query(data_folder: Path) -> anndata.AnnData:
    """Eighty real cells of another laboratory."""
    return anndata.read_h5ad(data_folder / "pbmc_lupus_rna.h5ad")[:80].copy()


@pytest.fixture(scope="module")
def summary(query: anndata.AnnData, space: Space, tmp_path_factory: pytest.TempPathFactory) -> ProjectionSummary:
    """Summary of their projection, with a sample of half of them."""
    folder = tmp_path_factory.mktemp("sample")
    query.write_h5ad(folder / "query.h5ad")
    return project_file(folder / "query.h5ad", space, folder / "out.h5ad", n_sample=40)


@pytest.fixture(scope="module")
def found(query: anndata.AnnData, space: Space, summary: ProjectionSummary) -> SampleExplanation:
    explanation = explain_sample(AnnDataQuery(query), space, summary, OPTIONS)
    assert explanation is not None
    return explanation


def test_rare_labels_come_first_and_the_limit_holds():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, -1, 2])
    n_embeddings = np.full(10, 100)
    assert list(np.bincount(labels[choose_cells(labels, n_embeddings, 500, seed=0)])) == [2, 2, 1]
    assert list(np.bincount(labels[choose_cells(labels, n_embeddings, 799, seed=0)])) == [4, 2, 1]
    assert list(choose_cells(labels, n_embeddings, 1e9, seed=0)) == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert list(choose_cells(labels, n_embeddings, 50, seed=0)) == []


@pytest.mark.parametrize("rows", [[0], [3, 4, 5], [0, 199, 200, 201, 700, 999], list(range(0, 1000, 7))])
def test_rows_are_read_whatever_lies_between_them(rows):
    matrix = np.arange(1000, dtype=np.float32)[:, None]
    blocks = list(read_blocks(matrix, np.array(rows)))
    assert np.concatenate([places for places, _ in blocks]).tolist() == list(range(len(rows)))
    assert np.concatenate([values[:, 0] for _, values in blocks]).tolist() == rows


def test_drivers_of_cells_are_those_of_explain(query, space, summary, found):
    table = explain(query, space, cells=True).cells.iloc[summary.sample_rows]
    assert found.cell_drivers.shape == (40, 5)
    for features, row in zip(found.cell_drivers, table.itertuples(), strict=True):
        names = [each.split()[0] for each in row.drivers.split(", ")] if row.drivers else []
        assert [found.features[each] for each in features if each >= 0] == names
    assert (found.cell_drivers[:, 0] < 0).sum() == (table["label"] == "unknown").sum()


def test_values_are_those_of_the_average_cell(query, summary, found):
    label = int(found.n_cells.argmax())
    cells = summary.sample_rows[summary.sample["label"][:, 0] == label]
    assert found.n_cells[label] == len(cells) >= 8
    counts = query.X[cells].toarray()
    scaled = counts * (1e4 / counts.sum(axis=1, keepdims=True))
    for gene in ("CD74", "JUNB", "B2M"):
        column, values = found.features.index(gene), scaled[:, query.var_names.get_loc(gene)]
        assert found.value[label, column] == pytest.approx(np.log1p(values.mean()), rel=1e-4)
        assert found.fraction[label, column] == pytest.approx((values > 0).mean())


def test_the_reference_has_the_values_of_its_profiles(space, found):
    b_cell, nk = found.labels.index("B"), found.labels.index("NK")
    cd79a, gnly = found.features.index("CD79A"), found.features.index("GNLY")
    assert found.reference[b_cell, cd79a] > 2 > 0.5 > found.reference[nk, cd79a]
    assert found.reference[nk, gnly] > 3 > 1 > found.reference[b_cell, gnly]
    share = np.exp(space.profiles("rna").log_profile)
    ratio = np.expm1(found.reference[b_cell]) / share[b_cell]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_drivers_are_those_of_the_query_where_it_has_five_cells_of_a_label(query, space, summary, found):
    stated = space.encoder().record.drivers
    few = {label for label, n in zip(found.labels, found.n_cells, strict=True) if n < 5}
    assert found.stated_labels == few
    assert found.n_cells.max() >= 5
    for label in few:
        assert [found.features[each] for each in found.label_drivers[label]] == stated[label]
    sampled = explain(query[summary.sample_rows].copy(), space).labels
    for label in set(found.labels) - few:
        own = sampled[(sampled["label"] == label) & (sampled["specific_effect"] > 0)]["feature"].head(10).tolist()
        assert [found.features[each] for each in found.label_drivers[label]] == own


def test_a_space_without_stated_drivers_has_those_of_the_query(query, space, summary):
    encoder = space.encoder()
    record, bare = msgspec.structs.replace(encoder.record, drivers=msgspec.UNSET), replace(space)
    bare.__dict__["encoders"] = {"rna": replace(encoder, record=record)}
    explanation = explain_sample(AnnDataQuery(query), bare, summary, OPTIONS)
    assert explanation is not None
    drivers = [explanation.features[each] for each in explanation.label_drivers["B"]]
    assert len({"CD79A", "CD79B", "CD74", "HLA-DRA", "MS4A1", "CD37"} & set(drivers)) >= 3


def test_a_limit_leaves_cells_out(query, space, summary, found):
    n_weights = space.manifest.files[space.encoder().record.sparse.trunk].size / 4
    limited = explain_sample(AnnDataQuery(query), space, summary, OPTIONS, max_multiplications=1000 * n_weights)
    assert limited is not None
    assert 0 < limited.n_cells.sum() < found.n_cells.sum()
    assert (limited.n_cells > 0).tolist() == (found.n_cells > 0).tolist()
