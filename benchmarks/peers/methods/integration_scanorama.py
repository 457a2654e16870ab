"""Scanorama's integration of log-normalized batches, at its defaults: 100 components."""

import anndata
import numpy as np
import scanorama
from adapter import phase, report, task_folders
from integration_cells import read_variable_genes, write_embedding

task, output, seed = task_folders()
with phase("build"):
    adata = read_variable_genes(task)
    batches = [adata[adata.obs["batch"] == batch].copy() for batch in adata.obs["batch"].unique()]
    scanorama.integrate_scanpy(batches, seed=seed)
    placed = anndata.concat(batches)[adata.obs_names]
write_embedding(output, np.asarray(placed.obsm["X_scanorama"]))
report("scanorama")
