"""Our figures by the definitions of other suites, where theirs differ from ours: they must agree then.

openproblems clusters at seven resolutions and takes the one with the best NMI; cz-benchmarks clusters once; sklearn's
macro-F1, which openproblems takes, also averages over labels that no cell has.
"""

from pathlib import Path

import anndata
import numpy as np
import openproblems
import pandas as pd
import scanpy as sc
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

CZ_SEED = 42


def clustering_figures(embedding: np.ndarray, labels: pd.Series, suite: str) -> dict[str, float]:
    """Return NMI and ARI of a suite's clustering of an embedding, ``(n_cells, n_latent)``."""
    cells = anndata.AnnData(obs=pd.DataFrame(index=labels.index), obsm={"X_emb": embedding})
    if suite == "cz-benchmarks":
        cells = anndata.AnnData(embedding)
        sc.pp.neighbors(cells, use_rep="X", random_state=CZ_SEED)
        settings = {"random_state": CZ_SEED}
        resolutions: tuple[float, ...] = (1.0,)
    else:
        sc.pp.neighbors(cells, use_rep="X_emb")
        settings, resolutions = {}, openproblems.RESOLUTIONS
    scores = []
    for resolution in resolutions:
        sc.tl.leiden(cells, resolution=resolution, flavor="igraph", n_iterations=2, **settings)
        found = cells.obs["leiden"].to_numpy()
        scores.append((normalized_mutual_info_score(labels, found), adjusted_rand_score(labels, found)))
    nmi, ari = max(scores, key=lambda each: each[0])
    return {"nmi": float(nmi), "ari": float(ari)}


def macro_f1_over_all(labels: Path) -> float:
    """Return F1 averaged over the labels that cells have or got, of a table of ``true``, ``label`` and ``known``."""
    table = pd.read_csv(labels, index_col="cell", dtype={"cell": str, "label": str, "true": str})
    table = table[table["known"]]
    scores = []
    for each in {*table["true"], *table["label"]}:
        own, given = table["true"] == each, table["label"] == each
        scores.append(2 * (own & given).sum() / (own.sum() + given.sum()))
    return float(np.mean(scores))
