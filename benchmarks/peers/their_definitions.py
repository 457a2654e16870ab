"""Our figures by the definitions of other suites, where theirs differ from ours: they must agree then.

openproblems clusters at seven resolutions and takes the one with the best NMI; cz-benchmarks clusters once; sklearn's
macro-F1, which openproblems takes, also averages over labels that no cell has. scib's LISI, likewise, takes as
distances the lengths of shortest paths over the weights of scanpy's graph of neighbors, and the median over cells.
"""

from pathlib import Path

import anndata
import numpy as np
import openproblems
import pandas as pd
import scanpy as sc
from scipy.sparse.csgraph import dijkstra
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

CZ_SEED = 42
LISI_NEIGHBORS, PERPLEXITY = 90, 30
TOLERANCE, MAX_TRIES = 1e-5, 50  # of the entropy of a cell's neighbors
DIGITS = 6  # that scib's program writes of a distance


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


def lisi_figures(embedding: np.ndarray, cells: pd.DataFrame) -> dict[str, float]:
    """Return scaled iLISI of ``batch`` and cLISI of ``label`` by scib's definition."""
    graph = anndata.AnnData(obs=pd.DataFrame(index=cells.index), obsm={"X_emb": embedding})
    sc.pp.neighbors(graph, use_rep="X_emb")
    length = dijkstra(graph.obsp["connectivities"])
    np.fill_diagonal(length, np.inf)
    near = np.argsort(length, axis=1, kind="stable")[:, :LISI_NEIGHBORS]
    distances = [[float(f"{value:.{DIGITS}g}") for value in row] for row in np.take_along_axis(length, near, axis=1)]
    medians = {}
    for name in ("batch", "label"):
        codes, names = pd.factorize(cells[name])
        simpson = [simpson_index(np.array(row), codes[own]) for row, own in zip(distances, near, strict=True)]
        medians[name] = float(np.median(1 / np.array(simpson))), len(names)
    (batches, n_batches), (labels, n_labels) = medians["batch"], medians["label"]
    return {"ilisi": (batches - 1) / (n_batches - 1), "clisi": (n_labels - labels) / (n_labels - 1)}


def simpson_index(distances: np.ndarray, codes: np.ndarray) -> float:
    """Return Simpson's index of the groups of a cell's neighbors, weighted so that their perplexity is 30.

    Parameters
    ----------
    distances
        Distances of the neighbors, shape ``(n_neighbors,)``.
    codes
        Group of each, shape ``(n_neighbors,)``.
    """
    if not np.isfinite(distances).all():
        return 1.0  # too few cells can be reached
    low, high, beta = -np.inf, np.inf, 1.0
    for _ in range(MAX_TRIES + 1):
        weights = np.exp(-distances * beta)
        total = weights.sum()
        entropy = np.log(total) + beta * (distances * weights).sum() / total if total else 0.0
        gap = entropy - np.log(PERPLEXITY)
        if abs(gap) <= TOLERANCE:
            break
        low, high = (beta, high) if gap > 0 else (low, beta)
        beta = 2 * beta if high == np.inf else beta / 2 if low == -np.inf else (low + high) / 2
    if not total:
        return -1.0  # as scib has it
    return float(np.square(np.bincount(codes, weights / total)).sum())


def macro_f1_over_all(labels: Path) -> float:
    """Return F1 averaged over the labels that cells have or got, of a table of ``true``, ``label`` and ``known``."""
    table = pd.read_csv(labels, index_col="cell", dtype={"cell": str, "label": str, "true": str})
    table = table[table["known"]]
    scores = []
    for each in {*table["true"], *table["label"]}:
        own, given = table["true"] == each, table["label"] == each
        scores.append(2 * (own & given).sum() / (own.sum() + given.sum()))
    return float(np.mean(scores))
