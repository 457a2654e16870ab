"""What adapters of integration share: variable genes of all batches, and writing the embedding."""

from pathlib import Path

import anndata
import numpy as np
import scanpy as sc

N_VARIABLE = 2_000


def read_variable_genes(task: Path) -> anndata.AnnData:
    """Return log-normalized cells with the genes that vary within batches; ``layers["counts"]`` holds the counts."""
    adata = anndata.read_h5ad(task / "cells.h5ad")
    adata.layers["counts"] = adata.X.copy()
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    if adata.n_vars > N_VARIABLE:
        sc.pp.highly_variable_genes(adata, n_top_genes=N_VARIABLE, batch_key="batch", subset=True)
    return adata


def principal_components(adata: anndata.AnnData, seed: int, n_components: int = 50) -> np.ndarray:
    """Return components of log-normalized values, ``(n_cells, n_components)``."""
    sc.pp.pca(adata, n_comps=n_components, random_state=seed)
    return adata.obsm["X_pca"]


def write_embedding(output: Path, embedding: np.ndarray) -> None:
    """Write the embedding of all cells."""
    np.save(output / "embedding.npy", np.asarray(embedding, np.float32))
