"""What adapters of pairs share: reading a task, usual values and components of each kind, and gene activity."""

import sys
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

MIN_SHARED_GENES = 50
N_TOP_FEATURES = 2_000


@dataclass(frozen=True)
class PairTask:
    """A task: both files, the rows of known pairs (in the same order), and where the embeddings go."""

    first: anndata.AnnData
    second: anndata.AnnData
    known_first: np.ndarray
    known_second: np.ndarray
    folder: Path

    def tables(self) -> list[tuple[anndata.AnnData, np.ndarray]]:
        """Return both tables with their rows of known pairs."""
        return [(self.first, self.known_first), (self.second, self.known_second)]


def read_pairs(folder: Path) -> PairTask:
    """Read a task."""
    first, second = (anndata.read_h5ad(folder / f"{name}.h5ad") for name in ("first", "second"))
    ids_first, ids_second = (np.asarray(each.obs["pair"].astype(str)) for each in (first, second))
    known_first = np.flatnonzero(ids_first != "")
    paired_second = np.flatnonzero(ids_second != "")
    known_second = paired_second[pd.Index(ids_second[paired_second]).get_indexer(ids_first[known_first])]
    return PairTask(first, second, known_first, known_second, folder)


def usual_values(adata: anndata.AnnData) -> scipy.sparse.csr_matrix | np.ndarray:
    """Return log-normalized RNA, TF-IDF of peaks, CLR of proteins, and other values as they are."""
    values, kind = adata.X.astype(np.float64), adata.uns["kind"]
    if kind == "rna":
        return log_normalized(values)
    if kind == "atac":
        values.data[:] = 1
        frequency = scipy.sparse.diags(1 / np.maximum(values.sum(axis=1).A1, 1)) @ values
        idf = values.shape[0] / np.maximum(values.sum(axis=0).A1, 1)
        return (frequency @ scipy.sparse.diags(idf) * 1e4).log1p()  # as in Signac
    values = values.toarray()
    if kind == "adt":
        values = np.log1p(values)
        values = values - values.mean(axis=1, keepdims=True)
    return values


def dense_values(adata: anndata.AnnData) -> np.ndarray:
    """Return `usual_values`, dense."""
    values = usual_values(adata)
    return values if isinstance(values, np.ndarray) else values.toarray()


def most_variable_values(adata: anndata.AnnData, rows: np.ndarray) -> np.ndarray:
    """Return `dense_values` of the features that vary most in some rows, up to 2,000."""
    values = dense_values(adata)
    return values[:, np.sort(np.argsort(-values[rows].var(axis=0))[:N_TOP_FEATURES])]


def log_normalized(values: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """Return log of counts per ten thousand and one."""
    return (scipy.sparse.diags(1e4 / np.maximum(values.sum(axis=1).A1, 1)) @ values).log1p().tocsr()


def gene_activity(task: PairTask) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix, list[str]]:
    """Return counts of genes in the first table and their activity in the second, and the names of these genes.

    The activity is ArchR's score: peaks within 100 kb of a start site count exp(-distance / 5 kb) + exp(-1).
    """
    path = task.folder / "links.csv"
    if not path.exists():
        sys.exit(f"needs the activity of genes, which {task.second.uns['kind']} values without positions do not give")
    links = pd.read_csv(path)
    genes = [gene for gene in task.first.var_names if gene in set(links["first"])]
    if len(genes) < MIN_SHARED_GENES:
        sys.exit(f"needs the activity of genes: only {len(genes)} have a peak nearby")
    rows = task.second.var_names.get_indexer(links["second"])
    columns = pd.Index(genes).get_indexer(links["first"])
    weights = np.exp(-links["distance"] / 5e3) + np.exp(-1)
    shape = (task.second.n_vars, len(genes))
    activity = task.second.X @ scipy.sparse.csr_matrix((weights, (rows, columns)), shape)
    return task.first[:, genes].X.tocsr(), activity.tocsr(), genes


def write_embeddings(output: Path, first: np.ndarray, second: np.ndarray) -> None:
    """Write both embeddings."""
    for name, rows in (("first", first), ("second", second)):
        np.save(output / f"{name}.npy", np.asarray(rows, dtype=np.float32))
