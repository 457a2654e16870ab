"""Textbook markers among the features that carry the labels of real cells, which no space was trained on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smile_runtime import Space, explain

MARKERS = {
    "B": {
        *("CD19", "MS4A1", "CD79A", "CD79B", "CD74", "CD37", "BANK1", "IGHM", "IGHD", "IGKC", "TCL1A", "FCER2", "CD22"),
        *("PAX5", "BLK", "VPREB3", "RALGPS2", "LINC00926", "SPIB", "HLA-DRA", "HLA-DQA1", "HLA-DQB1", "TNFRSF13C"),
    },
    "NK": {
        *("GNLY", "NKG7", "KLRD1", "KLRF1", "KLRB1", "KLRC1", "NCAM1", "NCR1", "PRF1", "GZMB", "GZMA", "FGFBP2"),
        *("SPON2", "CLIC3", "FCGR3A", "TYROBP", "FCER1G", "CTSW", "XCL1", "XCL2", "IL2RB", "TRDC", "S1PR5", "PRSS23"),
    },
    "CD14 Mono": {
        *("CD14", "LYZ", "S100A8", "S100A9", "S100A12", "VCAN", "FCN1", "CTSS", "MNDA", "CSF3R", "LGALS2", "MS4A6A"),
        *("CD36", "PLBD1", "CLEC7A", "CST3", "AIF1", "LST1", "TYROBP", "SERPINA1", "FPR1", "CFD"),
    },
    "CD8 T": {
        *("CD8A", "CD8B", "CD3D", "CD3E", "CD3G", "CD2", "TRAC", "GZMK", "GZMA", "GZMH", "GZMM", "CCL5", "NKG7"),
        *("CST7", "CTSW", "PRF1", "KLRG1", "KLRD1", "TRGC2", "LINC02446", "DUSP2"),
    },
}
"""Markers of the types in Azimuth's human PBMC reference, CellMarker and PanglaoDB."""
N_TOP, N_DRAWS = 10, 2000


@pytest.fixture(scope="module")
def labels(data_folder: Path, space: Space) -> pd.DataFrame:
    """Features of cells of another laboratory, by label."""
    return explain(data_folder / "pbmc_lupus_rna.h5ad", space).labels


@pytest.mark.parametrize("label", MARKERS)
def test_the_most_specific_features_are_markers(labels, label):
    features = labels.loc[labels["label"] == label, "feature"].to_numpy()
    top = [feature for feature in features[:N_TOP] if feature in MARKERS[label]]
    rng = np.random.default_rng(0)
    drawn = [len(MARKERS[label] & {*rng.choice(features, N_TOP, replace=False)}) for _ in range(N_DRAWS)]
    print(f"{label}: {len(top)} of {N_TOP}, by chance {np.mean(drawn):.2f}: {' '.join(top)}")  # noqa: T201
    assert len(top) >= 3
    assert np.quantile(drawn, 0.99) < len(top)
