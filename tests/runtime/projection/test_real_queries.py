"""Real queries from other laboratories: the labels agree with marker genes."""

import anndata
import numpy as np
import pytest

from smile_runtime import project

MARKERS = {
    "T": ["CD3D", "CD3E", "CD3G", "CD2", "IL7R", "TRAC"],
    "B": ["MS4A1", "CD79A", "CD79B", "CD74"],
    "NK": ["GNLY", "NKG7", "KLRD1", "KLRF1", "PRF1", "GZMB"],
    "Mono": ["LYZ", "CD14", "S100A8", "S100A9", "FCGR3A", "FCN1", "CST3"],
}
"""Canonical markers of blood lineages; many are not among the genes of the space."""


def standardized(values: np.ndarray) -> np.ndarray:
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def lineage_by_markers(adata: anndata.AnnData) -> np.ndarray:
    """Return the lineage whose markers each cell expresses most, relative to the other cells, shape ``(n_obs,)``."""
    scale = 1e4 / np.asarray(adata.X.sum(axis=1))
    scores = [
        standardized(np.log1p(adata[:, adata.var_names.isin(genes)].X.toarray() * scale)).mean(axis=1)
        for genes in MARKERS.values()
    ]
    return np.array(list(MARKERS))[standardized(np.stack(scores, axis=1)).argmax(axis=1)]


@pytest.mark.parametrize(
    ("name", "max_unknown"), [("pbmc_3chem_counts_unlabelled", 0.03), ("pbmc_ifnb_counts_unlabelled", 0.07)]
)
def test_confident_labels_agree_with_marker_genes(data_folder, space, name, max_unknown):
    query = anndata.read_h5ad(data_folder / f"{name}.h5ad")
    project(query, space)
    lineage = query.obs["smile_label_cell_type_broad"].astype(str).to_numpy()
    confident = np.isin(lineage, list(MARKERS)) & (query.obs["smile_confidence"] >= 0.9).to_numpy()
    assert confident.mean() > 0.4  # of another laboratory, a half of them stimulated
    assert (lineage_by_markers(query)[confident] == lineage[confident]).mean() >= 0.85
    assert (lineage == "unknown").mean() <= max_unknown
    assert set(MARKERS) <= set(lineage)


def test_stimulated_cells_keep_their_types(data_folder, space):
    """Interferon changes thousands of genes, but the proportions of the lineages stay."""
    query = anndata.read_h5ad(data_folder / "pbmc_ifnb_counts_unlabelled.h5ad")
    project(query, space)
    label = query.obs["smile_label_cell_type_broad"].astype(str)
    shares = {}
    for batch in ("kang_ctrl", "kang_stim"):
        known = label[(query.obs["batch"] == batch) & (label != "unknown")]
        shares[batch] = known.value_counts(normalize=True)
    for lineage in MARKERS:
        assert abs(shares["kang_ctrl"][lineage] - shares["kang_stim"][lineage]) < 0.1
