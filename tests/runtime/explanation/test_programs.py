"""Programs, and the tree of labels."""

from pathlib import Path

import anndata
import numpy as np
import pytest

from smile_runtime import Space, explain, project
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.explanation.label_tree import label_tree


@pytest.fixture(scope="module")
def query(data_folder: Path) -> anndata.AnnData:
    """Forty real cells of another laboratory."""
    return anndata.read_h5ad(data_folder / "pbmc_lupus_rna.h5ad")[:40].copy()


def test_effects_on_dimensions_are_those_of_a_projection_without_the_gene(query, space: Space):
    explanation = explain(query, space, programs=True)
    gene = "CD74"
    with_gene = project(query, space, copy=True)
    changed = query.copy()
    changed.var_names = ["NOGENE" if name == gene else name for name in query.var_names]
    added = anndata.AnnData(np.zeros((query.n_obs, 1), np.float32), obs=query.obs, var={"index": [gene]})
    added.var_names = [gene]
    without = project(anndata.concat([changed, added], axis=1, merge="first"), space, copy=True)
    moved = with_gene.obsm["X_smile"].astype(float) - without.obsm["X_smile"]
    labels = with_gene.obs["smile_label"].astype(str).to_numpy()
    known = sorted({*labels} - {"unknown"})
    expected = np.mean([moved[labels == label].mean(axis=0) for label in known], axis=0)
    rows = explanation.programs[explanation.programs["feature"] == gene]
    assert len(rows) > 5
    np.testing.assert_allclose(rows["effect"], expected[rows["dimension"]], atol=2e-6)


def test_table_of_programs(space):
    table = explain(None, space, programs=True).programs
    assert list(table.columns) == ["dimension", "label", "activity", "modality", "feature", "effect", "share"]
    assert (table.groupby("dimension").size() <= 20).all()
    assert (table.groupby("dimension")["share"].sum() <= 1 + 1e-9).all()
    for _, rows in table.groupby("dimension"):
        assert rows["effect"].is_monotonic_decreasing
    centers = LabelCenters.of(space.reference, 0).embedding
    np.testing.assert_allclose(table["activity"], centers[:, table["dimension"]].max(axis=0))


def test_programs_are_computed_on_request(space):
    explanation = explain(None, space)
    assert explanation.programs is None
    assert explanation.tree.count("'") == 2 * len(space.reference.label_columns[0].labels)


def test_tree_joins_similar_labels_first():
    turned = np.radians([0, 10, 90])
    centers = LabelCenters(np.column_stack([np.cos(turned), np.sin(turned), 0 * turned]).astype(np.float32))
    near, far = (1 - np.cos(np.radians(10))) / 2, (1 - np.cos(np.radians([90, 80]))).mean() / 2
    tree = label_tree(centers, ["a", "b's", "c"])
    assert tree == f"('c':{far:.4g},('a':{near:.4g},'b''s':{near:.4g}):{far - near:.4g});"


def test_labels_without_points_are_not_in_the_tree():
    centers = LabelCenters(np.array([[0, 0], [1, 0]], np.float32))
    assert label_tree(centers, ["none", "one"]) == "'one';"
