"""Tasks of vertical integration: two modalities of the same cells, of which only training pairs are known.

A task is ``first.h5ad`` and ``second.h5ad``, one modality each, with rows shuffled apart and cells renamed. ``obs`` has
``pair`` (the same id in both files for training cells, else empty) and ``batch``, and the first file's has ``label`` of
training cells. ``uns`` has ``kind`` (of values, as in a recipe). ``links.csv`` lists the genes near each peak.
"""

from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy
from gene_links import link_peaks
from measure_pairs import PairTruth, measure_pairs
from numpy.typing import NDArray
from sets import Kind

from smile_training.data.folds import batch_folds, split_folds

N_FOLDS = 3
MAX_BATCH_FOLDS = 5


@dataclass(frozen=True)
class PairSet:
    """Files and properties of a data set.

    Attributes
    ----------
    first, second
        Files of the two modalities, one or several of each.
    kinds
        Kinds of their values.
    genome
        Assembly of the peaks, for gene activity; empty if the second modality has none.
    lognorm
        Whether the RNA is log-normalized, so that counts are restored: a cell's smallest value is one count.
    presence
        Whether the second modality's values are no counts, so that only their presence is used.
    """

    first: str
    second: str
    kinds: tuple[str, str]
    genome: str = ""
    lognorm: bool = False
    presence: bool = False


SETS = {
    "scgem": PairSet("scgem_rna", "scgem_meth", ("processed", "methylation")),
    "snare-cell-lines": PairSet("snare_cellmix_rna", "snare_cellmix_atac_topics", ("rna", "processed")),
    "bmmc-cite-a": PairSet("bmmc_cite_A_rna", "bmmc_cite_A_adt", ("rna", "adt")),
    "bmmc-cite-b": PairSet("bmmc_cite_B_rna", "bmmc_cite_B_adt", ("rna", "adt")),
    "bmmc-multiome": PairSet("bmmc_multiome_A_rna", "bmmc_multiome_A_atac", ("rna", "atac"), "hg38"),
    "a549": PairSet("a549_rna", "a549_atac", ("rna", "atac"), "hg19", lognorm=True, presence=True),
    "pbmc-10k-cite": PairSet("pbmc_10k_cite_rna", "pbmc_10k_cite_adt", ("rna", "adt")),
    "mouse-cortex": PairSet("mouse_cortex_snare_rna", "mouse_cortex_snare_atac", ("rna", "atac"), "mm10"),
}


def left_out_cells(obs: pd.DataFrame, seed: int) -> NDArray[np.bool_] | None:
    """Return the cells whose pairs are left out, shape ``(n_cells,)``; None if there are fewer splits.

    Whole batches where there are several, at most five parts of them (so seed 0 leaves out the libraries that the
    recipe `mouse-cortex` does), else a third of the cells of each label.
    """
    if obs["batch"].nunique() > 1:
        folds = list(batch_folds(obs["batch"].cat.codes.to_numpy(np.int64), MAX_BATCH_FOLDS, 0))
    else:
        folds = list(split_folds(obs["label"].cat.codes.to_numpy(np.int64), N_FOLDS, 0))
    if seed >= len(folds):
        return None
    chosen = np.zeros(len(obs), bool)
    chosen[folds[seed][1]] = True
    return chosen


def read_pairs(data: Path, name: str) -> tuple[anndata.AnnData, anndata.AnnData]:
    """Return both modalities of a data set, with the same cells in the same order, their labels and batches."""
    properties = SETS[name]
    first = anndata.read_h5ad(data / f"{properties.first}.h5ad")
    second = anndata.read_h5ad(data / f"{properties.second}.h5ad")
    second = second[first.obs_names]
    batch = first.obs["batch"].astype(str) if "batch" in first.obs else "one"
    columns = {"label": first.obs["cell_type"].astype(str), "batch": batch}
    obs = pd.DataFrame(columns, first.obs_names).astype("category")
    tables = []
    for adata, kind in zip((first, second), properties.kinds, strict=True):
        values = scipy.sparse.csr_matrix(adata.X, dtype=np.float32)
        tables.append(anndata.AnnData(values, obs=obs.copy(), var=adata.var[[]], uns={"kind": kind}))
    if properties.lognorm:
        tables[0].X = restore_counts(tables[0].X)
    if properties.presence:
        tables[1].X.data[:] = 1
    return tables[0], tables[1]


def restore_counts(lognorm: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Return counts of log-normalized cells, whose smallest value stands for one, shape ``(n_cells, n_genes)``."""
    counts = lognorm.copy()
    for start, end in zip(counts.indptr[:-1], counts.indptr[1:], strict=True):
        row = np.expm1(counts.data[start:end].astype(np.float64))
        counts.data[start:end] = np.round(row / row.min()) if len(row) else row
    return counts


def write_task(data: Path, name: str, seed: int, folder: Path) -> PairTruth | None:
    """Write a task, and return what embeddings are compared with; None if the set has no split of this seed."""
    tables = read_pairs(data, name)
    left_out = left_out_cells(tables[0].obs, seed)
    if left_out is None:
        return None
    rng = np.random.default_rng(seed)
    orders = []
    for file, adata in zip(("first", "second"), tables, strict=True):
        order = rng.permutation(adata.n_obs)
        shuffled = adata[order].copy()
        shuffled.obs["pair"] = np.where(left_out[order], "", [f"pair-{row}" for row in order])
        if file == "first":
            shuffled.obs["label"] = np.where(left_out[order], "", shuffled.obs["label"].astype(str))
        else:
            del shuffled.obs["label"]
        shuffled.obs_names = [f"{file}-{row}" for row in range(adata.n_obs)]
        shuffled.write_h5ad(folder / f"{file}.h5ad")
        orders.append(order)
    if SETS[name].genome:
        links = link_peaks(tables[0].var_names, tables[1].var_names, SETS[name].genome)
        links.to_csv(folder / "links.csv", index=False)
    labels = tables[0].obs["label"].cat.codes.to_numpy(np.int64)
    return PairTruth(
        orders=(orders[0], orders[1]),
        left_out=left_out,
        labels=labels,
        values=tables[0].X,
        counts=tables[0].uns["kind"] == "rna",
    )


KIND = Kind(tuple(SETS), write_task, measure_pairs, kept=("first.npy", "second.npy", "labels.csv"))
