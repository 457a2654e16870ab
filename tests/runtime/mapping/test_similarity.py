"""Similarity distinguishes cells of known types from cells unlike the reference."""

import anndata
import numpy as np
import pytest

from smile_runtime import QueryError, open_space, project
from smile_runtime.manifest import SimilarityRecord
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors
from smile_runtime.mapping.similarity import mean_distance, similarity_of

RECORD = SimilarityRecord(quantiles=[0.1, 0.2, 0.4, 0.5, 0.9], n_cells=10)


def test_similarity_is_the_fraction_of_known_cells_that_are_more_dissimilar():
    distance = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.5], np.float32)
    similarity = similarity_of(distance, RECORD)
    assert similarity.dtype == np.float32
    np.testing.assert_allclose(similarity, [1, 1, 0.625, 0.25, 0.125, 0, 0], atol=1e-6)


def test_distance_is_the_mean_over_neighbors():
    neighbors = NearestNeighbors(np.zeros((2, 3), np.intp), np.array([[0.1, 0.2, 0.6], [0, 0, 0]], np.float32))
    np.testing.assert_allclose(mean_distance(neighbors), [0.3, 0])


@pytest.fixture
def cells(data_folder):
    """A third of the PBMC that the space was trained on."""
    return anndata.read_h5ad(data_folder / "pbmc_rna.h5ad")[::3].copy()


def test_only_cells_below_the_rate_are_unknown(cells, space):
    labels = {}
    for rate in (0.0, 0.05, 0.5, 1.0):
        project(cells, space, unknown_rate=rate, overwrite=True)
        labels[rate] = cells.obs["smile_label"].astype(str).to_numpy()
        assert cells.uns["smile"]["unknown_rate"] == rate
    known, similarity = labels[0.0], cells.obs["smile_similarity"].to_numpy()
    assert "unknown" not in known
    for rate in (0.05, 0.5, 1.0):
        np.testing.assert_array_equal(labels[rate], np.where(similarity < rate, "unknown", known))
    assert 0 < (labels[0.5] == "unknown").mean() < 1


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_rate_outside_zero_and_one_raises(counts, space, rate):
    with pytest.raises(QueryError, match="must be a fraction of cells from 0"):
        project(counts, space, unknown_rate=rate)


def test_space_without_similarity_labels_nothing_unknown(counts, edit_manifest):
    space = open_space(
        edit_manifest(lambda document: document["encoders"]["rna"].update(similarity=None, calibrations={})),
        device="cpu",
    )
    project(counts, space, unknown_rate=1.0)
    assert "unknown" not in set(counts.obs["smile_label"])
    assert "smile_similarity" not in counts.obs


def test_similarity_of_a_cell_does_not_depend_on_other_cells(cells, space):
    project(cells, space)
    alone = cells[7].copy()
    project(alone, space, overwrite=True)
    assert alone.obs["smile_similarity"].iloc[0] == pytest.approx(cells.obs["smile_similarity"].iloc[7], abs=0.02)


def test_cells_of_other_tissues_are_unknown_in_blood(data_folder, space):
    pancreas = anndata.read_h5ad(data_folder / "pancreas_rna.h5ad")
    pancreas.X.data = np.rint(pancreas.X.data)
    lines = anndata.read_h5ad(data_folder / "cell_lines_rna.h5ad")
    for query, values in ((pancreas, "counts"), (lines, None)):
        project(query, space, values=values)
        assert (query.obs["smile_label"] == "unknown").mean() >= 0.9
